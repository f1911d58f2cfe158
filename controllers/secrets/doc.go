// Package secrets makes the Secrets of an installation that nobody can put into a template: the keys of change requests and of
// stored tokens, the passwords of the trial database, and what servers log in with. It renews the servers' database password, too.
//
// It reads Secrets of the controller's own namespace, by name; it lists and watches none. Its invariant: what is there wins. A Secret
// is made once, where there is none, and changed only by the rotations of passwords and of seal keys, which change none that somebody
// else made.
//
// +kubebuilder:rbac:groups="",namespace=lectern-system,resources=secrets,verbs=create
// +kubebuilder:rbac:groups="",namespace=lectern-system,resources=secrets,resourceNames=lectern-intake;lectern-seal;lectern-trial;lectern-server-database,verbs=get;patch
// +kubebuilder:rbac:groups=apps,namespace=lectern-system,resources=deployments,resourceNames=lectern-controller,verbs=get
package secrets
