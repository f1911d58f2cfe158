package servicedesk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/tool"
)

type createRequestInput struct {
	target
	Subject     string      `json:"subject" bounds:"1..250"`
	Description *string     `json:"description,omitempty" description:"Markdown" bounds:"..20000"`
	Requester   *string     `json:"requester,omitempty" description:"E-mail address or name, you when absent" bounds:"..250"`
	Template    *string     `json:"template,omitempty" bounds:"..250"`
	Category    *string     `json:"category,omitempty" bounds:"..250"`
	Subcategory *string     `json:"subcategory,omitempty" bounds:"..250"`
	Item        *string     `json:"item,omitempty" bounds:"..250"`
	Priority    *string     `json:"priority,omitempty" bounds:"..250"`
	Urgency     *string     `json:"urgency,omitempty" bounds:"..250"`
	Impact      *string     `json:"impact,omitempty" bounds:"..250"`
	Group       *string     `json:"group,omitempty" bounds:"..250"`
	Technician  *string     `json:"technician,omitempty" description:"E-mail address, name or me" bounds:"..250"`
	UDF         udfArgument `json:"udf,omitempty" description:"Own fields, by API key or label"`
	dryRun
	idempotencyKey
}

// createdRequest is the structured result of create_request.
type createdRequest struct {
	writeOutcome
	ID        string            `json:"id,omitempty"`
	Number    string            `json:"number,omitempty"`
	Subject   string            `json:"subject"`
	Link      string            `json:"link,omitempty"`
	Fields    map[string]string `json:"fields,omitempty"`
	Defaulted map[string]string `json:"defaulted"`
	// Mandatory has the fields that the template of a dry run wants, with the values that they may have; Missing are those without any.
	Mandatory map[string][]string `json:"mandatory,omitempty"`
	Missing   []string            `json:"missing,omitempty"`
	Trust     string              `json:"trust"`
}

// given returns the values that are given for entries of lists, by the names of their fields.
func (in *createRequestInput) given() map[string]*string {
	return map[string]*string{
		"template": in.Template, "category": in.Category, "subcategory": in.Subcategory, "item": in.Item, "priority": in.Priority, "urgency": in.Urgency,
		"impact": in.Impact, "group": in.Group,
	}
}

// fields returns the names of the fields that are given.
func (in *createRequestInput) fields() []string {
	isGiven := map[string]bool{
		"subject": true, "description": in.Description != nil, "requester": in.Requester != nil, "technician": in.Technician != nil, "udf": in.UDF != nil,
	}
	for name, value := range in.given() {
		isGiven[name] = value != nil
	}
	return givenNames(isGiven)
}

// plannedRequest is a ticket that is to be created.
type plannedRequest struct {
	change requestChange
	// defaulted are the values that nobody gave, by the names of their fields.
	defaulted map[string]string
	// template is the id of the template, where there is one.
	template string
}

