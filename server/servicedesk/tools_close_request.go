package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

type closeRequestInput struct {
	target
	RequestID       string  `json:"request_id" description:"Ticket number"`
	Resolution      *string `json:"resolution,omitempty" description:"How it was solved, in Markdown" bounds:"1..20000"`
	ClosureCode     *string `json:"closure_code,omitempty" description:"Only where the site has closure codes" bounds:"..250"`
	ClosureComments *string `json:"closure_comments,omitempty" bounds:"..250"`
	ResolveOnly     *bool   `json:"resolve_only,omitempty" description:"Set the status Resolved, and leave closing to others"`
	dryRun
	planned
}

// requestClosing is the structured result of closing a ticket.
type requestClosing struct {
	writeOutcome
	Number  string `json:"number"`
	Subject string `json:"subject"`
	Before  string `json:"before"`
	Status  string `json:"status"`
	Trust   string `json:"trust"`
}

// plannedClosing is what a call does to a ticket.
type plannedClosing struct {
	found      *sdp.Request
	to         entry
	resolution string
	// code and comments go with a ticket that is closed, and not with one that is resolved alone.
	code          sdp.Ref
	comments      string
	isResolveOnly bool
}

// closeRequest answers close_request: a call of SDP to read the ticket, one more for a number that was not met, one for the
// resolution, one to close, and one to read the status back.
func (s *Service) closeRequest(ctx context.Context, in closeRequestInput) (*tool.Result[requestClosing], error) {
	d, err := s.openDeskToWrite(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	if err := d.checkFields(requestKind, in.fields()...); err != nil {
		return nil, err
	}
	found, err := d.readTicket(ctx, in.RequestID)
	if err != nil {
		return nil, err
	}
	c, err := d.planClosing(ctx, &in, &found)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.dryRun, asked.planned = dryRun{}, planned{}
	r := writeRequest{
		tool: "close_request", arguments: asked, dryRun: in.DryRun, plan: in.Plan, risk: destructive,
		question: tool.Question{Message: c.question(d)}, shown: d.shownOfTicket(&found),
	}
	if in.Resolution != nil || in.ClosureComments != nil {
		r.risk = reachesRequester
	}
	w, err := d.startWrite(ctx, r)
	if err != nil {
		return nil, err
	}
	result := requestClosing{
		writeOutcome: outcomeOf(w), Number: numberOf(&found), Subject: shortenLine(found.Subject), Before: shortenLine(found.Status.Name),
		Status: shortenLine(c.to.name), Trust: untrusted,
	}
	if w.isDry {
		return tool.NewResult(d.sayClosing(w, &result, "would be "+c.end()), result), nil
	}
	if err := d.sendClosing(ctx, w, c); err != nil {
		return nil, err
	}
	what := "is " + c.end() + "; it could not be read afterwards, so this is what was sent"
	if after := d.readBack(ctx, found.ID); after != nil {
		what, result.Status = "is "+c.end(), shortenLine(after.Status.Name)
	}
	return tool.NewResult(d.sayClosing(w, &result, what), result), nil
}

// fields returns the names of the fields that are given, the status among them.
func (in *closeRequestInput) fields() []string {
	return givenNames(map[string]bool{
		"status": true, "resolution": in.Resolution != nil, "closure_code": in.ClosureCode != nil, "closure_comments": in.ClosureComments != nil,
	})
}

func (d *desk) sayClosing(w *write, result *requestClosing, what string) string {
	return fmt.Sprintf("%sRequest %s of connection %s %s.\n%s", w.said(), result.Number, d.key, what,
		richtext.FrameUntrusted("subject: "+result.Subject+"\nstatus: "+result.Before+" → "+result.Status)) + w.saidLast()
}

// end says what becomes of the ticket, whatever a site calls its status.
func (c *plannedClosing) end() string {
	if c.isResolveOnly {
		return "resolved"
	}
	return "closed"
}

// question is what a person confirms.
func (c *plannedClosing) question(d *desk) string {
	asked := "Close "
	if c.isResolveOnly {
		asked = "Resolve "
	}
	asked += d.describeTicket(c.found) + "?"
	if c.isResolveOnly {
		asked += "\n" + askChange("status", c.found.Status.Name, c.to.name)
	}
	if !c.code.IsZero() {
		asked += "\n" + askLine("closure_code", c.code.Name)
	}
	for _, text := range [][2]string{{"Resolution", c.resolution}, {"Comments", c.comments}} {
		if text[1] != "" {
			asked += "\n" + askText(text[0]+", which its requester may read", text[1])
		}
	}
	return asked
}

// planClosing finds out what a call does, before anything is sent.
func (d *desk) planClosing(ctx context.Context, in *closeRequestInput, found *sdp.Request) (*plannedClosing, error) {
	c := &plannedClosing{
		found: found, resolution: strings.TrimSpace(valueOr(in.Resolution, "")), comments: strings.TrimSpace(valueOr(in.ClosureComments, "")),
		isResolveOnly: valueOr(in.ResolveOnly, false),
	}
	if c.isResolveOnly && (in.ClosureCode != nil || c.comments != "") {
		return nil, tool.NewInvalid("arguments %q and %q go with a ticket that is closed; leave them out with %q", "closure_code", "closure_comments", "resolve_only")
	}
	if err := d.checkSigned("closure_comments", c.comments); err != nil {
		return nil, err
	}
	statuses, err := d.readStatuses(ctx)
	if err != nil {
		return nil, err
	}
	wanted := "closed"
	if c.isResolveOnly {
		wanted = "resolved"
	}
	c.to = statuses.first(func(e entry) bool { return !e.isOngoing() && e.internalName() == wanted })
	if c.to.id == "" && c.isResolveOnly {
		return nil, tool.NewInvalid("argument %q: this ServiceDesk Plus has no status Resolved; leave it out to close the ticket", "resolve_only")
	}
	if from := findEntries(statuses, found.Status.ID); len(from) > 0 && !from[0].isOngoing() {
		if isResolved := from[0].internalName() == "resolved"; !isResolved || c.isResolveOnly {
			return nil, tool.NewConflict("request %s has ended already; set_request_status status=reopen opens it again. Its status is\n%s",
				numberOf(found), richtext.FrameUntrusted(shortenLine(found.Status.Name)))
		}
	}
	if in.ClosureCode != nil {
		code, err := d.resolveClosureCode(ctx, *in.ClosureCode)
		if err != nil {
			return nil, err
		}
		c.code = code
	}
	return c, nil
}

// resolveClosureCode returns a closure code of the site. Where it has none, naming one would be refused.
func (d *desk) resolveClosureCode(ctx context.Context, text string) (sdp.Ref, error) {
	list, err := d.lookups.read(ctx, sdp.ClosureCodes)
	if isNoList(err) || err == nil && len(list.entries) == 0 {
		return sdp.Ref{}, tool.NewInvalid("argument %q: this ServiceDesk Plus has no closure codes; leave it out", "closure_code")
	}
	if err != nil {
		return sdp.Ref{}, err
	}
	code, err := d.resolveEntry(ctx, "closure_code", sdp.ClosureCodes, text, "")
	return code.ref(), err
}

// sendClosing writes the resolution in a step of its own, since closing may want it, and closes.
func (d *desk) sendClosing(ctx context.Context, w *write, c *plannedClosing) error {
	isWritten := false
	if c.resolution != "" {
		if _, err := w.send(ctx, d.resolutionStep(c)); err != nil {
			return err
		}
		isWritten = true
	}
	_, err := w.send(ctx, d.closingStep(c))
	if err == nil {
		return nil
	}
	return c.sayBlocked(err, isWritten)
}

func (d *desk) resolutionStep(c *plannedClosing) writeStep {
	requests, id := d.client.Requests(), c.found.ID
	return writeStep{
		name: "resolution",
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			send := requests.AddResolution
			if c.found.ResolutionHTML != "" {
				send = requests.ReplaceResolution
			}
			_, err := send(ctx, id, richtext.FromMarkdown(s.of(c.resolution)), false)
			return writtenRecord{ID: id, Number: c.found.DisplayID}, explainWrite(updateScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return requests.FindUpdated(ctx, attempt, id, func(r sdp.Request) bool { return s.isIn(r.ResolutionHTML) })
		},
	}
}

// seen returns when the ticket was updated last before it is closed; nil where the call has written its resolution since it was read.
func (c *plannedClosing) seen() *sdp.Time {
	if c.resolution != "" {
		return nil
	}
	return &c.found.LastUpdatedTime
}

func (d *desk) closingStep(c *plannedClosing) writeStep {
	requests, id := d.client.Requests(), c.found.ID
	return writeStep{
		name: "close", weight: 1, seen: c.seen(),
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			written := writtenRecord{ID: id, Number: c.found.DisplayID}
			if c.isResolveOnly {
				_, err := requests.Update(ctx, id, sdp.Fields{"status": c.to.ref()})
				return written, explainWrite(updateScope, err)
			}
			closure := sdp.Closure{Code: c.code}
			if c.comments != "" {
				closure.Comments = s.of(c.comments)
			}
			return written, explainWrite(updateScope, requests.Close(ctx, id, closure))
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, _ signature) (sdp.WriteLookup, error) {
			return requests.FindUpdated(ctx, attempt, id, func(r sdp.Request) bool {
				terminal, _ := r.Status.IsTerminal()
				return terminal && r.Status.ID != c.found.Status.ID
			})
		},
	}
}

