package changes_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/changes"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// cluster is the API server of all tests of this package that need one.
var cluster *controllerstest.Cluster

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestChanges(t *testing.T) {
	cluster = controllerstest.StartCluster(t)
	for name, test := range map[string]func(*testing.T){
		"a released object is answered for":             testReleasedObject,
		"without proof nothing is written":              testProof,
		"a missing CRD is no answer":                    testMissingCRD,
		"an edit after a crash is not taken for ours":   testEditAfterCrash,
		"a write in flight puts a rejection off":        testWriteInFlight,
		"a patch with nulls gives way to other writers": testNullsInConflict,
		"every verb is asked for":                       testRights,
		"a token has to be valid, and ours alone":       testTokens,
		"what is forged touches nobody":                 testForgedRows,
		"keys are rotated, late and lost":               testKeys,
		"a proof is asked for again":                    testExpiryBeforeApply,
		"nobody can be asked":                           testUnavailable,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// newController makes a database of its own, and a controller of changes on it that begin starts.
func newController(t *testing.T, unproven bool) (s *postgres.Store, writer *postgres.Writer, begin func(...func(*changes.Changes))) {
	t.Helper()
	return newControllerIn(t, pgtest.New(t), unproven)
}

func newControllerIn(t *testing.T, owner postgres.Options, unproven bool) (s *postgres.Store, writer *postgres.Writer, begin func(...func(*changes.Changes))) {
	t.Helper()
	s, err := postgres.Open(t.Context(), owner)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	writer = s.Writer("another cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	if !unproven {
		writer.ProvenOnly()
	}
	worker := &changes.Changes{
		Objects: client.WithFieldOwner(cluster.Client, promptobject.AgentFieldManager), Store: writer,
		Listen:   func(ctx context.Context, wake func()) { s.ListenChanges(ctx, func(string) { wake() }) },
		Recorder: events.NewFakeRecorder(10), AllowUnproven: unproven, Concurrency: 1,
		Drifted: make(chan event.GenericEvent, 1000),
	}
	return s, writer, func(but ...func(*changes.Changes)) {
		for _, change := range but {
			change(worker)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- worker.Start(ctx) }()
		t.Cleanup(func() {
			cancel()
			require.NoError(t, <-ended)
		})
	}
}

// testProof: where the installation wants proof of who asks, nothing is changed for those who give none.
func testProof(t *testing.T) {
	s, _, begin := newController(t, false)
	begin()
	key := store.Key{Namespace: cluster.CreateNamespace(t), Name: "x"}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("x")})),
		store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonUnproven})
	var p v1alpha1.Prompt
	if err := cluster.Client.Get(t.Context(), client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, &p); !apierrors.IsNotFound(err) {
		t.Errorf("it was created: %v", err)
	}
}

