// Package v1alpha1 is the contract: the custom resources of group lectern.dev as people write them.
//
// It is inert. It imports apimachinery and nothing that does work, so that a client of the API
// takes on no runtime of ours. Every rule a manifest must meet that the API server can check is a
// marker here; what only the compiler can check is in internal/prompt.
//
// +kubebuilder:object:generate=true
// +groupName=lectern.dev
package v1alpha1