// createRequest answers create_request: a call of SDP to create the ticket and one to read it back, one more for each person who is named by
// name; a dry run makes one for the template.
func (s *Service) createRequest(ctx context.Context, in createRequestInput) (*tool.Result[createdRequest], error) {
	d, err := s.openDeskToWrite(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	if err := d.checkFields(requestKind, in.fields()...); err != nil {
		return nil, err
	}
	if in.Subject, err = trimTitle("subject", in.Subject, "request"); err != nil {
		return nil, err
	}
	planned, err := d.planRequest(ctx, &in)
	if err != nil {
		return nil, err
	}
	would := planned.change.afterValues(nil)
	w, err := d.startWrite(ctx, in.writeRequest(d, planned, would))
	if err != nil {
		return nil, err
	}
	result := createdRequest{writeOutcome: outcomeOf(w), Subject: shortenLine(in.Subject), Defaulted: planned.defaulted, Trust: untrusted}
	if w.isDry {
		result.Fields = would
		if result.Mandatory, err = d.readMandatory(ctx, planned); err != nil {
			return nil, err
		}
		for _, name := range sortedKeys(result.Mandatory) {
			if would[name] == "" {
				result.Missing = append(result.Missing, name)
			}
		}
		return tool.NewResult(d.sayCreated(w, &result), result), nil
	}
	written, err := w.send(ctx, d.creationStep(planned))
	if err != nil {
		return nil, d.explainRefusal(ctx, nil, err)
	}
	result.writeOutcome = outcomeOf(w)
	made := sdp.Request{ID: written.ID, DisplayID: written.Number, Subject: in.Subject}
	audit.FromContext(ctx).UseTicket(made.DisplayID)
	if after := d.readBack(ctx, written.ID); after != nil {
		made = *after
	}
	result.ID, result.Number, result.Subject, result.Link = "id:"+made.ID, numberOf(&made), shortenLine(made.Subject), d.requestURI(&made)
	return tool.NewResult(d.sayCreated(w, &result), result), nil
}

// writeRequest is what the call is about to do.
func (in *createRequestInput) writeRequest(d *desk, planned *plannedRequest, would map[string]string) writeRequest {
	asked := *in
	asked.dryRun, asked.idempotencyKey = dryRun{}, idempotencyKey{}
	return writeRequest{
		tool: "create_request", arguments: asked, dryRun: in.DryRun, key: in.IdempotencyKey, mergesRepeats: true,
		question: tool.Question{Message: fmt.Sprintf("Create a request in connection %s?\n%s", d.key, strings.Join(planned.change.ask(nil), "\n"))}, shown: would,
	}
}

// planRequest makes the fields of the arguments, with the connection's defaults where nothing is given.
func (d *desk) planRequest(ctx context.Context, in *createRequestInput) (*plannedRequest, error) {
	p := &plannedRequest{defaulted: map[string]string{}}
	p.change = append(p.change, fieldChange{name: "subject", path: "subject", value: in.Subject, after: excerpt.Truncate(oneLine(in.Subject), longSubject)})
	p.change = append(p.change, describeText(new(valueOr(in.Description, ""))))
	requester, err := d.chooseRequester(ctx, in.Requester)
	if err != nil {
		return nil, err
	}
	p.change = append(p.change, changePerson(fieldChange{name: "requester", path: "requester"}, requester))
	if in.Requester == nil {
		p.defaulted["requester"] = requester.shown
	}
	if err := d.planChosen(ctx, in.given(), p); err != nil {
		return nil, err
	}
	if in.Technician != nil {
		person, err := d.resolvePerson(ctx, "technician", *in.Technician, d.client.ListTechnicians)
		if err != nil {
			return nil, err
		}
		p.change = append(p.change, changePerson(fieldChange{name: "technician", path: "technician"}, person))
	}
	own, err := d.planUDF(ctx, in.UDF)
	if err != nil {
		return nil, err
	}
	p.change = append(p.change, own...)
	return p, d.keepInside(in, p)
}

// keepInside refuses a ticket that would be outside of the ceilings. Where it may be without a group or a site, and nobody gave one, it is
// sent as without: else the template, or the site of the requester, would set one. What a template that a caller names does with that nobody
// can tell, so that one wants a value.
func (d *desk) keepInside(in *createRequestInput, p *plannedRequest) error {
	for _, of := range []bound{d.ceiling.groups, d.ceiling.sites} {
		name := p.change.nameIn(of.field)
		if err := d.checkTarget(of.field, of, name); err != nil {
			return err
		}
		if name != "" || !of.isBounded {
			continue
		}
		if in.Template != nil {
			refused := tool.NewForbidden("connection %s bounds the %s of tickets (spec.access.%ss), and a template may set one: give the %s%s, or leave the template out",
				d.key, of.field, of.field, of.field, sayDefaultsAlone([]string{of.field}))
			refused.Details = errorDetails{Kind: refused.Kind, Fields: []string{"template", of.field}, Allowed: of.entries()}
			return refused
		}
		p.change = append(p.change, fieldChange{name: of.field, path: of.field})
	}
	return nil
}

// chosenFields are the fields of new tickets that refer to entries of lists, those before that others belong to.
var chosenFields = []string{"template", "request_type", "mode", "level", "site", "group", "category", "subcategory", "item", "priority", "urgency", "impact"}

// planChosen makes the fields that refer to entries of lists. A default within another one counts with that alone.
func (d *desk) planChosen(ctx context.Context, given map[string]*string, p *plannedRequest) error {
	chosen := map[string]entry{}
	for _, name := range chosenFields {
		value, argument := given[name], name
		if byDefault, has := d.Defaults[name]; value == nil && has {
			above := parentFields[name]
			if above != "" && !strings.EqualFold(chosen[above].name, d.Defaults[above]) {
				continue
			}
			value, argument = &byDefault, "spec.defaults."+name
			p.defaulted[name] = byDefault
		}
		if value == nil {
			continue
		}
		e, err := d.resolveEntry(ctx, argument, entryFields[name], *value, chosen[parentFields[name]].id)
		if err != nil {
			return err
		}
		chosen[name] = e
		p.change = append(p.change, fieldChange{name: name, path: name, value: e.ref(), after: shortenLine(e.name)})
	}
	p.template = chosen["template"].id
	return nil
}

// chooseRequester returns for whom a ticket is: for the caller, unless they may write what others read.
func (d *desk) chooseRequester(ctx context.Context, given *string) (namedPerson, error) {
	if d.Access.RequesterVisible == visibleAllowed && given != nil {
		return d.resolvePerson(ctx, "requester", *given, d.client.Users().List)
	}
	me, err := d.requirePerson()
	if err != nil {
		return namedPerson{}, err
	}
	if given != nil && !slices.ContainsFunc([]string{"me", me.Email}, func(own string) bool { return strings.EqualFold(own, strings.TrimSpace(*given)) }) {
		return namedPerson{}, tool.NewForbidden("connection %s lets agents create tickets for their callers alone (spec.access.requesterVisible); leave requester out, or give %s", d.key, me.Email)
	}
	return namedPerson{sdp.ByEmail(me.Email), me.Email}, nil
}

func (d *desk) creationStep(p *plannedRequest) writeStep {
	requests := d.client.Requests()
	return writeStep{
		name: "create", weight: 1,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			made, err := d.sendFields(ctx, &p.change, s, func(fields sdp.Fields) (sdp.Request, error) { return requests.Create(ctx, fields) })
			if err == nil && d.admits(&made) {
				d.numbers.add(made.DisplayID, made.ID)
			}
			return writtenRecord{ID: made.ID, Number: made.DisplayID}, explainWrite(createScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return requests.FindCreated(ctx, attempt, s.inText())
		},
	}
}

// sayCreated writes a result for reading.
func (d *desk) sayCreated(w *write, result *createdRequest) string {
	said := fmt.Sprintf("%sA request would be created in connection %s.", w.said(), d.key)
	if !w.isDry {
		said = fmt.Sprintf("%sRequest %s of connection %s is created: %s (%s).", w.said(), result.Number, d.key, result.Link, result.ID)
	}
	if len(result.Missing) > 0 {
		said += " Its template wants more: " + strings.Join(result.Missing, ", ") + sayDefaultsAlone(result.Missing) + "."
	}
	lines := []string{"subject: " + result.Subject}
	for _, name := range sortedKeys(result.Fields) {
		if name != "subject" {
			lines = append(lines, name+": "+result.Fields[name])
		}
	}
	for _, name := range sortedKeys(result.Defaulted) {
		lines = append(lines, "by default "+name+": "+oneLine(result.Defaulted[name]))
	}
	for _, name := range sortedKeys(result.Mandatory) {
		lines = append(lines, "mandatory "+name+": "+strings.Join(result.Mandatory[name], ", "))
	}
	return said + "\n" + richtext.FrameUntrusted(strings.Join(lines, "\n")) + w.saidLast()
}
