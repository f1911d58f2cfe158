// Package memory is the store of prompts of one process, which ends with it.
//
// It knows no files and no MCP, and decides by the same rules as the store in Postgres. Its invariant is that
// store's: revisions have no gaps and become visible in order.
package memory
