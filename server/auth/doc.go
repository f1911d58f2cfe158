// Package auth says who a caller is and what the caller may do.
//
// It knows no MCP and no store beyond a prompt's key. Its one invariant: a decision uses only what
// the request names, and is made before anything is looked up, so that a denial cannot depend on
// whether the thing exists.
package auth
