// Package writetrace binds where a write to ServiceDesk Plus is looked up to the intent that it is of.
//
// It knows no SQL and no MCP. Its one invariant: what it decodes was encoded by who has the keys, for this connection, intent and mark.
// Who has the servers' database role alone can store what it likes, and have nobody look for it.
package writetrace
