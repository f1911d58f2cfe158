package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	rowPage    = 1000
	objectPage = 250
	purgeBatch = 100
	indexBatch = 10 // in one transaction, which is not given long; a prompt may be 128 KiB of words
	// keepDeleted is how long the texts of a deleted prompt stay.
	keepDeleted = 30 * 24 * time.Hour
	// keepChanges is how long the outcome of a change request can be asked for.
	keepChanges = 30 * 24 * time.Hour
	changeBatch = 1000
)

// Store is what upkeep needs of the database.
type Store interface {
	CheckCluster(ctx context.Context) error
	ListRows(ctx context.Context, after store.Key, limit int, settled time.Duration) ([]store.ComparedRow, error)
	RemoveIfUnchanged(ctx context.Context, key store.Key, fence store.Fence) (bool, error)
	PurgeTombstones(ctx context.Context, olderThan time.Duration, limit int) (int, error)
	BackfillSearchIndex(ctx context.Context, after int64, limit int) (last int64, err error)
	DeleteOldChanges(ctx context.Context, olderThan time.Duration, limit int) (int, error)
	DeleteUnusedTags(ctx context.Context) error
}

// Upkeep is a leader-only runnable.
type Upkeep struct {
	Store Store
	// Live asks the API server itself, never a cache.
	Live     client.Reader
	Recorder events.EventRecorder
	// Regarding is what events about the comparison are attached to.
	Regarding runtime.Object
	Log       logr.Logger
	// Every is the time between comparisons, give or take a tenth.
	Every time.Duration
	// Settled is how long a row must be unchanged before a comparison may remove it.
	Settled time.Duration
	// Limit is how many rows one comparison may remove, where that is more than upkeep would by itself.
	Limit int
	// Drifted takes objects whose row differs to the reconciler.
	Drifted chan<- event.GenericEvent

	// newest is the resourceVersion of the last list.
	newest string
}

// NeedLeaderElection makes upkeep run on the leader only.
func (u *Upkeep) NeedLeaderElection() bool { return true }

// Start runs until ctx ends. A round that fails is logged, counted and tried again the next time, but for
// one thing: when the API server went back in time, every watch of this process goes on from a version
// that is in the future now and hears nothing. Only a new process reads everything again.
func (u *Upkeep) Start(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	wait.JitterUntilWithContext(ctx, func(ctx context.Context) {
		for name, round := range map[string]func(context.Context) error{
			"comparison": u.compare, "purge": u.purge, "index": u.reindex, "changes": u.dropChanges, "tags": u.Store.DeleteUnusedTags,
		} {
			err := round(ctx)
			if errors.Is(err, errWentBack) {
				end(err)
				return
			}
			if err != nil && ctx.Err() == nil {
				failures.WithLabelValues(name).Inc()
				u.Log.Error(err, "Upkeep round failed", "round", name)
			}
		}
	}, u.Every, 0.1, true)
	if err := context.Cause(ctx); errors.Is(err, errWentBack) {
		return err
	}
	return nil
}

var errWentBack = errors.New("the API server went back in time, as after a restore of etcd; ending, to read everything again")

// remember keeps the version of the newest list, and refuses one that is older.
func (u *Upkeep) remember(version string) error {
	if u.newest != "" {
		order, err := resourceversion.CompareResourceVersion(version, u.newest)
		if err != nil {
			return fmt.Errorf("compare versions of lists: %w", err)
		}
		if order < 0 {
			return errWentBack
		}
	}
	u.newest = version
	return nil
}

