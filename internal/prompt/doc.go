// Package prompt compiles Prompt specs into Documents and renders them.
//
// It knows no Kubernetes, no SQL and no MCP. Compiling is pure: the same spec and the same
// fragments give the same Document and the same Digest on every machine, which is what lets a
// publish be a no-op. Rendering a compiled Document cannot fail for a reason the author could have
// been told at compile time.
package prompt
