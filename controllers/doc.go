// Package controllers is `lectern controller`: it sets up the manager and gives each reconciler what
// it needs. Beside it stand the commands that share its rights: migrate, release and seal.
//
// It knows nothing of MCP. Controllers are the only writers of objects, versions and tokens.
//
// +kubebuilder:rbac:groups=lectern.dev,resources=prompts,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=lectern.dev,resources=prompts/status,verbs=patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups="",resources=namespaces,resourceNames=kube-system,verbs=get
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=lectern-system,resources=leases,verbs=create
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=lectern-system,resources=leases,resourceNames=lectern-controller,verbs=get;update
// +kubebuilder:rbac:groups="",namespace=lectern-system,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingadmissionpolicies;mutatingadmissionpolicybindings,verbs=list
package controllers
