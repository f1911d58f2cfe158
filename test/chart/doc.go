// Package chart holds what Lectern is installed by: the Helm charts of charts/ and the kustomizations of config/. It renders
// them with the real helm and kubectl, compares what they render with files that people read, and asks a real API server
// whether it takes that, what its accounts may do by it, and whether Pod Security lets its pods run.
//
// It is tests only, and nothing in it runs what is rendered: test/e2e does.
package chart
