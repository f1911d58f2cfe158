package servicedesk

import (
	"context"
	"strconv"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// paging are the arguments of lists.
type paging struct {
	Limit  *int64  `json:"limit,omitempty" description:"25 when absent" bounds:"1..50"`
	Cursor *string `json:"cursor,omitempty" description:"next_cursor of the page before"`
}

// defaultRows is how many rows a page has when its caller does not say.
const defaultRows = 25

func (p paging) rows() int {
	if p.Limit == nil {
		return defaultRows
	}
	return int(*p.Limit)
}

// start returns the place a page begins with, from 1.
func (p paging) start(fingerprint string) (int, error) {
	if p.Cursor == nil {
		return 1, nil
	}
	fields, err := tool.DecodeCursor(fingerprint, *p.Cursor)
	if err != nil {
		return 0, err
	}
	if len(fields) != 1 {
		return 0, tool.ErrCursor
	}
	start, err := strconv.Atoi(fields[0])
	if err != nil || start < 1 || start > maxPlace {
		return 0, tool.ErrCursor
	}
	return start, nil
}

// maxPlace bounds how far a list is read.
const maxPlace = 1_000_000

type listRequestsInput struct {
	target
	View         *string  `json:"view,omitempty" description:"open when absent" enum:"open,overdue,due_today,unassigned,pending_approval,closed,all"`
	Status       *string  `json:"status,omitempty" bounds:"..250"`
	Priority     *string  `json:"priority,omitempty" bounds:"..250"`
	Group        *string  `json:"group,omitempty" bounds:"..250"`
	Technician   *string  `json:"technician,omitempty" description:"E-mail address, name or me" bounds:"..250"`
	Requester    *string  `json:"requester,omitempty" description:"E-mail address, name or me" bounds:"..250"`
	Category     *string  `json:"category,omitempty" bounds:"..250"`
	UpdatedAfter *string  `json:"updated_after,omitempty" description:"Date or RFC 3339"`
	Sort         *string  `json:"sort,omitempty" description:"updated when absent" enum:"updated,created,due,priority"`
	Fields       []string `json:"fields,omitempty" description:"Columns more" enum:"requester,group,site,category,subcategory,urgency,impact,mode,request_type,created,updated,id" bounds:"..8"`
	paging
}

// requestOrders are the orders of lists, by the fields of SDP; those that begin with - are descending.
var requestOrders = map[string]string{"updated": "-last_updated_time", "created": "-created_time", "due": "due_by_time", "priority": "priority"}

func setOrder(o *sdp.ListOptions, name string) {
	field := requestOrders[name]
	if o.Descending = field[0] == '-'; o.Descending {
		field = field[1:]
	}
	o.Sort = field
}

// listRequests answers list_requests: one call of SDP, and one for each name that no list has.
func (s *Service) listRequests(ctx context.Context, in listRequestsInput) (*tool.Result[requestList], error) {
	d, err := s.openDesk(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.paging = paging{}
	fingerprint := tool.Fingerprint("list_requests", d.uid, asked)
	o := sdp.ListOptions{Rows: in.rows(), Fields: askedFields(in.Fields), CountAll: true}
	if o.Start, err = s.openPlace(fingerprint, in.Cursor); err != nil {
		return nil, err
	}
	setOrder(&o, valueOr(in.Sort, "updated"))
	now := time.Now()
	page, err := d.selectAndList(ctx, func(ctx context.Context) (filter, error) { return d.selectRequests(ctx, &in, now) }, o)
	if err != nil {
		return nil, err
	}
	return d.pageResult(&page, fingerprint, now, in.Fields)
}

// selectRequests makes the conditions of the arguments. A status that is named takes the place of the view that is no argument.
func (d *desk) selectRequests(ctx context.Context, in *listRequestsInput, now time.Time) (filter, error) {
	view := valueOr(in.View, viewOpen)
	if in.Status != nil && in.View == nil {
		view = viewAll
	}
	return joinFilters(
		func() (filter, error) { return d.viewFilter(ctx, view, now) },
		func() (filter, error) {
			return d.entryFilter(ctx, "status", sdp.Statuses, in.Status, func(r *sdp.Request) sdp.Ref { return r.Status.Ref })
		},
		func() (filter, error) {
			return d.entryFilter(ctx, "priority", sdp.Priorities, in.Priority, func(r *sdp.Request) sdp.Ref { return r.Priority })
		},
		func() (filter, error) {
			return d.entryFilter(ctx, "group", sdp.Groups, in.Group, func(r *sdp.Request) sdp.Ref { return r.Group })
		},
		func() (filter, error) {
			return d.entryFilter(ctx, "category", sdp.Categories, in.Category, func(r *sdp.Request) sdp.Ref { return r.Category })
		},
		func() (filter, error) {
			return d.personFilter("technician", in.Technician, func(r *sdp.Request) sdp.Ref { return r.Technician })
		},
		func() (filter, error) {
			return d.personFilter("requester", in.Requester, func(r *sdp.Request) sdp.Ref { return r.Requester })
		},
		func() (filter, error) { return d.updatedFilter(in.UpdatedAfter) },
	)
}

// joinFilters makes conditions one after the other, and joins them.
func joinFilters(each ...func() (filter, error)) (filter, error) {
	var joined filter
	for _, one := range each {
		next, err := one()
		if err != nil {
			return filter{}, err
		}
		joined = joined.and(next)
	}
	return joined, nil
}

// pageResult makes the result of a page of SDP's own order.
func (d *desk) pageResult(page *requestPage, fingerprint string, now time.Time, columns []string) (*tool.Result[requestList], error) {
	var failed error
	rows := make([]requestRow, len(page.rows))
	for i := range page.rows {
		rows[i] = d.newRow(&page.rows[i], now, columns)
	}
	result := d.requestResult(rows, page.total, false, newRequestTable(columns, false), func(shown int) string {
		var cursor string
		cursor, failed = d.service.sealPlace(fingerprint, page.placeAfter(shown))
		return cursor
	})
	return result, failed
}

func valueOr[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}

type myQueueInput struct {
	target
	UnassignedInMyGroups *bool  `json:"unassigned_in_my_groups,omitempty" description:"Also tickets of your groups that nobody has"`
	Limit                *int64 `json:"limit,omitempty" description:"25 when absent" bounds:"1..50"`
}

// myQueue answers my_queue: the open tickets of the caller, overdue ones first, in one call of SDP.
func (s *Service) myQueue(ctx context.Context, in myQueueInput) (*tool.Result[requestList], error) {
	d, err := s.openDesk(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	me, err := d.requirePerson()
	if err != nil {
		return nil, err
	}
	mine := sdp.Where("technician.email_id", sdp.Is, me.Email)
	if valueOr(in.UnassignedInMyGroups, false) {
		if len(me.Groups) == 0 {
			return nil, tool.NewForbidden("connection %s does not say which groups are yours; it needs spec.callers[].groups", d.key)
		}
		mine = sdp.Any(mine, sdp.All(sdp.IsEmpty("technician"), sdp.Where("group.name", sdp.Is, anyOf(me.Groups)...)))
	}
	now := time.Now()
	page, err := d.selectAndList(ctx, func(ctx context.Context) (filter, error) {
		open, err := d.progressFilter(ctx, true)
		return open.and(filter{criteria: mine, holds: isInQueueOf(me, valueOr(in.UnassignedInMyGroups, false))}), err
	}, sdp.ListOptions{Rows: sdp.MaxRows, Sort: "due_by_time", CountAll: true})
	if err != nil {
		return nil, err
	}
	return d.queueResult(&page, now, paging{Limit: in.Limit}.rows()), nil
}