// compare runs one comparison: rows first, then objects, so that an object made in between is not
// missed. Another cluster's rows are none of ours to compare.
func (u *Upkeep) compare(ctx context.Context) error {
	if err := u.Store.CheckCluster(ctx); err != nil {
		return err
	}
	rows, err := u.rows(ctx)
	if err != nil {
		return err
	}
	objects, err := u.objects(ctx)
	if err != nil {
		if meta.IsNoMatchError(err) || client.IgnoreNotFound(err) == nil {
			u.stop("CRDMissing", "the resource prompts.lectern.dev is gone from the API server; no row is removed")
			return nil
		}
		return err
	}
	p := compare(rows, objects)
	for _, key := range p.drifted {
		obj := &v1alpha1.Prompt{}
		obj.Namespace, obj.Name = key.Namespace, key.Name
		select {
		case u.Drifted <- event.GenericEvent{Object: obj}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	drifted.Add(float64(len(p.drifted)))
	if reason, message := p.refusal(len(objects), u.Limit); reason != "" {
		u.stop(reason, message)
		return nil
	}
	return u.sweep(ctx, p.sweep)
}

func (u *Upkeep) sweep(ctx context.Context, rows []store.ComparedRow) error {
	for _, row := range rows {
		done, err := u.Store.RemoveIfUnchanged(ctx, row.Key, row.Fence)
		if err != nil {
			return fmt.Errorf("tombstone %s: %w", row.Key, err)
		}
		if done {
			swept.Inc()
			u.Log.Info("Removed a prompt whose object is gone", "namespace", row.Key.Namespace, "name", row.Key.Name)
		}
	}
	return nil
}

// stop says why a comparison removes nothing.
func (u *Upkeep) stop(reason, message string) {
	stopped.WithLabelValues(reason).Inc()
	u.Log.Error(errors.New(message), "Comparison stopped", "reason", reason)
	u.Recorder.Eventf(u.Regarding, nil, corev1.EventTypeWarning, reason, "Compare", "%s", message)
}

func (u *Upkeep) rows(ctx context.Context) ([]store.ComparedRow, error) {
	var all []store.ComparedRow
	var after store.Key
	for {
		page, err := u.Store.ListRows(ctx, after, rowPage, u.Settled)
		if err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
		all = append(all, page...)
		if len(page) < rowPage {
			return all, nil
		}
		after = page[len(page)-1].Key
	}
}

func (u *Upkeep) objects(ctx context.Context) (map[store.Key]object, error) {
	all := map[store.Key]object{}
	for next := ""; ; {
		var page v1alpha1.PromptList
		if err := u.Live.List(ctx, &page, client.Limit(objectPage), client.Continue(next)); err != nil {
			return nil, fmt.Errorf("list objects: %w", err)
		}
		if next == "" { // the later pages are of the same version
			if err := u.remember(page.ResourceVersion); err != nil {
				return nil, err
			}
		}
		for i := range page.Items {
			p := &page.Items[i]
			all[store.Key{Namespace: p.Namespace, Name: p.Name}] = seen(p)
		}
		if next = page.Continue; next == "" {
			return all, nil
		}
	}
}

func seen(p *v1alpha1.Prompt) object {
	return object{
		owner:  store.Owner{UID: string(p.UID), Generation: p.Generation},
		digest: prompt.Digest(p.Status.Digest),
		left:   !p.DeletionTimestamp.IsZero() || p.Spec.Suspend,
	}
}

// purge erases the texts of prompts deleted long ago.
func (u *Upkeep) purge(ctx context.Context) error {
	for {
		n, err := u.Store.PurgeTombstones(ctx, keepDeleted, purgeBatch)
		if err != nil {
			return fmt.Errorf("purge deleted prompts: %w", err)
		}
		purged.Add(float64(n))
		if n < purgeBatch {
			return nil
		}
	}
}

// reindex writes what searches find prompts by where a release before this one did not.
func (u *Upkeep) reindex(ctx context.Context) error {
	for after := int64(0); ; {
		last, err := u.Store.BackfillSearchIndex(ctx, after, indexBatch)
		if err != nil || last == 0 {
			return err
		}
		after = last
	}
}

// dropChanges forgets change requests that were settled long ago.
func (u *Upkeep) dropChanges(ctx context.Context) error {
	for {
		n, err := u.Store.DeleteOldChanges(ctx, keepChanges, changeBatch)
		if err != nil {
			return err
		}
		if n < changeBatch {
			return nil
		}
	}
}
