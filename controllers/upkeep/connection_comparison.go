package upkeep

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

// compareConnections removes rows of connections whose objects are gone, as where another writer dropped the finalizer. What an object
// has and a row has not is put right by its own reconcile, which comes every minute.
func (r *Runner) compareConnections(ctx context.Context) error {
	rows, err := r.listConnectionRows(ctx)
	if err != nil || len(rows) == 0 {
		return err
	}
	if err := r.Store.CheckCluster(ctx); err != nil { // another cluster's rows are none of ours to compare
		return err
	}
	objects, unreadable, err := r.listConnections(ctx)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		r.reportStopped(reasonCRDMissing, "the resource sdpconnections.lectern.dev is gone from the API server; no row is removed")
		return nil
	}
	if err != nil {
		return err
	}
	found := comparison{noun: "connections"}
	for _, row := range rows {
		if !r.Watched.Contains(row.Key.Namespace) || unreadable[row.Key.Namespace] {
			continue
		}
		found.liveRows++
		if row.Quiescent && !objects[row.Key] {
			found.orphans = append(found.orphans, store.ComparedRow{Key: row.Key, Fence: row.Fence, Quiescent: true})
		}
	}
	if reason, message := found.reasonToStop(len(objects), r.SweepLimit); reason != "" {
		r.reportStopped(reason, message)
		return nil
	}
	for _, row := range found.orphans {
		done, err := r.Store.RemoveConnectionIfUnchanged(ctx, row.Key, row.Fence)
		if err != nil {
			return err
		}
		if done {
			rowsSwept.Inc()
			r.Log.Info("Removed a connection whose object is gone", "namespace", row.Key.Namespace, "name", row.Key.Name)
		}
	}
	return nil
}

func (r *Runner) listConnectionRows(ctx context.Context) ([]store.ComparedConnection, error) {
	var all []store.ComparedConnection
	var after store.Key
	for {
		page, err := r.Store.ListConnectionRows(ctx, after, rowPageSize, r.Grace)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < rowPageSize {
			return all, nil
		}
		after = page[len(page)-1].Key
	}
}

// listConnections returns the objects of the watched namespaces, and those namespaces that may not be read: of their objects nothing
// is known.
func (r *Runner) listConnections(ctx context.Context) (objects map[store.Key]bool, unreadable map[string]bool, err error) {
	objects, unreadable = map[store.Key]bool{}, map[string]bool{}
	if r.Watched.IsAll() {
		return objects, unreadable, r.listConnectionsOf(ctx, objects)
	}
	for _, namespace := range r.Watched.Names() {
		err := r.listConnectionsOf(ctx, objects, client.InNamespace(namespace))
		if apierrors.IsForbidden(err) {
			unreadable[namespace] = true
		} else if err != nil {
			return nil, nil, err
		}
	}
	if len(unreadable) == len(r.Watched.Names()) {
		return nil, nil, errors.New("of none of the watched namespaces connections may be read")
	}
	return objects, unreadable, nil
}

func (r *Runner) listConnectionsOf(ctx context.Context, objects map[store.Key]bool, in ...client.ListOption) error {
	for next := ""; ; {
		var page v1alpha1.SDPConnectionList
		if err := r.Live.List(ctx, &page, append(in, client.Limit(objectPageSize), client.Continue(next))...); err != nil {
			return fmt.Errorf("list connections: %w", err)
		}
		for i := range page.Items {
			objects[store.Key{Namespace: page.Items[i].Namespace, Name: page.Items[i].Name}] = true
		}
		if next = page.Continue; next == "" {
			return nil
		}
	}
}
