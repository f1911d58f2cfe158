// Package manifest says what a Prompt manifest means: to the compiler, to the store, and after an
// edit an agent asked for.
//
// It knows no API server, no SQL and no MCP. Its one invariant: a manifest means the same in a
// folder on a laptop as it does in a cluster.
package manifest
