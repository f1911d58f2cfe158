// Package manifest reads Prompt manifests from files, judges them as an API server does, and says what
// they mean: to the compiler, to the store, and after an edit an agent asked for.
//
// It needs no API server, no SQL and no MCP. Its one invariant: a manifest means the same in a folder on
// a laptop as it does in a cluster. So the schema, its rules and the reading of YAML are those of
// Kubernetes itself; what is ours is where a fault stands and how to mend it.
package manifest
