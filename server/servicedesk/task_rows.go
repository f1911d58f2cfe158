package servicedesk

import (
	"context"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// taskFields are what rows of tasks are asked for.
var taskFields = []string{"id", "title", "owner", "status", "percentage_completion", "scheduled_end_time", "milestone"}

// taskRow is a task in a list.
type taskRow struct {
	ID        string `json:"id"`
	Title     string `json:"subject"`
	Owner     string `json:"owner,omitempty"`
	Status    string `json:"status,omitempty"`
	Percent   int    `json:"percent"`
	End       string `json:"end,omitempty"`
	IsOverdue bool   `json:"overdue,omitempty"`
	Milestone string `json:"milestone,omitempty"`
}

type taskList struct {
	Of         string    `json:"of"`
	Subject    string    `json:"subject"`
	Tasks      []taskRow `json:"tasks"`
	Total      *int      `json:"total,omitempty"`
	NextCursor string    `json:"next_cursor,omitempty"`
	TimeZone   string    `json:"time_zone"`
	Trust      string    `json:"trust"`
}

func (d *desk) newTaskRow(t *sdp.Task, states *progressStates, now time.Time) taskRow {
	row := taskRow{
		ID: t.ID, Title: shortenLine(t.Title), Owner: shortenLine(t.Owner.Name), Status: shortenLine(t.Status.Name), Percent: t.Percent,
		End: formatTime(t.ScheduledEnd, d.zone), Milestone: shortenLine(t.Milestone.Name),
	}
	row.IsOverdue = states.isOpen(t.Status) && !t.ScheduledEnd.IsZero() && t.ScheduledEnd.At.Before(now)
	return row
}

// progressStates are the statuses of a site for a kind of record, with what they say of progress.
type progressStates struct {
	entries []entry
}

// readProgress returns those of a list; none where the site has none, or not for the owner of the token.
func (d *desk) readProgress(ctx context.Context, of sdp.LookupType) (*progressStates, error) {
	list, err := d.lookups.read(ctx, of)
	if err != nil && !isNoList(err) {
		return nil, err
	}
	return &progressStates{list.entries}, nil
}

// isOpen reports whether work is left to do at a status: by what the record says of it, by the list, and otherwise there is.
func (s *progressStates) isOpen(status sdp.Status) bool {
	if terminal, known := status.IsTerminal(); known {
		return !terminal
	}
	for _, e := range s.entries {
		if refersTo(status.Ref, sdp.Ref{ID: e.id, Name: e.name}) && e.flags.InProgress != nil {
			return *e.flags.InProgress
		}
	}
	return true
}

// criteria selects what is open, or what is not; all where the list does not say.
func (s *progressStates) criteria(open bool) sdp.Criteria {
	var ids []entry
	for _, e := range s.entries {
		if e.flags.InProgress != nil && *e.flags.InProgress == open {
			ids = append(ids, e)
		}
	}
	if len(ids) == 0 {
		return sdp.Criteria{}
	}
	return sdp.Where("status.id", sdp.Is, idsOf(ids)...)
}

// done returns the status of what is done, of those at which nothing is left to do: one that is called so, or the first that is not
// called off.
func (s *progressStates) done() (sdp.Ref, error) {
	var best *entry
	rank := 0
	for i := range s.entries {
		e := &s.entries[i]
		if e.flags.Deleted || e.flags.InProgress == nil || *e.flags.InProgress {
			continue
		}
		of := 1
		for _, name := range []string{strings.ToLower(e.name), strings.ToLower(e.flags.InternalName)} {
			switch {
			case strings.HasPrefix(name, "complete"):
				of = max(of, 4)
			case strings.HasPrefix(name, "closed"), strings.HasPrefix(name, "resolved"):
				of = max(of, 3)
			case strings.HasPrefix(name, "cancel"):
				of = -1
			}
		}
		if of > rank {
			best, rank = e, of
		}
	}
	if best == nil {
		return sdp.Ref{}, tool.NewInvalid("the list of statuses does not say which of them ends work; give status beside complete, which list_lookup has under task_statuses")
	}
	return sdp.Ref{ID: best.id, Name: best.name}, nil
}

// isTerminal reports whether a status that a caller chose ends work; known is false where the list does not say.
func (s *progressStates) isTerminal(of sdp.Ref) (terminal, known bool) {
	for _, e := range s.entries {
		if refersTo(of, sdp.Ref{ID: e.id, Name: e.name}) && e.flags.InProgress != nil {
			return !*e.flags.InProgress, true
		}
	}
	return false, false
}
