package prompt

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// world is an API server, a database and this reconciler alone: no upkeep that would make good what it misses.
type world struct {
	*controllerstest.Cluster
	db         *postgres.Store
	reconciler *Reconciler
	namespace  string
}

// startWorld starts one until the test ends. A manager knows a controller's name once in a process, so a test binary starts
// one world, and each test takes a namespace of it.
func startWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Cluster: controllerstest.StartCluster(t)}
	var err error
	w.db, err = postgres.Open(t.Context(), pgtest.New(t))
	require.NoError(t, err)
	t.Cleanup(w.db.Close)
	mgr, err := ctrl.NewManager(w.Config, ctrl.Options{Scheme: w.Client.Scheme(), Logger: logr.Discard(), Metrics: metricsserver.Options{BindAddress: "0"}})
	require.NoError(t, err)
	var system corev1.Namespace
	require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Name: "kube-system"}, &system))
	writer := w.db.Writer(string(system.UID))
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	w.reconciler = &Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Store: writer,
		Status: status.Writer{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("test")},
		Clock:  clock.RealClock{}, HistoryLimit: 1000, Resync: time.Hour, Concurrency: 4,
		Controller: "default/lectern-controller",
	}
	require.NoError(t, w.reconciler.SetupWithManager(t.Context(), mgr, make(chan event.GenericEvent)))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return w
}

func TestReconciler(t *testing.T) {
	w := startWorld(t)
	t.Run("one edit costs its dependents", func(t *testing.T) { editCostsItsDependents(t, w) })
	for name, test := range map[string]func(*testing.T, *world){
		"a finalizer is restored however it was lost":      finalizerIsRestored,
		"a writer that fights for the finalizer is waited": fightingWriterCausesNoLoop,
		"an object gone without it is removed":             objectGoneWithoutFinalizerIsRemoved,
		"another object of the name keeps its row":         anotherObjectKeepsItsRow,
		"an object that is there is never removed":         liveObjectIsNeverRemoved,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w.inNamespace(t))
		})
	}
}

// inNamespace returns the same world, with a namespace for one test.
func (w *world) inNamespace(t *testing.T) *world {
	own := *w
	own.namespace = w.CreateNamespace(t)
	return &own
}

// publish creates a prompt and waits until it is published.
func (w *world) publish(t *testing.T, name, text string) *v1alpha1.Prompt {
	t.Helper()
	return w.waitForReason(t, w.CreatePrompt(t, controllerstest.NewPrompt(w.namespace, name, text)), v1alpha1.ReasonPublished)
}

// waitForReason waits until the reason stands for the present generation.
func (w *world) waitForReason(t *testing.T, p *v1alpha1.Prompt, reason string) *v1alpha1.Prompt {
	t.Helper()
	var now v1alpha1.Prompt
	require.Eventually(t, func() error {
		if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(p), &now); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || now.Status.ObservedGeneration != now.Generation || ready.Reason != reason {
			return fmt.Errorf("%s has generation %d and status %+v, want reason %s", p.Name, now.Generation, now.Status, reason)
		}
		return nil
	})
	return &now
}

// servedText returns the text that callers of a prompt get.
func (w *world) servedText(t *testing.T, p *v1alpha1.Prompt) (string, error) {
	t.Helper()
	version, err := w.db.Get(t.Context(), promptobject.KeyOf(p), prompt.Selector{})
	if err != nil {
		return "", err
	}
	return prompt.JoinTexts(version.Document.Messages), nil
}
