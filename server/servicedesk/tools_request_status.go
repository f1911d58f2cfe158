package servicedesk

import (
	"context"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

type setRequestStatusInput struct {
	target
	RequestID  string  `json:"request_id" description:"Ticket number"`
	Status     string  `json:"status" description:"A status, or hold, resume, reopen, cancel" bounds:"1..250"`
	Comment    *string `json:"comment,omitempty" description:"Why; required by hold and cancel" bounds:"..250"`
	Until      *string `json:"until,omitempty" description:"With hold: when it ends, a date or RFC 3339"`
	ThenStatus *string `json:"then_status,omitempty" description:"With until: the status after that, Open when absent" bounds:"..250"`
	dryRun
}

// The words that stand for a status, whatever a site calls it.
const (
	holdWord   = "hold"
	resumeWord = "resume"
	reopenWord = "reopen"
	cancelWord = "cancel"
)

// setRequestStatus answers set_request_status: a call of SDP to read the ticket, one more for a number that was not met, one to write,
// and one to read it back.
func (s *Service) setRequestStatus(ctx context.Context, in setRequestStatusInput) (*tool.Result[requestUpdate], error) {
	d, err := s.openDeskToWrite(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	written := []string{"status"}
	if in.Comment != nil {
		written = append(written, "comment")
	}
	if err := d.checkFields(requestKind, written...); err != nil {
		return nil, err
	}
	found, err := d.readTicket(ctx, in.RequestID)
	if err != nil {
		return nil, err
	}
	statuses, err := d.readStatuses(ctx)
	if err != nil {
		return nil, err
	}
	to, err := statuses.choose(in.Status, &found)
	if err != nil {
		return nil, err
	}
	change, reasons, err := d.planStatus(&in, statuses, to, time.Now())
	if err != nil {
		return nil, err
	}
	if change, err = change.ofTicket(d.requestValues(&found)); err != nil {
		return nil, err
	}
	asked := in
	asked.dryRun = dryRun{}
	of := noRisk
	if to.isCancellation() {
		of = destructive // it ends the work, as closing does
	}
	return d.updateTicket(ctx, &found, change, reasons, writeRequest{
		tool: "set_request_status", arguments: asked, dryRun: in.DryRun, risk: d.riskOfReason(&found, valueOr(in.Comment, ""), of),
	})
}

// planStatus makes the change of a status. What holds a ticket has its comment in the scheduler that ends it; others say why apart.
func (d *desk) planStatus(in *setRequestStatusInput, statuses statusList, to entry, now time.Time) (requestChange, map[string]string, error) {
	change := fieldChange{name: "status", path: "status", value: to.ref(), after: shortenLine(to.name)}
	comment := strings.TrimSpace(valueOr(in.Comment, ""))
	switch {
	case comment == "" && (to.isHold() || to.isCancellation()):
		return nil, nil, tool.NewInvalid("argument %q is required: ServiceDesk Plus wants to know why a ticket becomes %s", "comment", shortenLine(to.name))
	case !to.isHold() && (in.Until != nil || in.ThenStatus != nil):
		return nil, nil, tool.NewInvalid("arguments %q and %q go with status=hold", "until", "then_status")
	case in.ThenStatus != nil && in.Until == nil:
		return nil, nil, tool.NewInvalid("argument %q needs %q", "then_status", "until")
	}
	if err := d.checkSigned("comment", comment); err != nil {
		return nil, nil, err
	}
	if !to.isHold() {
		reasons := map[string]string{}
		if comment != "" {
			reasons["status_change_comments"] = comment
		}
		return requestChange{change}, reasons, nil
	}
	until, next, err := d.planHold(in, statuses, now)
	if err != nil {
		return nil, nil, err
	}
	scheduler := fieldChange{
		name: "hold", path: "onhold_scheduler", asked: askText("comment", comment), isDone: func(*sdp.Request, signature) bool { return true }, // the status says whether
		sign: func(s signature) any { return sdp.HoldFields(to.ref(), until, next, s.of(comment))["onhold_scheduler"] },
	}
	if !until.IsZero() {
		scheduler.asked += "\n" + askLine("until", formatTime(until, d.zone)) + "\n" + askLine("then_status", next.Name)
	}
	return requestChange{change, scheduler}, nil, nil
}

// planHold returns when a ticket that is held goes on, and how.
func (d *desk) planHold(in *setRequestStatusInput, statuses statusList, now time.Time) (until sdp.Time, next sdp.Ref, err error) {
	if in.Until == nil {
		return sdp.Time{}, sdp.Ref{}, nil
	}
	at, err := parseTime("until", *in.Until, d.zone)
	if err != nil {
		return sdp.Time{}, sdp.Ref{}, err
	}
	if !at.After(now) {
		return sdp.Time{}, sdp.Ref{}, tool.NewInvalid("argument %q: %s is in the past", "until", formatTime(sdp.At(at), d.zone))
	}
	then := statuses.findOpen()
	if in.ThenStatus != nil {
		if then, err = statuses.find("then_status", *in.ThenStatus); err != nil {
			return sdp.Time{}, sdp.Ref{}, err
		}
		if !then.isOngoing() || then.isHold() {
			return sdp.Time{}, sdp.Ref{}, tool.NewInvalid("argument %q: %s is no status in which work goes on", "then_status", shortenLine(then.name))
		}
	}
	return sdp.At(at), then.ref(), nil
}

// statusList are the statuses of a site, of which each says whether work goes on.
type statusList []entry

// readStatuses returns them. By their names alone nobody could tell which end the work.
func (d *desk) readStatuses(ctx context.Context) (statusList, error) {
	list, err := d.lookups.read(ctx, sdp.Statuses)
	if err == nil && !statusList(list.entries).isKnown() {
		if fresh, isNew, reloadErr := d.lookups.reload(ctx, sdp.Statuses, ""); reloadErr == nil && isNew {
			list = fresh
		}
	}
	switch {
	case isNoList(err), err == nil && !statusList(list.entries).isKnown():
		return nil, &tool.Error{Kind: unavailableKind, Text: "this ServiceDesk Plus, or the token, has no list of statuses that says which of them end the work; a person has to change the status there"}
	case err != nil:
		return nil, err
	}
	var usable statusList
	for _, e := range list.entries {
		if !e.flags.Deleted && e.flags.InProgress != nil {
			usable = append(usable, e)
		}
	}
	return usable, nil
}

func (l statusList) isKnown() bool {
	for _, e := range l {
		if e.flags.InProgress != nil {
			return true
		}
	}
	return false
}

// find returns the status with a name, an internal name or an id.
func (l statusList) find(argument, text string) (entry, error) {
	if found := findEntries(l, text); len(found) > 0 {
		return found[0], nil
	}
	return entry{}, sayUnknownName(argument, sdp.Statuses, text, l)
}

// first returns the first status that is so, or none.
func (l statusList) first(is func(entry) bool) entry {
	for _, e := range l {
		if is(e) {
			return e
		}
	}
	return entry{}
}

// findOpen returns the status in which work begins: by its internal name, or else the first in which the timer runs.
func (l statusList) findOpen() entry {
	if open := l.first(func(e entry) bool { return e.isOngoing() && e.internalName() == "open" }); open.id != "" {
		return open
	}
	return l.first(func(e entry) bool { return e.isOngoing() && !e.isHold() })
}

func (e entry) isOngoing() bool { return e.flags.InProgress != nil && *e.flags.InProgress }

// internalName returns the name that is the same at every site, without case and spaces.
func (e entry) internalName() string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(e.flags.InternalName))
}

