package upkeep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	rowPageSize    = 1000
	objectPageSize = 100 // of up to half a MiB each, all in memory at once
	purgeBatch     = 100
	indexBatch     = 10 // in one transaction, which is not given long; a prompt may be 512 KiB of words
	// deletedRetention is how long the texts of a deleted prompt stay.
	deletedRetention = 30 * 24 * time.Hour
	// changeRetention is how long the outcome of a change request can be asked for.
	changeRetention = 30 * 24 * time.Hour
	changeBatch     = 1000
	// cleanupInterval is the time between rounds of cleaning up, of which nothing is urgent.
	cleanupInterval = 5 * time.Minute
	// sessionsInterval is the time between two looks at what sessions of the servers' role keep open, and at which requests are.
	sessionsInterval = 30 * time.Second
)

// Store is what upkeep needs of the database.
type Store interface {
	CheckCluster(ctx context.Context) error
	ListRows(ctx context.Context, after store.Key, limit int, grace time.Duration) ([]store.ComparedRow, error)
	RemoveIfUnchanged(ctx context.Context, key store.Key, fence store.Fence) (bool, error)
	PurgeTombstones(ctx context.Context, olderThan time.Duration, limit int) (int, error)
	BackfillSearchIndex(ctx context.Context, after int64, limit int) (last int64, err error)
	DeleteOldChanges(ctx context.Context, olderThan time.Duration, limit int) (int, error)
	DeleteUnusedTags(ctx context.Context) error
	ListConnectionRows(ctx context.Context, after store.Key, limit int, quiescent time.Duration) ([]store.ComparedConnection, error)
	RemoveConnectionIfUnchanged(ctx context.Context, key store.Key, fence store.Fence) (bool, error)
	FoldObservations(ctx context.Context, limit int) (int, error)
	FoldProjectObservations(ctx context.Context, limit int) (int, error)
	RecordTokenUse(ctx context.Context) error
	DeleteOldConnectionRows(ctx context.Context, olderThan time.Duration, limit int) (int, error)
	DeleteOldProjectRows(ctx context.Context, olderThan time.Duration, limit int) (int, error)
	DeleteOldWrites(ctx context.Context, olderThan time.Duration, limit int) (int, error)
	SummarizeWrites(ctx context.Context) ([]store.WriteSummary, error)
	EndLongTransactions(ctx context.Context, role string) (ended int, err error)
	MeasureTables(ctx context.Context) ([]store.TableSize, error)
	AddAuditMonths(ctx context.Context) error
	RemoveAuditMonths(ctx context.Context, atLeastDays int) (removed []string, err error)
	DeleteExpiredAudit(ctx context.Context, defaultDays, limit int) (int, error)
	AnchorAudit(ctx context.Context) ([]store.AuditAnchor, error)
	MeasureOpenChanges(ctx context.Context) (store.OpenChanges, error)
}

// Runner runs the rounds of upkeep, on the leader only.
type Runner struct {
	Store Store
	// Live asks the API server itself, never a cache.
	Live client.Reader
	// Watched are the namespaces that are compared: rows of others are none of ours to remove.
	Watched namespaces.Watched
	// Unreadable takes how many of them may not be read; nil for nobody who asks.
	Unreadable func(count int)
	// Controller names this controller in status.controller.
	Controller string
	Recorder   events.EventRecorder
	// Regarding is what events about the comparison are attached to.
	Regarding runtime.Object
	Log       logr.Logger
	// ComparisonInterval is the time between comparisons, give or take a tenth.
	ComparisonInterval time.Duration
	// Grace is how long a row must be unchanged before a comparison may remove it.
	Grace time.Duration
	// SweepLimit is how many rows one comparison may remove, where that is more than upkeep would by itself.
	SweepLimit int
	// ServerRole is the database role of the servers, whose long transactions are ended; empty for none.
	ServerRole string
	// AuditRetention is how long rows of the audit are kept that are of no connection, in whole days.
	AuditRetention time.Duration
	// Drifted takes objects whose row differs to the reconciler.
	Drifted chan<- event.GenericEvent

	// newestListVersion is the resourceVersion of the last list.
	newestListVersion string
	// anchored is when this process anchored the audit last.
	anchored time.Time
}

