// Package access tests who gets in, over all of Lectern as processes with authentication on: callers of every kind ask for
// everything there is, at every endpoint, and what they get is held against what Kubernetes itself says they may.
//
// It asks Kubernetes another question than Lectern does (a SelfSubjectAccessReview under impersonation), so that a mistake
// in how a caller's identity is passed on shows. Only what a client can see is asserted, never time: figures are logged.
package access
