// Package catalog keeps in memory what a server serves: bodies of prompts, ready to render, and
// pages of lists.
//
// It knows no MCP and no callers: what it is asked for was already allowed. Its invariant: an
// answer is never older than the feed had shown when the question came. With the store away it
// answers from what it holds.
package catalog