// remedies are what a caller does about what blocks closing, by the fields that SDP names.
var remedies = map[string]string{
	"resolution": "give resolution", "tasks": "complete its open tasks, which list_tasks has, with update_task", "worklogs": "add time with add_worklog",
	"requester_ack_resolution": "the requester has to acknowledge it in ServiceDesk Plus", "closure_code": "give closure_code",
	"closure_comments": "give closure_comments",
}

// sayBlocked says what blocks closing, where SDP says that something is missing.
func (c *plannedClosing) sayBlocked(err error, resolutionIsWritten bool) error {
	failed, is := errors.AsType[*sdp.Error](err)
	if !is || failed.Kind != sdp.KindNotPerformed && failed.Code != missingCode {
		return err
	}
	var wanted []string
	for _, field := range failed.Fields {
		if remedy, known := remedies[field]; known {
			field += " (" + remedy + ")"
		}
		wanted = append(wanted, field)
	}
	said := fmt.Sprintf("request %s is not closed: ServiceDesk Plus wants first %s", numberOf(c.found), strings.Join(wanted, "; "))
	if len(wanted) == 0 {
		said = fmt.Sprintf("request %s is not closed: ServiceDesk Plus wants something first, and does not say what; a person who opens it there sees it", numberOf(c.found))
	}
	if resolutionIsWritten {
		said += ". The resolution is written"
	}
	return &tool.Error{Kind: rejectedKind, Text: said, Details: errorDetails{Kind: rejectedKind, SDPCode: failed.Code, Fields: failed.Fields, Outcome: store.WriteNotDone}}
}

// findLater decides what it means that a lookup of what a write made found nothing: SDP may still be at it.
func findLater(isDone bool, id string, attempt *sdp.Attempt) sdp.WriteLookup {
	switch {
	case isDone:
		return sdp.WriteLookup{Outcome: sdp.WriteDone, ID: id}
	case time.Since(attempt.EndedAt) >= sdp.LateWrite:
		return sdp.WriteLookup{Outcome: sdp.WriteNotDone}
	}
	return sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}
}
