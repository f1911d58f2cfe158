package changes_test

import (
	"context"
	"net/http"
	"path"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/changes"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// testWriteInFlight: a controller that may not write follows one whose write is still under way. It answers
// once that write can land no more, and does not put that off by what it tries itself.
func testWriteInFlight(t *testing.T) {
	owner := pgtest.New(t)
	s, writer, begin := newControllerIn(t, owner, true)
	tried := func(when string) { // rather than that the test must be done while a write lasts
		t.Helper()
		_, err := pgtest.Connect(t, owner).Exec(t.Context(), "update prompt_changes set tried_at = now() + $1::interval where state = 'Pending'", when)
		require.NoError(t, err)
	}
	ns := cluster.CreateNamespace(t)
	objects, refused := newReader(t, ns)
	begun := func(name string) (*v1alpha1.Prompt, store.ChangeRequest) {
		t.Helper()
		p := controllerstest.NewPrompt(ns, name, "one")
		p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "all"}
		p = cluster.CreatePrompt(t, p)
		r := controllerstest.NewRequest(store.Key{Namespace: ns, Name: name}, store.ActionUpdate, store.Edit{Content: new("ours")})
		_, err := s.RequestChange(t.Context(), r)
		require.NoError(t, err)
		open, err := writer.NextChange(t.Context(), r.Key)
		require.NoError(t, err)
		require.NoError(t, writer.BeginChange(t.Context(), open, store.Intent{UID: string(p.UID), ResourceVersion: p.ResourceVersion, Generation: 2}))
		return p, r
	}
	_, lost := begun("lost")
	p, late := begun("late")
	tried("1 hour")
	begin(func(c *changes.Changes) { c.Objects = objects })
	for name := ""; name != p.Name; {
		select {
		case name = <-refused:
		case <-time.After(30 * time.Second):
			t.Fatal("no write was refused")
		}
	}
	cluster.EditPrompt(t, p, func(p *v1alpha1.Prompt) {
		p.Spec.Text, p.Annotations[v1alpha1.LastChangeAnnotation] = "ours", late.ID
	})
	controllerstest.WaitUntilApplied(t, s, late)
	open, err := writer.NextChange(t.Context(), lost.Key)
	require.NoError(t, err)
	if open.Attempt != 1 {
		t.Errorf("%d attempts were begun while the first may land", open.Attempt)
	}
	tried("-1 hour")
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, lost), store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonForbidden})
}

// newReader makes a client that may read prompts and nothing else, and a channel with the name of each prompt it is
// refused to write.
func newReader(t *testing.T, user string) (objects client.Client, refused <-chan string) {
	t.Helper()
	require.NoError(t, cluster.Client.Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"prompts"}, Verbs: []string{"get"}},
	}}))
	require.NoError(t, cluster.Client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}))
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate.UserName = user
	names := make(chan string, 1000)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(r)
			if err == nil && r.Method == http.MethodPatch && answer.StatusCode == http.StatusForbidden {
				names <- path.Base(r.URL.Path)
			}
			return answer, err
		})
	})
	objects, err := client.New(config, client.Options{Scheme: cluster.Client.Scheme(), Mapper: cluster.Client.RESTMapper()})
	require.NoError(t, err)
	p := &v1alpha1.Prompt{}
	require.Eventually(t, func() error { // until the API server knows the rights
		return client.IgnoreNotFound(objects.Get(t.Context(), client.ObjectKey{Namespace: user, Name: "nobody"}, p))
	})
	return objects, names
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// testNullsInConflict: a patch that says null holds the version of the object as every other does.
func testNullsInConflict(t *testing.T) {
	s, _, begin := newController(t, true)
	p := controllerstest.NewPrompt(cluster.CreateNamespace(t), "nulls", "one")
	p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "all"}
	p = cluster.CreatePrompt(t, p)
	r := controllerstest.NewRequest(store.Key{Namespace: p.Namespace, Name: p.Name}, store.ActionUpdate, store.Edit{Metadata: []byte(`{"a":null}`)})
	_, err := s.RequestChange(t.Context(), r)
	require.NoError(t, err)
	begin(func(c *changes.Changes) {
		c.Objects = &overtaken{Client: c.Objects, first: func() {
			cluster.EditPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text, p.Annotations["example.org/kept"] = "theirs", "yes" })
		}}
	})
	controllerstest.WaitUntilApplied(t, s, r)
	now := cluster.GetPrompt(t, r.Key)
	if now.Spec.Text != "theirs" || now.Annotations["example.org/kept"] != "yes" || string(now.Spec.Metadata.Raw) != `{"a":null}` {
		t.Errorf("the object is %+v, %v", now.Spec, now.Annotations)
	}
}

// overtaken is a client of whose patches the first comes second.
type overtaken struct {
	client.Client
	once  sync.Once
	first func()
}

func (o *overtaken) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	o.once.Do(o.first)
	return o.Client.Patch(ctx, obj, patch, opts...)
}
