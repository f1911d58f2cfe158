package controllers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/controllers/upkeep"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/test/kstatus"
)

// What every scenario stands on: one API server, one database, one controller.
var (
	cluster *controllerstest.Cluster
	api     client.Client
	dsn     postgres.Options
	db      *postgres.Store
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// startController starts what every scenario needs, until the test ends.
func startController(t *testing.T) {
	t.Helper()
	cluster = controllerstest.StartCluster(t)
	api = cluster.Client
	dsn = pgtest.New(t)
	var err error
	db, err = postgres.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(db.Close)

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runController(ctx, testOptions(cluster.Kubeconfig)) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

func testOptions(kubeconfig string) options {
	return options{
		cluster:  clusterOptions{kubeconfig: kubeconfig, leaseNamespace: "default", leaseName: defaultLeaseName},
		database: dsn, migrate: migrateApply,
		metricsAddress: "0", probeAddress: "0",
		changes: changesUnproven, concurrency: 4, maxVersions: 1000, maxVersionBytes: 64 << 20,
		resync: time.Hour, releaseTimeout: 10 * time.Minute, comparisonInterval: time.Second, comparisonGrace: 0,
		auditRetention: upkeep.DefaultAuditRetention,
	}
}

// newPrompt returns a prompt of one text.
var newPrompt = controllerstest.NewPrompt

// newNamespace makes a namespace for one test.
func newNamespace(t *testing.T) string { return cluster.CreateNamespace(t) }

func createPrompt(t *testing.T, p *v1alpha1.Prompt) *v1alpha1.Prompt {
	return cluster.CreatePrompt(t, p)
}

// editPrompt changes the spec, as `kubectl edit` would.
func editPrompt(t *testing.T, p *v1alpha1.Prompt, change func(*v1alpha1.Prompt)) {
	cluster.EditPrompt(t, p, change)
}

// waitForReason waits until the controller has written the reason for the present generation, and
// returns the object. It also checks the kstatus verdict against the reason.
func waitForReason(t *testing.T, p *v1alpha1.Prompt, reason string) *v1alpha1.Prompt {
	t.Helper()
	key := client.ObjectKeyFromObject(p)
	var now v1alpha1.Prompt
	require.Eventually(t, func() error {
		if err := api.Get(t.Context(), key, &now); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || now.Status.ObservedGeneration != now.Generation || ready.Reason != reason {
			return fmt.Errorf("%s has generation %d and status %+v, want reason %s", key, now.Generation, now.Status, reason)
		}
		return nil
	})
	obj, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&now)
	require.NoError(t, err)
	verdict, err := kstatus.VerdictOf(obj)
	if err != nil || verdict != wantVerdict(&now) {
		t.Errorf("%s: kstatus says %s (%v), want %s", key, verdict, err, wantVerdict(&now))
	}
	return &now
}

// wantVerdict returns the kstatus verdict a reason stands for.
func wantVerdict(p *v1alpha1.Prompt) kstatus.Verdict {
	switch meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady).Reason {
	case v1alpha1.ReasonPublished:
		return kstatus.Current
	case v1alpha1.ReasonSuspended:
		if p.Status.Version > 0 {
			return kstatus.Current
		}
		return kstatus.Failed
	case v1alpha1.ReasonIncludeMissing, v1alpha1.ReasonStoreUnavailable:
		return kstatus.InProgress
	default:
		return kstatus.Failed
	}
}

// readyMessage returns the message of the Ready condition.
func readyMessage(p *v1alpha1.Prompt) string {
	return meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady).Message
}

// readServed returns the text callers of a selector get, joined, or the error.
func readServed(t *testing.T, p *v1alpha1.Prompt, selector prompt.Selector) (string, error) {
	t.Helper()
	version, err := db.Get(t.Context(), store.Key{Namespace: p.Namespace, Name: p.Name}, selector)
	if err != nil {
		return "", err
	}
	var texts []string
	for _, m := range version.Document.Messages {
		texts = append(texts, m.Text)
	}
	return strings.Join(texts, "\n"), nil
}

func wantServed(t *testing.T, p *v1alpha1.Prompt, selector prompt.Selector, want string) {
	t.Helper()
	if got, err := readServed(t, p, selector); err != nil || got != want {
		t.Errorf("%s%s is %q, %v; want %q", p.Name, selector, got, err, want)
	}
}
