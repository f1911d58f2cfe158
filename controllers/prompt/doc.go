// Package prompt reconciles Prompt objects: fetch, compile, one publish, one status patch.
//
// It knows neither SQL nor MCP: what is stored is behind Store. Its invariant: whatever happens
// between two steps, running the reconcile again ends in the same rows and the same status, and a
// second run with nothing changed writes nothing.
package prompt