// NeedLeaderElection makes upkeep run on the leader only.
func (r *Runner) NeedLeaderElection() bool { return true }

// round is one task of upkeep, repeated every so often, give or take a tenth.
type round struct {
	name  string
	every time.Duration
	run   func(ctx context.Context) error
}

// rounds lists the tasks in the order they begin. Comparison and index repair what is served, so both come as often as
// the installation says; the others only take away what nobody can see, or measure for the metrics.
func (r *Runner) rounds() []round {
	return []round{
		{"comparison", r.ComparisonInterval, r.runComparison},
		{"connection-comparison", r.ComparisonInterval, r.compareConnections},
		{"index", r.ComparisonInterval, r.reindexPrompts},
		{"purge", cleanupInterval, r.purgeDeletedPrompts},
		{"changes", cleanupInterval, r.deleteOldChanges},
		{"tags", cleanupInterval, r.Store.DeleteUnusedTags},
		{"connections", cleanupInterval, r.cleanConnections},
		{"audit", cleanupInterval, r.keepAudit},
		{"audit-anchors", cleanupInterval, r.anchorAudit},
		{"projects", projectsInterval, r.foldProjects},
		{"sessions", sessionsInterval, r.endLongTransactions},
		{"tables", cleanupInterval, r.measureTables},
		{"requests", sessionsInterval, r.measureOpenChanges},
	}
}

// Start runs every round on its own, so that none waits for another that takes long, until ctx ends. It returns
// errAPIServerRestored when the API server went back in time: every watch of this process then goes on from a version
// that is in the future and hears nothing, and only a new process reads everything again.
func (r *Runner) Start(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, round := range r.rounds() {
		group.Go(func() error { return r.repeatRound(ctx, round) })
	}
	return group.Wait()
}

// repeatRound runs a round until ctx ends. One that fails is logged, counted and tried again the next time.
func (r *Runner) repeatRound(ctx context.Context, round round) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	succeeded, failed := roundSuccesses.WithLabelValues(round.name), roundFailures.WithLabelValues(round.name)
	succeeded.SetToCurrentTime() // what does not end at all is late from here on
	wait.JitterUntilWithContext(ctx, func(ctx context.Context) {
		switch err := round.run(ctx); {
		case errors.Is(err, errAPIServerRestored):
			end(err)
		case err != nil && ctx.Err() == nil:
			failed.Inc()
			r.Log.Error(err, "Upkeep round failed", "round", round.name)
		case err == nil:
			succeeded.SetToCurrentTime()
		}
	}, round.every, 0.1, true)
	if err := context.Cause(ctx); errors.Is(err, errAPIServerRestored) {
		return err
	}
	return nil
}

var errAPIServerRestored = errors.New("the API server went back in time, as after a restore of etcd; ending, to read everything again")

// checkNotRestored remembers the version of the newest list (KEP-5504: versions can be compared), and returns
// errAPIServerRestored for one that is older.
func (r *Runner) checkNotRestored(version string) error {
	if r.newestListVersion != "" {
		order, err := resourceversion.CompareResourceVersion(version, r.newestListVersion)
		if err != nil {
			return fmt.Errorf("compare versions of lists: %w", err)
		}
		if order < 0 {
			return errAPIServerRestored
		}
	}
	r.newestListVersion = version
	return nil
}