// isHold reports whether a ticket waits in a status: its timer does.
func (e entry) isHold() bool {
	return e.isOngoing() && (e.internalName() == "onhold" || e.flags.StopTimer)
}

func (e entry) isCancellation() bool {
	return !e.isOngoing() && (e.internalName() == "cancelled" || e.internalName() == "canceled")
}

// choose returns the status that a caller means for a ticket. What ends the work otherwise than by a cancellation is another tool's.
func (l statusList) choose(text string, of *sdp.Request) (entry, error) {
	var chosen entry
	from := findEntries(l, of.Status.ID)
	isHeld, isEnded := len(from) > 0 && from[0].isHold(), len(from) > 0 && !from[0].isOngoing()
	switch word := strings.ToLower(strings.TrimSpace(text)); word {
	case holdWord:
		chosen = l.first(func(e entry) bool { return e.internalName() == "onhold" })
		if chosen.id == "" {
			chosen = l.first(entry.isHold)
		}
	case cancelWord:
		chosen = l.first(entry.isCancellation)
	case resumeWord, reopenWord:
		if word == resumeWord && !isHeld || word == reopenWord && !isEnded {
			return entry{}, tool.NewConflict("request %s cannot %s: its status is\n%s", numberOf(of), word, richtext.FrameUntrusted(shortenLine(of.Status.Name)))
		}
		chosen = l.findOpen()
	default:
		found, err := l.find("status", text)
		if err != nil {
			return entry{}, err
		}
		if !found.isOngoing() && !found.isCancellation() {
			return entry{}, tool.NewInvalid("argument %q: %s ends the work on a ticket; close_request does that, with resolve_only where it is not closed yet", "status", shortenLine(found.name))
		}
		chosen = found
	}
	if chosen.id == "" {
		return entry{}, tool.NewInvalid("argument %q: this ServiceDesk Plus has no status to %s with; list_lookup type=statuses has those there are", "status", shortenLine(text))
	}
	return chosen, nil
}
