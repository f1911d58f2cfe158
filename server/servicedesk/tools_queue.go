package servicedesk

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// isInQueueOf returns what rows of somebody's queue are checked by.
func isInQueueOf(me store.ConnectionCaller, withGroups bool) func(*sdp.Request) bool {
	return func(r *sdp.Request) bool {
		if r.Technician.ID == "" && r.Technician.Name == "" {
			return withGroups && slices.ContainsFunc(me.Groups, func(group string) bool { return strings.EqualFold(group, r.Group.Name) })
		}
		return r.Technician.Email == "" || strings.EqualFold(r.Technician.Email, me.Email)
	}
}

// queueResult makes the result of a queue: by the time that is left, those without one last. The queue of a person is one page; of a
// longer one the rest is in list_requests.
func (d *desk) queueResult(page *requestPage, now time.Time, limit int) *tool.Result[requestList] {
	slices.SortStableFunc(page.rows, func(a, b sdp.Request) int { return cmp.Compare(dueOrder(&a), dueOrder(&b)) })
	rows := make([]requestRow, min(len(page.rows), limit))
	for i := range rows {
		r := &page.rows[i]
		rows[i] = d.newRow(r, now, nil)
		if !r.DueByTime.IsZero() {
			rows[i].MinutesLeft = new(int64(math.Floor(r.DueByTime.At.Sub(now).Minutes())))
		}
	}
	more := page.next != 0 || len(page.rows) > limit
	return d.requestResult(rows, page.total, more, newRequestTable(nil, false), func(int) string { return "" })
}

// dueOrder returns what queues are sorted by.
func dueOrder(r *sdp.Request) int64 {
	if r.DueByTime.IsZero() {
		return math.MaxInt64
	}
	return r.DueByTime.At.UnixMilli()
}