// runComparison compares rows and objects, enqueues what drifted and removes orphans. Rows are read first, then objects, so
// that an object made in between is not missed. Another cluster's rows are none of ours to compare.
func (r *Runner) runComparison(ctx context.Context) error {
	if err := r.Store.CheckCluster(ctx); err != nil {
		return err
	}
	rows, err := r.listRows(ctx)
	if err != nil {
		return err
	}
	objects, err := r.listWatched(ctx)
	if err != nil {
		if meta.IsNoMatchError(err) || client.IgnoreNotFound(err) == nil {
			r.reportStopped(reasonCRDMissing, "the resource prompts.lectern.dev is gone from the API server; no row is removed")
			return nil
		}
		return err
	}
	reportOutcomes(objects.all)
	rows = slices.DeleteFunc(rows, func(row store.ComparedRow) bool { return !objects.namespaces.Contains(row.Key.Namespace) })
	p := compareRowsWithObjects(rows, objects.all)
	if len(p.unsettled) > 0 {
		again, err := r.listRows(ctx)
		if err != nil {
			return err
		}
		p.drifted = append(p.drifted, findLost(p.unsettled, objects.all, again)...)
	}
	for _, key := range p.drifted {
		obj := &v1alpha1.Prompt{}
		obj.Namespace, obj.Name = key.Namespace, key.Name
		select {
		case r.Drifted <- event.GenericEvent{Object: obj}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	objectsDrifted.Add(float64(len(p.drifted)))
	if reason, message := p.reasonToStop(len(objects.all), r.SweepLimit); reason != "" {
		r.reportStopped(reason, message)
		return nil
	}
	return r.tombstoneOrphans(ctx, p.orphans)
}

func (r *Runner) tombstoneOrphans(ctx context.Context, rows []store.ComparedRow) error {
	for _, row := range rows {
		done, err := r.Store.RemoveIfUnchanged(ctx, row.Key, row.Fence)
		if err != nil {
			return fmt.Errorf("tombstone %s: %w", row.Key, err)
		}
		if done {
			rowsSwept.Inc()
			r.Log.Info("Removed a prompt whose object is gone", "namespace", row.Key.Namespace, "name", row.Key.Name)
		}
	}
	return nil
}

// reportStopped counts, logs and records as an event why a comparison removes nothing.
func (r *Runner) reportStopped(reason, message string) {
	comparisonsStopped.WithLabelValues(reason).Inc()
	r.Log.Error(errors.New(message), "Comparison stopped", "reason", reason)
	r.Recorder.Eventf(r.Regarding, nil, corev1.EventTypeWarning, reason, "Compare", "%s", message)
}

func (r *Runner) listRows(ctx context.Context) ([]store.ComparedRow, error) {
	var all []store.ComparedRow
	var after store.Key
	for {
		page, err := r.Store.ListRows(ctx, after, rowPageSize, r.Grace)
		if err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
		all = append(all, page...)
		if len(page) < rowPageSize {
			return all, nil
		}
		after = page[len(page)-1].Key
	}
}

// purgeDeletedPrompts erases the texts of prompts deleted long ago.
func (r *Runner) purgeDeletedPrompts(ctx context.Context) error {
	return repeatWhileFull(ctx, purgeBatch, func(ctx context.Context, limit int) (int, error) {
		n, err := r.Store.PurgeTombstones(ctx, deletedRetention, limit)
		if err != nil {
			return 0, fmt.Errorf("purge deleted prompts: %w", err)
		}
		promptsPurged.Add(float64(n))
		return n, nil
	})
}

// repeatWhileFull runs a step of at most limit rows until one has fewer.
func repeatWhileFull(ctx context.Context, limit int, step func(ctx context.Context, limit int) (int, error)) error {
	for {
		n, err := step(ctx, limit)
		if err != nil || n < limit {
			return err
		}
	}
}

// reindexPrompts writes the search index of prompts whose release did not.
func (r *Runner) reindexPrompts(ctx context.Context) error {
	for after := int64(0); ; {
		last, err := r.Store.BackfillSearchIndex(ctx, after, indexBatch)
		if err != nil || last == 0 {
			return err
		}
		after = last
	}
}

// deleteOldChanges deletes change requests that became final long ago.
func (r *Runner) deleteOldChanges(ctx context.Context) error {
	return repeatWhileFull(ctx, changeBatch, func(ctx context.Context, limit int) (int, error) {
		return r.Store.DeleteOldChanges(ctx, changeRetention, limit)
	})
}

// endLongTransactions ends sessions of the servers' role that keep a transaction open.
func (r *Runner) endLongTransactions(ctx context.Context) error {
	if r.ServerRole == "" {
		return nil
	}
	ended, err := r.Store.EndLongTransactions(ctx, r.ServerRole)
	sessionsEnded.Add(float64(ended))
	return err
}
