// Package gitops is where Argo CD and Flux meet Lectern in tests: a stack whose callers prove who they are, an agent that asks
// for changes over MCP, and a Git repository with config/samples.
//
// It knows neither of the two; test/argocd and test/flux start theirs beside it.
package gitops
