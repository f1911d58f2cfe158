// Package argocd has Argo CD's own application controller and repo server synchronise prompts from a Git repository, and holds
// what docs/argocd.md says of it.
//
// `make test-argocd` runs it, by the build tag argocd: Argo CD is built from its Go module, which takes 10 minutes.
package argocd
