package upkeep

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// longPurge is a store without rows whose purge takes until it is canceled.
type longPurge struct {
	Store
	checks atomic.Int64
}

func (s *longPurge) CheckCluster(context.Context) error {
	s.checks.Add(1)
	return nil
}

func (*longPurge) ListRows(context.Context, store.Key, int, time.Duration) ([]store.ComparedRow, error) {
	return nil, nil
}

func (*longPurge) PurgeTombstones(ctx context.Context, _ time.Duration, _ int) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func (*longPurge) BackfillSearchIndex(context.Context, int64, int) (int64, error) { return 0, nil }

func (*longPurge) DeleteOldChanges(context.Context, time.Duration, int) (int, error) { return 0, nil }

func (*longPurge) DeleteUnusedTags(context.Context) error                    { return nil }
func (*longPurge) FoldObservations(context.Context, int) (int, error)        { return 0, nil }
func (*longPurge) FoldProjectObservations(context.Context, int) (int, error) { return 0, nil }
func (*longPurge) DeleteOldProjectRows(context.Context, time.Duration, int) (int, error) {
	return 0, nil
}
func (*longPurge) RecordTokenUse(context.Context) error { return nil }
func (*longPurge) DeleteOldConnectionRows(context.Context, time.Duration, int) (int, error) {
	return 0, nil
}

func (*longPurge) ListConnectionRows(context.Context, store.Key, int, time.Duration) ([]store.ComparedConnection, error) {
	return nil, nil
}

func (*longPurge) AddAuditMonths(context.Context) error { return nil }

func (*longPurge) RemoveAuditMonths(context.Context, int) ([]string, error)         { return nil, nil }
func (*longPurge) DeleteExpiredAudit(context.Context, int, int) (int, error)        { return 0, nil }
func (*longPurge) AnchorAudit(context.Context) ([]store.AuditAnchor, error)         { return nil, nil }
func (*longPurge) MeasureTables(context.Context) ([]store.TableSize, error)         { return nil, nil }
func (*longPurge) DeleteOldWrites(context.Context, time.Duration, int) (int, error) { return 0, nil }

func (*longPurge) SummarizeWrites(context.Context) ([]store.WriteSummary, error) { return nil, nil }

func (*longPurge) MeasureOpenChanges(context.Context) (store.OpenChanges, error) {
	return store.OpenChanges{}, nil
}

// emptyLists is an API server without objects, whose lists have the versions given and then the last of them.
type emptyLists struct {
	client.Reader
	versions []string
}

func (l *emptyLists) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*v1alpha1.PromptList).ResourceVersion = l.versions[0]
	if len(l.versions) > 1 {
		l.versions = l.versions[1:]
	}
	return nil
}

func TestRunner_Rounds(t *testing.T) {
	type named struct {
		Name  string
		Every time.Duration
	}
	var got []named
	for _, r := range (&Runner{Store: &longPurge{}, ComparisonInterval: time.Second}).rounds() {
		got = append(got, named{r.name, r.every})
	}
	want := []named{
		{"comparison", time.Second}, {"connection-comparison", time.Second}, {"index", time.Second},
		{"purge", cleanupInterval}, {"changes", cleanupInterval}, {"tags", cleanupInterval}, {"connections", cleanupInterval},
		{"audit", cleanupInterval}, {"audit-anchors", cleanupInterval}, {"projects", projectsInterval}, {"sessions", sessionsInterval},
		{"tables", cleanupInterval}, {"requests", sessionsInterval},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rounds (-want +got):\n%s", diff)
	}
}

func TestRunner_Start(t *testing.T) {
	const interval = time.Minute
	newRunner := func(s *longPurge, versions ...string) *Runner {
		return &Runner{Store: s, Live: &emptyLists{versions: versions}, Log: logr.Discard(), ComparisonInterval: interval}
	}
	t.Run("a long purge does not delay the comparison", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 11*interval) // each interval may be a tenth longer
			defer cancel()
			s := &longPurge{}
			if err := newRunner(s, "1").Start(ctx); err != nil {
				t.Errorf("it ended with %v", err)
			}
			if n := s.checks.Load(); n < 10 {
				t.Errorf("%d comparisons began in %s, want at least 10", n, 11*interval)
			}
		})
	})
	t.Run("a restored API server ends every round", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if err := newRunner(&longPurge{}, "9", "8").Start(t.Context()); !errors.Is(err, errAPIServerRestored) {
				t.Errorf("it ended with %v, want %v", err, errAPIServerRestored)
			}
			if took := time.Since(began); took > 2*interval {
				t.Errorf("it ended after %s, want the second comparison to end it", took)
			}
		})
	})
}

func TestRunner_CheckNotRestored(t *testing.T) {
	r := &Runner{}
	for _, version := range []string{"9", "9", "10", "1000"} {
		if err := r.checkNotRestored(version); err != nil {
			t.Errorf("version %s after %s: %v", version, r.newestListVersion, err)
		}
	}
	if err := r.checkNotRestored("999"); !errors.Is(err, errAPIServerRestored) {
		t.Errorf("an older list gives %v, want %v", err, errAPIServerRestored)
	}
	if err := r.checkNotRestored("no number"); err == nil || errors.Is(err, errAPIServerRestored) {
		t.Errorf("a list without a version gives %v", err)
	}
}

// TestRunner_RoundsAreDocumented: docs/metrics.md names each round, as the label of its metrics does.
func TestRunner_RoundsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	_, sentence, _ := strings.Cut(string(page), "\nThe rounds of upkeep are ")
	sentence, _, _ = strings.Cut(sentence, "\n\n")
	for _, round := range (&Runner{Store: &longPurge{}}).rounds() {
		if !strings.Contains(sentence, "`"+round.name+"`") {
			t.Errorf("docs/metrics.md does not name the round %s", round.name)
		}
	}
}
