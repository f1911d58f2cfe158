package servicedesk

import (
	"fmt"
	"slices"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
)

// requestKind is the kind of record that spec.access.fields has the fields of tickets under; notes, worklogs, links and the trash are among
// them.
const requestKind = "request"

// writeOutcome is what the results of all tools that write have.
type writeOutcome struct {
	DryRun bool   `json:"dry_run,omitempty"`
	Plan   string `json:"plan,omitempty"`
	Repeat bool   `json:"repeat,omitempty"`
}

func outcomeOf(w *write) writeOutcome {
	return writeOutcome{DryRun: w.isDry, Plan: w.plan, Repeat: w.isRepeat()}
}

// said begins the text of a result: whether anything was written by this call.
func (w *write) said() string {
	switch {
	case w.isDry:
		return "Dry run, nothing was written. "
	case w.isRepeat():
		return "An earlier call did this; nothing was written now. "
	}
	return ""
}

// sayHowToGoOn says how a caller has done what a call did not begin. Alone is what to do where an equal call would do the others again.
func (w *write) sayHowToGoOn(alone string) string {
	switch {
	case w.intent.Key != "":
		return "call again with the same arguments and idempotency_key"
	case w.hasPlan && w.intent.ContinuesPlan:
		return "call again with the same arguments and plan"
	}
	return alone
}

// saidLast ends the text of a result: what a plan confirms, as a person would be asked, and how it is carried out.
func (w *write) saidLast() string {
	if !w.isDry || w.plan == "" {
		return ""
	}
	return "\nThe plan confirms:\n" + richtext.FrameUntrusted(w.question) + "\nTo carry it out, call again with the same arguments, without dry_run, and plan=" + w.plan
}

// numberOf returns the number of a ticket that people know, or the id of one that has none.
func numberOf(r *sdp.Request) string {
	if r.DisplayID == "" {
		return "id:" + r.ID
	}
	return r.DisplayID
}

// describeTicket names a ticket for a person who is asked.
func (d *desk) describeTicket(r *sdp.Request) string {
	return fmt.Sprintf("request %s %q (%s) of connection %s", numberOf(r), excerpt.Truncate(oneLine(r.Subject), shownSubject), shortenLine(r.Status.Name), d.key)
}

// shownOfTicket returns what was shown of a ticket, by names that say what is not so any more: what it is about, and the fields that a call
// writes. Of the others nothing was said, and ServiceDesk Plus recalculates some, as a due date, whenever it likes.
func (d *desk) shownOfTicket(r *sdp.Request, written ...string) map[string]string {
	values, shown := d.requestValues(r), map[string]string{}
	for _, name := range slices.Concat([]string{"subject", "status", "requester"}, written) {
		shown[name+ofRequest(numberOf(r))] = values[name]
	}
	return shown
}

// ofRequest ends the names of what was shown of a ticket.
func ofRequest(number string) string { return " of request " + number }
