// Package promptobject says what a Prompt object means: to the compiler, to the store, and after an edit an agent
// asked for.
//
// It is pure, and knows no SQL, no MCP and nothing of how an object was read: neither files nor an API server's
// code. Its one invariant: an object means the same in a folder on a laptop as it does in a cluster.
package promptobject
