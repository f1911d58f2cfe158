// Package manifest reads manifests of Prompts and SDPConnections from files and validates them as an API server does.
//
// It needs no API server, no SQL and no MCP. Its one invariant: what it accepts, a cluster accepts, and the
// other way round. So the schema, its rules and the reading of YAML are those of Kubernetes itself; what is
// ours is where a mistake stands and how to correct it. What an object means is for internal/promptobject and
// internal/connectionobject to say.
package manifest
