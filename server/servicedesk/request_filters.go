package servicedesk

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// filter is a condition on tickets: as SDP is asked, and as rows are checked again, since a site may ignore what it is asked.
type filter struct {
	criteria sdp.Criteria
	// dates are the conditions on times: a build on premises takes none beside others.
	dates sdp.Criteria
	// holds is nil where rows cannot tell.
	holds func(*sdp.Request) bool
	// view is a saved filter of SDP, where nothing else says it.
	view string
	// lists are those that ids were taken from.
	lists []sdp.LookupType
	// fields are what rows are asked for beside rowFields, for holds.
	fields []string
}

// and joins conditions. There is one view at most.
func (f filter) and(other filter) filter {
	joined := filter{
		criteria: sdp.All(f.criteria, other.criteria), dates: sdp.All(f.dates, other.dates), view: f.view + other.view,
		lists: slices.Concat(f.lists, other.lists), fields: slices.Concat(f.fields, other.fields),
	}
	joined.holds = func(r *sdp.Request) bool {
		return (f.holds == nil || f.holds(r)) && (other.holds == nil || other.holds(r))
	}
	return joined
}

// entryFilter selects by entries of a list, which a field of tickets refers to, and by the name where there is no such list.
func (d *desk) entryFilter(ctx context.Context, argument string, of sdp.LookupType, name *string, refer func(*sdp.Request) sdp.Ref) (filter, error) {
	if name == nil {
		return filter{}, nil
	}
	found, err := d.resolve(ctx, argument, of, *name)
	switch {
	case isNoList(err):
		return filter{
			criteria: sdp.Where(argument+".name", sdp.Is, strings.TrimSpace(*name)),
			holds:    func(r *sdp.Request) bool { return strings.EqualFold(refer(r).Name, strings.TrimSpace(*name)) },
		}, nil
	case err != nil:
		return filter{}, err
	}
	return filter{
		criteria: sdp.Where(argument+".id", sdp.Is, idsOf(found)...), lists: []sdp.LookupType{of},
		holds: func(r *sdp.Request) bool {
			return slices.ContainsFunc(found, func(e entry) bool { return refersTo(refer(r), sdp.Ref{ID: e.id, Name: e.name}) })
		},
	}, nil
}

// refersTo reports whether a row's reference is to something: by the id, or by the name where a row has that alone, as some do on
// premises.
func refersTo(of, what sdp.Ref) bool {
	if of.ID != "" && what.ID != "" {
		return of.ID == what.ID
	}
	return of.Name != "" && strings.EqualFold(of.Name, what.Name)
}

// personFilter selects by a person: an e-mail address, a name, or me.
func (d *desk) personFilter(argument string, named *string, refer func(*sdp.Request) sdp.Ref) (filter, error) {
	if named == nil {
		return filter{}, nil
	}
	criteria, isMeant, err := d.personCondition(argument, *named)
	return filter{criteria: criteria, holds: func(r *sdp.Request) bool { return isMeant(refer(r)) }}, err
}

// personCondition returns the condition that a field is a person, and what reports it of a row: an e-mail address, a name, or me.
func (d *desk) personCondition(field, named string) (criteria sdp.Criteria, isMeant func(sdp.Ref) bool, err error) {
	person := strings.TrimSpace(named)
	if strings.EqualFold(person, "me") {
		me, err := d.requirePerson()
		if err != nil {
			return sdp.Criteria{}, nil, err
		}
		person = me.Email
	}
	if strings.Contains(person, "@") {
		return sdp.Where(field+".email_id", sdp.Is, person), func(of sdp.Ref) bool { return isPersonWith(of, person) }, nil
	}
	return sdp.Where(field+".name", sdp.Is, person), func(of sdp.Ref) bool { return strings.EqualFold(of.Name, person) }, nil
}

// isPersonWith reports whether a row may refer to the person with an address. Rows of some sites have no addresses.
func isPersonWith(of sdp.Ref, address string) bool {
	if of.Email == "" {
		return of.ID != "" || of.Name != ""
	}
	return strings.EqualFold(of.Email, address)
}

// progressFilter selects tickets with work left to do, or without. The statuses of a site say which those are; where it has no list of
// them, or not for the owner of the token, a saved view does, and rows.
func (d *desk) progressFilter(ctx context.Context, open bool) (filter, error) {
	holds := func(r *sdp.Request) bool {
		terminal, known := r.Status.IsTerminal()
		return !known || terminal != open
	}
	list, err := d.lookups.read(ctx, sdp.Statuses)
	if err != nil && !isNoList(err) {
		return filter{}, err
	}
	var ids []entry
	known := false
	for _, e := range list.entries {
		known = known || e.flags.InProgress != nil
		if e.flags.InProgress != nil && *e.flags.InProgress == open {
			ids = append(ids, e)
		}
	}
	switch {
	case known && len(ids) > 0:
		return filter{criteria: sdp.Where("status.id", sdp.Is, idsOf(ids)...), lists: []sdp.LookupType{sdp.Statuses}, holds: holds}, nil
	case open:
		return filter{view: "Open_Requests", holds: holds}, nil
	}
	return filter{criteria: sdp.Where("status.name", sdp.Is, "Resolved", "Closed", "Cancelled"), holds: holds}, nil
}

// The views of tickets.
const (
	viewOpen            = "open"
	viewOverdue         = "overdue"
	viewDueToday        = "due_today"
	viewUnassigned      = "unassigned"
	viewPendingApproval = "pending_approval"
	viewClosed          = "closed"
	viewAll             = "all"
)

// viewFilter selects the tickets of a view.
func (d *desk) viewFilter(ctx context.Context, view string, now time.Time) (filter, error) {
	if view == viewAll {
		return filter{}, nil
	}
	if view == viewPendingApproval {
		return filter{view: "Requests_Pending_Approval"}, nil
	}
	selected, err := d.progressFilter(ctx, view != viewClosed)
	if err != nil {
		return filter{}, err
	}
	switch view {
	case viewOverdue:
		return selected.and(filter{
			dates: sdp.Where("due_by_time", sdp.LesserThan, now),
			holds: func(r *sdp.Request) bool { return !r.DueByTime.IsZero() && r.DueByTime.At.Before(now) },
		}), nil
	case viewDueToday:
		from := startOfDay(now, d.zone)
		until := from.AddDate(0, 0, 1)
		return selected.and(filter{
			dates: sdp.Where("due_by_time", sdp.Between, from, until.Add(-time.Millisecond)),
			holds: func(r *sdp.Request) bool {
				return !r.DueByTime.IsZero() && !r.DueByTime.At.Before(from) && r.DueByTime.At.Before(until)
			},
		}), nil
	case viewUnassigned:
		return selected.and(filter{
			criteria: sdp.IsEmpty("technician"), holds: func(r *sdp.Request) bool { return r.Technician.ID == "" && r.Technician.Name == "" },
		}), nil
	}
	return selected, nil
}

// updatedFilter selects what changed after a time.
func (d *desk) updatedFilter(after *string) (filter, error) {
	if after == nil {
		return filter{}, nil
	}
	at, err := parseTime("updated_after", *after, d.zone)
	if err != nil {
		return filter{}, err
	}
	return filter{
		dates: sdp.Where("last_updated_time", sdp.GreaterThan, at),
		holds: func(r *sdp.Request) bool { return r.LastUpdatedTime.IsZero() || r.LastUpdatedTime.At.After(at) },
	}, nil
}
