package servicedesk

import (
	"context"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// recordUpdate is the structured result of what changes, or makes, a project, a milestone or a task.
type recordUpdate struct {
	writeOutcome
	ID      string `json:"id"`
	Of      string `json:"of"`
	Subject string `json:"subject"`
	// Changed has before and after of each field.
	Changed  map[string][]string `json:"changed,omitempty"`
	Added    []string            `json:"added,omitempty"`
	Failed   []string            `json:"failed,omitempty"`
	TimeZone string              `json:"time_zone"`
	Trust    string              `json:"trust"`
}

func (d *desk) newRecordUpdate(id, of, subject string) recordUpdate {
	return recordUpdate{ID: id, Of: of, Subject: shortenLine(subject), TimeZone: d.zone.String(), Trust: untrusted}
}

// shown returns what was shown of the record, by names that refusals say.
func (u recordUpdate) shown(what string) map[string]string {
	shown := map[string]string{}
	for name, values := range u.Changed {
		shown[name+" of "+what] = values[0]
	}
	return shown
}

// describeChanges returns what the record is called, what is changed of it, and what is added to it, framed.
func (u recordUpdate) describeChanges(added []string) string {
	lines := append([]string{"subject: " + u.Subject}, changedLines(u.Changed)...)
	if len(added) > 0 {
		lines = append(lines, "added: "+strings.Join(added, ", "))
	}
	return richtext.FrameUntrusted(strings.Join(lines, "\n"))
}

// result makes the result of a write: what was done in a sentence, and the changes.
func (u recordUpdate) result(w *write, done string) *tool.Result[recordUpdate] {
	u.writeOutcome = outcomeOf(w)
	if len(u.Changed)+len(u.Added)+len(u.Failed) == 0 {
		done = "nothing is changed: " + u.Of + " has these values already."
	}
	var text strings.Builder
	text.WriteString(w.said() + strings.ToUpper(done[:1]) + done[1:])
	for _, failed := range u.Failed {
		text.WriteString("\nfailed: " + failed)
	}
	text.WriteString(" Times are in " + u.TimeZone + ".\n" + u.describeChanges(u.Added))
	return tool.NewResult(text.String()+w.saidLast(), u)
}

// sendUpdate sends the changes of a record that was updated last when it was read, and returns what it is afterwards where SDP answered.
func sendUpdate[T any](
	ctx context.Context, w *write, name, id string, seen sdp.Time, of sdp.Editor[T], changes recordChanges[T],
) (after *T, err error) {
	_, err = w.send(ctx, writeStep{
		name: name, weight: 1, seen: &seen,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			record, err := of.Update(ctx, id, changes.fields(s))
			if err == nil {
				after = &record
			}
			return writtenRecord{ID: id}, err
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return of.FindUpdated(ctx, attempt, id, func(record T) bool { return changes.areIn(record, s) })
		},
	})
	return after, err
}

// sendCreate makes a record whose text bears the mark of the intent, and waits for its turn until a time.
func sendCreate[T any](
	ctx context.Context, w *write, name string, until time.Time, of sdp.Editor[T], fields func(signature) sdp.Fields, idOf func(T) writtenRecord,
) (made writtenRecord, record *T, err error) {
	made, err = sendInTime(ctx, w, writeStep{
		name: name, weight: 1,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			created, err := of.Create(ctx, fields(s))
			if err != nil {
				return writtenRecord{}, err
			}
			record = &created
			return idOf(created), nil
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return of.FindCreated(ctx, attempt, s.inText())
		},
	}, until)
	return made, record, err
}
