// Package access knows who a caller is and what the caller may do: a token is proven by Kubernetes (TokenReview) or by an
// OpenID Connect issuer, and every right is asked of Kubernetes (SubjectAccessReview).
//
// It is used where callers are met: by server/auth, by the controller when it takes a change request, and by commands. It
// knows no HTTP of callers, no MCP and no store. Its invariant: what cannot be asked is not allowed.
//
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
package access
