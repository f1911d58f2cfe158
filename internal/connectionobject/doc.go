// Package connectionobject says what an SDPConnection object means: to the store, to the servers, and to whoever calls
// ServiceDesk Plus.
//
// It is pure, and knows no SQL, no MCP and nothing of how an object was read. Its one invariant: what a manifest leaves out
// has its value here and nowhere else, never in the schema.
package connectionobject
