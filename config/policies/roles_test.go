package policies_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// verbs are all that anybody may be asked for on prompts and connections.
var verbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "promote", "use", "operate", "audit"}

func TestRoles(t *testing.T) {
	const writes = "get list watch create update patch delete deletecollection"
	for role, want := range map[string]map[string]string{
		"lectern-view":       {"prompts": "get list watch", "sdpconnections": "get list watch"},
		"lectern-edit":       {"prompts": writes, "sdpconnections": writes},
		"lectern-admin":      {"prompts": writes + " promote", "sdpconnections": writes + " use operate"},
		"lectern-agent":      {"prompts": "get list", "sdpconnections": "use"},
		"lectern-technician": {"prompts": "get list", "sdpconnections": "use operate"},
		"lectern-promoter":   {"prompts": "get promote", "sdpconnections": ""},
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			ns := newNamespace(t, map[string][]string{"account": {role}})
			account := caller{ns, "account"}
			for _, resource := range []string{"prompts", "sdpconnections"} {
				if got := strings.Join(allowedVerbs(t, account, ns, resource, verbs), " "); got != want[resource] {
					t.Errorf("on %s it may %q; want %q", resource, got, want[resource])
				}
				if got := allowedVerbs(t, account, "default", resource, verbs); len(got) > 0 {
					t.Errorf("on %s in another namespace it may %v", resource, got)
				}
				if got := allowedVerbs(t, account, ns, resource+"/status", verbs); len(got) > 0 {
					t.Errorf("on the status of %s it may %v", resource, got)
				}
			}
		})
	}
}

// TestRoles_AdminBindsTheOthers has whoever is admin of a namespace bind the other roles there, which Kubernetes allows to those
// who have what they give; who may edit cannot.
func TestRoles_AdminBindsTheOthers(t *testing.T) {
	// The first has what Kubernetes' own role takes in by a controller that does not run here; it is known when the second is.
	ns := newNamespace(t, map[string][]string{"admin": {"system:aggregate-to-admin", "lectern-admin"}, "editor": {"system:aggregate-to-admin", "lectern-edit"}})
	for _, role := range []string{"lectern-view", "lectern-edit", "lectern-agent", "lectern-technician", "lectern-promoter"} {
		bind := []string{"create", "rolebinding", role, "--clusterrole=" + role, "--serviceaccount=" + ns + ":triage", "--dry-run=server"}
		if err := (caller{ns, "admin"}).kubectl(t, bind...); err != nil {
			t.Errorf("who is admin binds %s: %v", role, err)
		}
		err := caller{ns, "editor"}.kubectl(t, bind...)
		if isEdit := role == "lectern-view" || role == "lectern-edit"; (err == nil) != isEdit {
			t.Errorf("who may edit binds %s: %v", role, err)
		}
	}
}

// allowedVerbs returns which of the verbs an account has.
func allowedVerbs(t *testing.T, c caller, namespace, resource string, verbs []string) []string {
	t.Helper()
	resource, subresource, _ := strings.Cut(resource, "/")
	var allowed []string
	for _, verb := range verbs {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: c.subject(), Groups: []string{"system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: "lectern.dev", Resource: resource, Subresource: subresource, Verb: verb, Namespace: namespace,
			},
		}}
		require.NoError(t, api.Create(t.Context(), review))
		if review.Status.Allowed {
			allowed = append(allowed, verb)
		}
	}
	return allowed
}

// TestRoles_Aggregation finds what Kubernetes' own roles take in, as its controller does: by their selectors, again and again.
func TestRoles_Aggregation(t *testing.T) {
	for role, want := range map[string][]string{
		"view":  {"lectern-view"},
		"edit":  {"lectern-edit", "lectern-view"},
		"admin": {"lectern-admin", "lectern-edit", "lectern-view"},
	} {
		var got []string
		for name := range aggregatedInto(t, role) {
			if strings.HasPrefix(name, "lectern-") {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s takes in (-want +got):\n%s", role, diff)
		}
	}
}

// aggregatedInto returns the names of the ClusterRoles that one takes in, itself among them.
func aggregatedInto(t *testing.T, name string) map[string]bool {
	t.Helper()
	var role rbacv1.ClusterRole
	require.NoError(t, api.Get(t.Context(), client.ObjectKey{Name: name}, &role))
	found := map[string]bool{name: true}
	if role.AggregationRule == nil {
		return found
	}
	for _, s := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		require.NoError(t, err)
		var selected rbacv1.ClusterRoleList
		require.NoError(t, api.List(t.Context(), &selected, client.MatchingLabelsSelector{Selector: selector}))
		for _, r := range selected.Items {
			maps.Copy(found, aggregatedInto(t, r.Name))
		}
	}
	return found
}
