// Package catalog keeps in memory what a server serves: bodies of prompts, ready to render, and
// pages of lists.
//
// It knows no MCP and no callers: whether a caller may read was decided before. Its invariant: a
// result is never older than the feed was known to be when the call came. While the store is away it
// serves from memory.
package catalog
