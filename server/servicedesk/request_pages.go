package servicedesk

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// requestsScope is the OAuth scope that reading tickets needs.
const requestsScope = "SDPOnDemand.requests.READ"

// rowFields are what rows of tickets are asked for always: what lists show, and what the ceilings go by.
var rowFields = []string{
	"id", "display_id", "subject", "status", "priority", "technician", "requester", "group", "site", "category", "due_by_time", "created_time",
	"last_updated_time",
}

// requestPage is a part of a list of tickets.
type requestPage = rowPage[sdp.Request]

// listPage returns tickets that are inside the ceilings, which the caller's conditions cannot widen. Where nothing is inside, nobody
// is asked.
func (d *desk) listPage(ctx context.Context, selected filter, o sdp.ListOptions) (requestPage, error) {
	if d.ceiling.isClosed() {
		return requestPage{}, nil
	}
	o.View = selected.view
	for _, field := range slices.Concat(rowFields, selected.fields) {
		if !slices.Contains(o.Fields, field) {
			o.Fields = append(slices.Clip(o.Fields), field)
		}
	}
	found, err := d.listMatching(ctx, selected, o)
	if err != nil {
		return requestPage{}, needScope(requestsScope, err)
	}
	page := newRowPage(found, o.Start, d.ceiling.isBounded(), func(r *sdp.Request) bool {
		return d.admits(r) && (selected.holds == nil || selected.holds(r))
	})
	for i := range page.rows {
		d.numbers.add(page.rows[i].DisplayID, page.rows[i].ID)
	}
	return page, nil
}

// listMatching asks for what is inside the ceilings and matches. Where a site turns out to take no conditions on times beside others it
// is asked without them, then and later: rows are checked.
func (d *desk) listMatching(ctx context.Context, selected filter, o sdp.ListOptions) (sdp.Page[sdp.Request], error) {
	others := sdp.All(d.ceiling.criteria(), selected.criteria)
	if selected.dates.IsZero() || others.IsZero() || !d.refusesMixedDates.Load() {
		o.Where = sdp.All(others, selected.dates)
		found, err := d.client.Requests().List(ctx, o)
		if !isUnknownValue(err) || selected.dates.IsZero() || others.IsZero() {
			return found, err
		}
	}
	o.Where = others
	found, err := d.client.Requests().List(ctx, o)
	if err == nil {
		d.refusesMixedDates.Store(true)
	}
	found.Total = -1 // it counts what the dates leave out
	return found, err
}

// admits reports whether a ticket is there for callers. What is in the trash is not.
func (d *desk) admits(r *sdp.Request) bool {
	return d.ceiling.admits(r) && (r.IsTrashed == nil || !*r.IsTrashed)
}

// selectAndList makes conditions and lists by them. Where SDP says that an id is none any more, the lists they are from are read
// again, and it is asked once more.
func (d *desk) selectAndList(ctx context.Context, choose func(context.Context) (filter, error), o sdp.ListOptions) (requestPage, error) {
	for again := false; ; again = true {
		selected, err := choose(ctx)
		if err != nil {
			return requestPage{}, err
		}
		page, err := d.listPage(ctx, selected, o)
		if err == nil || again || len(selected.lists) == 0 || !isUnknownValue(err) {
			return page, err
		}
		isNew := false
		for _, list := range selected.lists {
			_, fresh, reloadErr := d.lookups.reload(ctx, list, "")
			isNew = isNew || fresh && reloadErr == nil
		}
		if !isNew {
			return page, err
		}
	}
}

// unknownValueCode is what SDP says of a value that a field cannot have, and of an id that is none.
const unknownValueCode = 4001

// isUnknownValue reports whether SDP knows no such value of a field.
func isUnknownValue(err error) bool {
	failed, is := errors.AsType[*sdp.Error](err)
	return is && failed.Kind == sdp.KindRejected && failed.Code == unknownValueCode
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
