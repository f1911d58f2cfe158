package servicedesk

import (
	"context"
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// maxShortText is how long subjects, reasons and closure comments may be in SDP, in characters, signature included.
const maxShortText = 250

type updateRequestInput struct {
	target
	RequestID         string                `json:"request_id" description:"Ticket number"`
	Subject           *string               `json:"subject,omitempty" bounds:"1..250"`
	Description       tool.Optional[string] `json:"description,omitzero" description:"Markdown" bounds:"..20000"`
	Priority          tool.Optional[string] `json:"priority,omitzero" bounds:"..250"`
	Urgency           tool.Optional[string] `json:"urgency,omitzero" bounds:"..250"`
	Impact            tool.Optional[string] `json:"impact,omitzero" bounds:"..250"`
	Category          tool.Optional[string] `json:"category,omitzero" bounds:"..250"`
	Subcategory       tool.Optional[string] `json:"subcategory,omitzero" bounds:"..250"`
	Item              tool.Optional[string] `json:"item,omitzero" bounds:"..250"`
	DueBy             tool.Optional[string] `json:"due_by,omitzero" description:"RFC 3339, or a date: the end of that day"`
	UDF               udfArgument           `json:"udf,omitempty" description:"Own fields, by API key or label"`
	UpdateReason      *string               `json:"update_reason,omitempty" bounds:"..250"`
	ExpectedUpdatedAt *string               `json:"expected_updated_at,omitempty" description:"Its last update, or creation, as you read it: refused if it changed since; ServiceDesk Plus has no lock"`
	dryRun
}

// requestUpdate is the structured result of a change of a ticket.
type requestUpdate struct {
	writeOutcome
	Number   string              `json:"number"`
	Subject  string              `json:"subject"`
	Changed  map[string][]string `json:"changed"`
	Dropped  map[string]string   `json:"dropped,omitempty"`
	TimeZone string              `json:"time_zone"`
	Trust    string              `json:"trust"`
}

// named returns the references that are given, by the names of their fields.
func (in *updateRequestInput) named() map[string]tool.Optional[string] {
	return map[string]tool.Optional[string]{
		"priority": in.Priority, "urgency": in.Urgency, "impact": in.Impact, "category": in.Category, "subcategory": in.Subcategory, "item": in.Item,
	}
}

// fields returns the names of the fields that are given.
func (in *updateRequestInput) fields() []string {
	isGiven := map[string]bool{
		"subject": in.Subject != nil, "description": in.Description.Given, "due_by": in.DueBy.Given, "udf": in.UDF != nil, "update_reason": in.UpdateReason != nil,
	}
	for name, value := range in.named() {
		isGiven[name] = value.Given
	}
	return givenNames(isGiven)
}

// updateRequest answers update_request: a call of SDP to read the ticket, one more for a number that was not met, one to write, one more
// without a field that is locked, and one to read it back, four at most.
func (s *Service) updateRequest(ctx context.Context, in updateRequestInput) (*tool.Result[requestUpdate], error) {
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
	if in.Subject != nil {
		if *in.Subject, err = trimTitle("subject", *in.Subject, "request"); err != nil {
			return nil, err
		}
	}
	if in.Subject != nil || in.Description.Given {
		if err := d.checkOwnText(&found, "subject and description"); err != nil {
			return nil, err
		}
	}
	if in.UDF != nil { // which of them requesters see ServiceDesk Plus does not say
		if err := d.checkOwnText(&found, "additional fields"); err != nil {
			return nil, err
		}
	}
	change, err := d.planUpdate(ctx, &in, &found)
	if err != nil {
		return nil, err
	}
	reasons := map[string]string{}
	if in.UpdateReason != nil {
		if err := d.checkSigned("update_reason", *in.UpdateReason); err != nil {
			return nil, err
		}
		reasons["update_reason"] = *in.UpdateReason
	}
	if err := d.checkUpdatedAt(&found, in.ExpectedUpdatedAt); err != nil {
		return nil, err
	}
	asked := in
	asked.dryRun = dryRun{}
	return d.updateTicket(ctx, &found, change, reasons, writeRequest{
		tool: "update_request", arguments: asked, dryRun: in.DryRun, risk: d.riskOfReason(&found, valueOr(in.UpdateReason, ""), noRisk),
	})
}

// updateTicket carries out a change, or says what it would be.
func (d *desk) updateTicket(
	ctx context.Context, found *sdp.Request, change requestChange, reasons map[string]string, r writeRequest,
) (*tool.Result[requestUpdate], error) {
	before := d.requestValues(found)
	would := compareValues(before, change.afterValues(before))
	lines := change.ask(before)
	for _, name := range sortedKeys(reasons) {
		lines = append(lines, askText(name, reasons[name]))
	}
	r.question = tool.Question{Message: fmt.Sprintf("Change %s?\n%s", d.describeTicket(found), strings.Join(lines, "\n"))}
	r.shown = d.shownOfTicket(found, sortedKeys(would)...)
	w, err := d.startWrite(ctx, r)
	if err != nil {
		return nil, err
	}
	result := requestUpdate{
		writeOutcome: outcomeOf(w), Number: numberOf(found), Subject: shortenLine(found.Subject), Changed: would, TimeZone: d.zone.String(), Trust: untrusted,
	}
	if w.isDry {
		return tool.NewResult(d.sayChange(w, &result, "would be changed"), result), nil
	}
	out, err := d.sendChange(ctx, w, found, change, reasons)
	if err != nil {
		return nil, err
	}
	result.Dropped = out.dropped
	if out.after != nil {
		result.Changed, result.Subject = compareValues(before, d.requestValues(out.after)), shortenLine(out.after.Subject)
		return tool.NewResult(d.sayChange(w, &result, "is changed"), result), nil
	}
	for _, name := range sortedKeys(out.dropped) {
		delete(result.Changed, name)
	}
	return tool.NewResult(d.sayChange(w, &result, "is changed; it could not be read afterwards, so this is what was sent"), result), nil
}

// sayChange writes a change for reading.
func (d *desk) sayChange(w *write, result *requestUpdate, what string) string {
	var said strings.Builder
	fmt.Fprintf(&said, "%sRequest %s of connection %s %s. Times are in %s.", w.said(), result.Number, d.key, what, result.TimeZone)
	for _, name := range sortedKeys(result.Dropped) {
		fmt.Fprintf(&said, "\nNot set: %s. %s.", name, result.Dropped[name])
	}
	lines := []string{"subject: " + result.Subject}
	if len(result.Changed) > 0 {
		lines = append(lines, changeLines(result.Changed))
	}
	return said.String() + "\n" + richtext.FrameUntrusted(strings.Join(lines, "\n")) + w.saidLast()
}

// planUpdate makes the change of the arguments: what is so already is no change, and nothing at all is an error.
func (d *desk) planUpdate(ctx context.Context, in *updateRequestInput, found *sdp.Request) (requestChange, error) {
	change, err := d.planEntries(ctx, in.named(), found)
	if err != nil {
		return nil, err
	}
	if in.Subject != nil {
		change = append(change, fieldChange{name: "subject", path: "subject", value: *in.Subject, after: excerpt.Truncate(oneLine(*in.Subject), longSubject)})
	}
	if in.Description.Given {
		change = append(change, describeText(in.Description.Value))
	}
	if in.DueBy.Given {
		due, err := d.parseDueBy(in.DueBy.Value)
		if err != nil {
			return nil, err
		}
		change = append(change, due)
	}
	own, err := d.planUDF(ctx, in.UDF)
	if err != nil {
		return nil, err
	}
	change = append(change, own...)
	return change.ofTicket(d.requestValues(found))
}

// ofTicket leaves out what is so already. Nothing to change is an error.
func (c requestChange) ofTicket(before map[string]string) (requestChange, error) {
	var left requestChange
	for _, one := range c {
		if one.sign != nil || one.after != before[one.name] {
			left = append(left, one)
		}
	}
	if len(left) == 0 {
		return nil, tool.NewInvalid("nothing to change: give a field with another value than it has; get_request shows them")
	}
	return left, nil
}

// planEntries makes the changes of fields that refer to entries of lists. Those of a category are looked for in the one that is given, or
// else in the ticket's own.
func (d *desk) planEntries(ctx context.Context, given map[string]tool.Optional[string], found *sdp.Request) (requestChange, error) {
	var change requestChange
	chosen := map[string]string{}
	for _, name := range comparedFields {
		wanted := given[name]
		if !wanted.Given {
			continue
		}
		if wanted.Value == nil {
			change = append(change, fieldChange{name: name, path: name})
			continue
		}
		parent, isChosen := chosen[parentFields[name]]
		if above := parentFields[name]; above != "" && !isChosen {
			parent = found.Raw.Ref(above).ID
		}
		e, err := d.resolveEntry(ctx, name, entryFields[name], *wanted.Value, parent)
		if err != nil {
			return nil, err
		}
		chosen[name] = e.id
		change = append(change, fieldChange{name: name, path: name, value: e.ref(), after: shortenLine(e.name)})
	}
	return change, nil
}

// describeText makes the change of a description, which is signed; nil clears it.
func describeText(markdown *string) fieldChange {
	change := fieldChange{name: "description", path: "description"}
	if markdown == nil {
		return change
	}
	text := *markdown
	change.after, change.asked = excerpt.Truncate(oneLine(text), shownText), askText("description", text)
	change.sign = func(s signature) any { return richtext.FromMarkdown(s.of(text)) }
	change.isDone = func(r *sdp.Request, s signature) bool { return s.isIn(r.DescriptionHTML) }
	return change
}

// isIn reports whether a text has the mark of a signature.
func (s signature) isIn(text string) bool { return s.mark != "" && strings.Contains(text, s.inText()) }

// parseDueBy makes the change of the time by which a ticket is due; nil clears it.
func (d *desk) parseDueBy(text *string) (fieldChange, error) {
	change := fieldChange{name: "due_by", path: "due_by_time"}
	if text == nil {
		return change, nil
	}
	at, err := parseEndTime("due_by", *text, d.zone)
	if err != nil {
		return change, err
	}
	change.value, change.after = sdp.At(at), formatTime(sdp.At(at), d.zone)
	return change, nil
}
