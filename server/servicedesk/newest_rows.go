package servicedesk

import (
	"context"
	"slices"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// listNewest returns the newest rows of a part of a ticket, the newest first, and whether there are others. A site that takes no such
// order is asked for all it gives at once, then and later: those are sorted here.
func listNewest[T any](ctx context.Context, d *desk, of sdp.Reader[T], field string, at func(T) sdp.Time) (rows []T, more bool, err error) {
	unordered := sdp.ListOptions{Rows: sdp.MaxRows}
	o := sdp.ListOptions{Rows: partRows, Sort: field, Descending: true}
	if _, refused := d.refusedOrders.Load(field); refused {
		o = unordered
	}
	page, err := of.List(ctx, o)
	if o.Sort != "" && isUnknownValue(err) {
		if page, err = of.List(ctx, unordered); err == nil {
			d.refusedOrders.Store(field, true)
		}
	}
	if err != nil {
		return nil, false, err
	}
	rows = page.Items
	slices.SortStableFunc(rows, func(a, b T) int { return at(b).At.Compare(at(a).At) })
	return rows[:min(len(rows), partRows)], page.Next != 0 || len(rows) > partRows, nil
}
