package installations

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func rule(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}

// The rights of a controller: everywhere, in a namespace that it watches, and in its own. The right to patch objects everywhere is
// for a namespace that is deleted, whose RoleBinding goes first.
var (
	everywhere = []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, ResourceNames: []string{"kube-system"}, Verbs: []string{"get"}},
		rule("authentication.k8s.io", "tokenreviews", "create"), rule("authorization.k8s.io", "subjectaccessreviews", "create"),
		rule("lectern.dev", "prompts", "patch"), rule("lectern.dev", "sdpconnections", "patch"),
	}
	whereWatched = []rbacv1.PolicyRule{
		rule("lectern.dev", "prompts", "get", "list", "watch", "patch", "create", "delete", "promote"),
		rule("lectern.dev", "prompts/status", "patch"), rule("events.k8s.io", "events", "create", "patch"),
		rule("lectern.dev", "sdpconnections", "get", "list", "watch", "patch"), rule("lectern.dev", "sdpconnections/status", "patch"),
	}
	atHome = []rbacv1.PolicyRule{
		rule("coordination.k8s.io", "leases", "create"),
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{lease}, Verbs: []string{"get", "update"}},
		rule("", "events", "create", "patch"), rule("events.k8s.io", "events", "create", "patch"),
	}
)

// grantRights gives the installation's account what its controller needs.
func (i *installation) grantRights(t *testing.T) {
	t.Helper()
	all := everywhere
	if len(i.watched) == 0 {
		all = append(append([]rbacv1.PolicyRule{}, everywhere...), whereWatched...)
	}
	i.createRole(t, "", i.clusterWideName(), all)
	i.createRole(t, i.namespace, lease, atHome)
	for _, namespace := range i.watched {
		i.createRole(t, namespace, i.clusterWideName(), whereWatched)
	}
}

// clusterWideName is the name of what no namespace of the installation holds.
func (i *installation) clusterWideName() string { return lease + "-" + i.namespace }

// createRole makes a Role and its binding, or a ClusterRole where there is no namespace.
func (i *installation) createRole(t *testing.T, namespace, name string, rules []rbacv1.PolicyRule) {
	t.Helper()
	at := metav1.ObjectMeta{Namespace: namespace, Name: name}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: i.namespace, Name: lease}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}
	objects := []client.Object{
		&rbacv1.Role{ObjectMeta: at, Rules: rules}, &rbacv1.RoleBinding{ObjectMeta: at, Subjects: subjects, RoleRef: ref},
	}
	if namespace == "" {
		ref.Kind = "ClusterRole"
		objects = []client.Object{
			&rbacv1.ClusterRole{ObjectMeta: at, Rules: rules}, &rbacv1.ClusterRoleBinding{ObjectMeta: at, Subjects: subjects, RoleRef: ref},
		}
	}
	for _, object := range objects {
		require.NoError(t, client.IgnoreAlreadyExists(i.Client.Create(t.Context(), object)))
	}
}

// allowRelease gives the account the rights of the hook that uninstalls.
func (i *installation) allowRelease(t *testing.T) {
	t.Helper()
	deletes := func(kind string) rbacv1.PolicyRule {
		return rule("admissionregistration.k8s.io", kind, "delete", "list")
	}
	i.createRole(t, "", i.clusterWideName()+"-release", []rbacv1.PolicyRule{
		rule("lectern.dev", "prompts", "get", "list", "patch"), rule("lectern.dev", "prompts/status", "patch"),
		rule("lectern.dev", "sdpconnections", "get", "list", "patch"), rule("lectern.dev", "sdpconnections/status", "patch"),
		deletes("validatingadmissionpolicies"), deletes("validatingadmissionpolicybindings"),
		deletes("mutatingadmissionpolicies"), deletes("mutatingadmissionpolicybindings"),
	})
	i.createRole(t, i.namespace, lease+"-release", []rbacv1.PolicyRule{
		rule("apps", "deployments", "get"), rule("apps", "deployments/scale", "patch"),
		rule("", "pods", "list"), rule("coordination.k8s.io", "leases", "get", "delete"),
	})
}
