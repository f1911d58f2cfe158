// Package flux has Flux's own kustomize-controller apply prompts, and holds what docs/flux.md says of it.
//
// `make test-flux` runs it, by the build tag flux: the controller is built from its Go module, which takes minutes. In place of
// source-controller a server of the test answers for a GitRepository, as its contract allows.
package flux
