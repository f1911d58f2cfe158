package servicedesk

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// sendBulk changes the tickets one after the other, as the limiter lets it.
func (d *desk) sendBulk(ctx context.Context, w *write, in *bulkUpdateInput, tickets []bulkTicket, until time.Time) {
	rows := make([]*bulkRow, len(tickets))
	for i := range tickets {
		rows[i] = &tickets[i].row
	}
	d.sendEach(ctx, "bulk_update_requests", w.sayHowToGoOn("call again for these tickets alone"), rows, until, func(i int) error {
		return d.sendBulkTicket(ctx, w, in, &tickets[i], until)
	})
}

// sendEach has something sent for each ticket that is not skipped, one after the other, and says in its row what became of it. What would
// not be begun in time, or after what stops all of them, is not: goOn says how a caller goes on.
func (d *desk) sendEach(ctx context.Context, name, goOn string, rows []*bulkRow, until time.Time, send func(i int) error) {
	stopped := ""
	for i, row := range rows {
		tool.ReportProgress(ctx, float64(i), float64(len(rows)), "request "+row.Number)
		if row.State == bulkSkipped {
			continue
		}
		if stopped == "" && !time.Now().Before(until) {
			stopped = "the time of a call is over; " + goOn
		}
		if stopped != "" {
			row.State, row.Why = bulkNotStarted, stopped
			continue
		}
		err := send(i)
		if err == nil {
			row.State = bulkDone
			continue
		}
		said := d.service.describeFailure(ctx, name, err)
		row.State, row.Why = bulkFailed, said
		if isOfAll(err) {
			stopped = "it ended at request " + row.Number + ": " + said
			if isNotSent(err) {
				row.State = bulkNotStarted
			}
		}
	}
}

// sendBulkTicket changes one ticket, and adds the note, in steps of its own. One that moved is begun as well, to learn whether an earlier call
// with the plan changed it, and is not sent otherwise.
func (d *desk) sendBulkTicket(ctx context.Context, w *write, in *bulkUpdateInput, ticket *bulkTicket, until time.Time) error {
	weight := 1
	if len(ticket.change) > 0 || len(ticket.moved) > 0 {
		written, err := sendInTime(ctx, w, d.bulkStep(ticket), until)
		if err != nil {
			return err
		}
		ticket.isRepeat = written.isRepeat
		weight = 0 // the note belongs to it
	}
	if in.Note == nil {
		return nil
	}
	html := func(s signature) string { return richtext.FromMarkdown(s.of(*in.Note)) }
	written, err := sendInTime(ctx, w, d.noteStep("note on "+ticket.row.Number, weight, &ticket.found, html, false, false), until)
	ticket.isRepeat = written.isRepeat && (ticket.isRepeat || len(ticket.change) == 0)
	return err
}

func (d *desk) bulkStep(ticket *bulkTicket) writeStep {
	requests, id, left := d.client.Requests(), ticket.found.ID, ticket.change
	return writeStep{
		name: "ticket " + ticket.row.Number, weight: 1, seen: &ticket.found.LastUpdatedTime,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			written := writtenRecord{ID: id, Number: ticket.found.DisplayID}
			if len(ticket.moved) > 0 {
				return written, &movedError{tool.NewConflict("%s%s", sayMoved(ticket.moved), againWithoutPlan)}
			}
			updated, err := d.sendFields(ctx, &left, s, func(fields sdp.Fields) (sdp.Request, error) { return requests.Update(ctx, id, fields) })
			if err != nil {
				return written, explainWrite(updateScope, err)
			}
			if undone := left.undone(d, &updated, s); len(undone) > 0 {
				ticket.row.Why += "; ServiceDesk Plus left as they are: " + strings.Join(undone, ", ")
			}
			return written, nil
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return requests.FindUpdated(ctx, attempt, id, func(r sdp.Request) bool { return left.isDone(d, &r, s) })
		},
	}
}

// movedError says that a ticket is not as it was shown. It is of no other ticket.
type movedError struct{ refusal *tool.Error }

func (e *movedError) Error() string { return e.refusal.Error() }
func (e *movedError) Unwrap() error { return e.refusal }

// sendInTime sends a step, and sends it again once its turn has come where it was refused since that would have been too late.
func sendInTime(ctx context.Context, w *write, step writeStep, until time.Time) (writtenRecord, error) {
	for {
		written, err := w.send(ctx, step)
		wait, isQueued := turnOf(err)
		if !isQueued || time.Now().Add(wait).After(until) {
			return written, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return writtenRecord{}, ctx.Err()
		}
	}
}

// turnOf returns how long a call waits that the limiter, or SDP, has no turn for now.
func turnOf(err error) (wait time.Duration, isQueued bool) {
	if queued, is := errors.AsType[*sdp.WaitError](err); is {
		return queued.RetryAfter, true
	}
	failed, isCall := errors.AsType[*sdp.Error](err)
	if isCall && failed.Kind == sdp.KindThrottled {
		return failed.RetryAfter, failed.RetryAfter > 0
	}
	return 0, false
}

// isNotSent reports whether a write failed before anything was carried out.
func isNotSent(err error) bool {
	failed, isCall := errors.AsType[*sdp.Error](err)
	if written, is := errors.AsType[*writeError](err); is && written.outcome == store.WriteIndeterminate {
		return false
	}
	return !isCall || failed.Kind == sdp.KindTokenRefused || failed.Kind == sdp.KindThrottled
}

// isOfAll reports whether what failed for one ticket fails for the others, too: the connection, the store or the quota, not the ticket.
func isOfAll(err error) bool {
	if _, isMoved := errors.AsType[*movedError](err); isMoved {
		return false
	}
	if written, is := errors.AsType[*writeError](err); is && written.outcome == store.WriteIndeterminate {
		return false
	}
	failed, isCall := errors.AsType[*sdp.Error](err)
	if !isCall {
		return true
	}
	switch failed.Kind {
	case sdp.KindRejected, sdp.KindNotFound, sdp.KindForbidden, sdp.KindNotPerformed, sdp.KindInvalidInput, sdp.KindIndeterminate:
		return false
	}
	return true
}

// describeFailure returns what a caller is told of an error, without the frame of what strangers wrote.
func (s *Service) describeFailure(ctx context.Context, name string, err error) string {
	refused, is := errors.AsType[*tool.Error](err)
	if !is {
		refused = s.explainError(ctx, name, nil, err)
	}
	first, _, _ := strings.Cut(refused.Text, "\n")
	return string(refused.Kind) + ": " + first
}