// testMissingCRD: an API server that does not serve prompts says "not found", too, and that is
// no word about any of them.
func testMissingCRD(t *testing.T) {
	s, writer, begin := newController(t, true)
	key := store.Key{Namespace: cluster.CreateNamespace(t), Name: "alive"}
	p := controllerstest.NewPrompt(key.Namespace, key.Name, "one")
	p.UID, p.Generation = "u1", 1
	compiled, err := promptobject.ResolveAndCompile(t.Context(), writer, key.Namespace, promptobject.SpecOf(&p.Spec))
	require.NoError(t, err)
	_, err = writer.Publish(t.Context(), promptobject.PublicationOf(p, compiled, 1000))
	require.NoError(t, err)
	for _, r := range []store.ChangeRequest{
		controllerstest.NewRequest(key, store.ActionDelete, store.Edit{}),
		controllerstest.NewRequest(store.Key{Namespace: key.Namespace, Name: "absent"}, store.ActionUpdate, store.Edit{Content: new("x")}),
		controllerstest.NewRequest(store.Key{Namespace: key.Namespace, Name: "new"}, store.ActionAdd, store.Edit{Content: new("x")}),
	} {
		_, err := s.RequestChange(t.Context(), r)
		require.NoError(t, err)
	}
	open, err := writer.NextChange(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, writer.BeginChange(t.Context(), open, store.Intent{UID: "u1", ResourceVersion: "10", Generation: 1}))

	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.AddSpecific(v1alpha1.GroupVersion.WithKind("Prompt"), v1alpha1.GroupVersion.WithResource("unserved"),
		v1alpha1.GroupVersion.WithResource("unserved"), meta.RESTScopeNamespace)
	unserved, err := client.New(cluster.Config, client.Options{Scheme: cluster.Client.Scheme(), Mapper: mapper})
	require.NoError(t, err)
	failed := make(chan string, 1000)
	begin(func(c *changes.Changes) {
		c.Objects = unserved
		c.Log = funcr.New(func(_, args string) { failed <- args }, funcr.Options{})
	})
	for missing := map[string]bool{"alive": true, "absent": true, "new": true}; len(missing) > 0; {
		select {
		case said := <-failed:
			for name := range missing {
				if strings.Contains(said, `"name"="`+name+`"`) {
					delete(missing, name)
				}
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no attempt failed at any of %v", missing)
		}
	}
	if live, err := writer.PublishedState(t.Context(), key); err != nil || live.UID != "u1" {
		t.Errorf("live is %+v, %v", live, err)
	}
}

// testEditAfterCrash: a controller ended after it wrote the object, and another writer replaced the edit
// before the next one took over. What it finds is the mark, not the generation the edit was in.
func testEditAfterCrash(t *testing.T) {
	s, writer, begin := newController(t, true)
	p := cluster.CreatePrompt(t, controllerstest.NewPrompt(cluster.CreateNamespace(t), "overtaken", "one"))
	key := store.Key{Namespace: p.Namespace, Name: p.Name}
	r := controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new("ours")})
	_, err := s.RequestChange(t.Context(), r)
	require.NoError(t, err)
	open, err := writer.NextChange(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, writer.BeginChange(t.Context(), open, store.Intent{UID: string(p.UID), ResourceVersion: p.ResourceVersion, Generation: 2}))
	cluster.EditPrompt(t, p, func(p *v1alpha1.Prompt) {
		p.Spec.Text, p.Annotations = "ours", map[string]string{v1alpha1.LastChangeAnnotation: r.ID}
	})
	cluster.EditPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "theirs" })

	begin()
	controllerstest.WaitUntilApplied(t, s, r)
	carried, err := writer.AppliedChange(t.Context(), key, store.Owner{UID: string(p.UID), Generation: p.Generation}, r.ID)
	require.NoError(t, err)
	if diff := cmp.Diff(&store.AppliedChange{ID: r.ID, Subject: r.Subject, Action: r.Action, Edit: r.Edit, Generation: 2}, carried); diff != "" || p.Generation != 3 {
		t.Errorf("at generation %d the object carries (-want +got):\n%s", p.Generation, diff)
	}
}

// testReleasedObject: our finalizer was dropped before the deletion was written down, and another's holds
// the object. Its reconciler has nothing to say any more.
func testReleasedObject(t *testing.T) {
	s, writer, begin := newController(t, true)
	p := controllerstest.NewPrompt(cluster.CreateNamespace(t), "released", "one")
	p.Finalizers = []string{v1alpha1.PromptFinalizer, "example.org/hold"}
	p = cluster.CreatePrompt(t, p)
	key := store.Key{Namespace: p.Namespace, Name: p.Name}
	r := controllerstest.NewRequest(key, store.ActionDelete, store.Edit{})
	_, err := s.RequestChange(t.Context(), r)
	require.NoError(t, err)
	open, err := writer.NextChange(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, writer.BeginChange(t.Context(), open, store.Intent{UID: string(p.UID), ResourceVersion: p.ResourceVersion, Generation: 1}))
	require.NoError(t, cluster.Client.Delete(t.Context(), p))
	cluster.EditPrompt(t, cluster.GetPrompt(t, key), func(p *v1alpha1.Prompt) { p.Finalizers = []string{"example.org/hold"} })
	begin()
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, r), store.ChangeOutcome{State: store.ChangePublished})
	cluster.EditPrompt(t, cluster.GetPrompt(t, key), func(p *v1alpha1.Prompt) { p.Finalizers = nil })
}
