package servicedesk

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/tool"
)

// createProblemScope is the OAuth scope that making problems needs.
const createProblemScope = "SDPOnDemand.problems.CREATE"

type createProblemInput struct {
	target
	Title       string   `json:"title" bounds:"1..250"`
	Description *string  `json:"description,omitempty" description:"Markdown" bounds:"..20000"`
	RequestIDs  []string `json:"request_ids,omitempty" description:"Numbers of tickets to link to it" bounds:"..25"`
	Priority    *string  `json:"priority,omitempty" bounds:"1..250"`
	Technician  *string  `json:"technician,omitempty" description:"E-mail address, name or me" bounds:"1..250"`
	Group       *string  `json:"group,omitempty" bounds:"1..250"`
	dryRun
	idempotencyKey
}

// linkByHand is what is left where a call that links tickets stopped: no tool links them to a problem that is there.
const linkByHand = "link those in ServiceDesk Plus; another call may create another problem"

// wouldLink is the state of a ticket in a dry run.
const wouldLink = "would_link"

// createdProblem is the structured result of create_problem. The state of a ticket is done, failed or not_started.
type createdProblem struct {
	writeOutcome
	ID       string    `json:"id,omitempty"`
	Subject  string    `json:"subject"`
	Requests []bulkRow `json:"requests,omitempty"`
	Trust    string    `json:"trust"`
}

// createProblem answers create_problem: a call of SDP for all tickets and for a technician who is named by name, one to make the problem,
// and one to link each ticket.
func (s *Service) createProblem(ctx context.Context, in createProblemInput) (*tool.Result[createdProblem], error) {
	until := time.Now().Add(bulkTime)
	d, err := s.openDeskToWrite(ctx, in.target, recordsToolset)
	if err != nil {
		return nil, err
	}
	if err := d.checkProblemFields(&in); err != nil {
		return nil, err
	}
	if in.Title, err = trimTitle("title", in.Title, "problem"); err != nil {
		return nil, err
	}
	var tickets []sdp.Request
	if len(in.RequestIDs) > 0 {
		if tickets, err = d.readTickets(ctx, nameAll("request_ids", in.RequestIDs)); err != nil {
			return nil, err
		}
	}
	fields, said, err := d.problemFields(ctx, &in, tickets)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.dryRun, asked.idempotencyKey = dryRun{}, idempotencyKey{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "create_problem", arguments: asked, dryRun: in.DryRun, key: in.IdempotencyKey, mergesRepeats: true,
		question: tool.Question{Message: d.askProblem(&in, said, tickets)}, shown: d.shownOfTickets(tickets),
	})
	if err != nil {
		return nil, err
	}
	result := createdProblem{Subject: excerpt.Truncate(oneLine(in.Title), longSubject), Trust: untrusted}
	rows := make([]*bulkRow, len(tickets))
	for i := range tickets {
		rows[i] = &bulkRow{Number: numberOf(&tickets[i]), Subject: shortenLine(tickets[i].Subject), State: wouldLink}
	}
	if !w.isDry {
		made, err := w.send(ctx, d.problemStep(&in, fields))
		if err != nil {
			return nil, err
		}
		result.ID = made.ID
		audit.FromContext(ctx).UseRecord("record", made.ID)
		d.sendEach(ctx, "create_problem", w.sayHowToGoOn(linkByHand), rows, until, func(i int) error {
			_, err := sendInTime(ctx, w, d.linkProblemStep(&tickets[i], made.ID), until)
			return err
		})
	}
	for _, row := range rows {
		result.Requests = append(result.Requests, *row)
	}
	result.writeOutcome = outcomeOf(w)
	if in.Description != nil {
		said = append(said, "description:", quoteText(*in.Description, conciseText))
	}
	return tool.NewResult(d.sayProblem(w, &result, said), result), nil
}

// checkProblemFields checks what agents may write of problems, and of the tickets that are linked to one.
func (d *desk) checkProblemFields(in *createProblemInput) error {
	given := givenNames(map[string]bool{
		"title": true, "description": in.Description != nil, "priority": in.Priority != nil, "technician": in.Technician != nil, "group": in.Group != nil,
	})
	if err := d.checkFields(problemModule, given...); err != nil || len(in.RequestIDs) == 0 {
		return err
	}
	if err := d.checkToolset(requestsToolset); err != nil {
		return err
	}
	return d.checkFields(requestKind, problemModule)
}

// problemFields returns what a problem is made of beside its description, and what it is for people. Where groups or sites bound what
// there is, the problem is inside: its site is that of its tickets, or the only one there may be.
func (d *desk) problemFields(ctx context.Context, in *createProblemInput, tickets []sdp.Request) (sdp.Fields, []string, error) {
	fields, said := sdp.Fields{"title": in.Title}, []string{askLine("title", in.Title)}
	group := ""
	for _, one := range []struct {
		name string
		of   sdp.LookupType
		text *string
	}{{"priority", sdp.Priorities, in.Priority}, {"group", sdp.Groups, in.Group}} {
		if one.text == nil {
			continue
		}
		e, err := d.resolveEntry(ctx, one.name, one.of, *one.text, "")
		if err != nil {
			return nil, nil, err
		}
		fields[one.name] = e.ref()
		said = append(said, askLine(one.name, e.name))
		if one.name == "group" {
			group = e.name
		}
	}
	if err := d.checkTarget("group", d.ceiling.groups, group); err != nil {
		return nil, nil, err
	}
	if in.Technician != nil {
		person, err := d.resolvePerson(ctx, "technician", *in.Technician, d.client.ListTechnicians)
		if err != nil {
			return nil, nil, err
		}
		fields["technician"] = person.ref
		said = append(said, askLine("technician", namePerson(person.ref)))
	}
	site := d.chooseSite(tickets)
	if err := d.checkTarget("site", d.ceiling.sites, site); err != nil {
		return nil, nil, err
	}
	if site != "" {
		fields["site"] = sdp.ByName(site)
		said = append(said, askLine("site", site))
	}
	for _, of := range []bound{d.ceiling.groups, d.ceiling.sites} {
		if _, has := fields[of.field]; of.isBounded && !has { // else a template might set one that is outside
			fields[of.field] = nil
			said = append(said, of.field+": "+showEmpty(""))
		}
	}
	return fields, said, nil
}

// chooseSite returns the site of a problem where the connection bounds the sites: none where it need not have one.
func (d *desk) chooseSite(tickets []sdp.Request) string {
	sites := d.ceiling.sites
	if !sites.isBounded || sites.isEmptyAllowed {
		return ""
	}
	if len(sites.names) == 1 {
		return sites.names[0]
	}
	for i := range tickets {
		if name := tickets[i].Site.Name; name != "" {
			return name
		}
	}
	return ""
}

// askProblem is what a person confirms.
func (d *desk) askProblem(in *createProblemInput, said []string, tickets []sdp.Request) string {
	lines := append([]string{fmt.Sprintf("Create a problem of connection %s?", d.key)}, said...)
	if in.Description != nil {
		lines = append(lines, askText("description", *in.Description))
	}
	for i := range tickets {
		lines = append(lines, "It is linked to "+d.describeTicket(&tickets[i]))
	}
	return strings.Join(lines, "\n")
}

// shownOfTickets returns what was shown of each of some tickets, by names that say what is not so any more.
func (d *desk) shownOfTickets(tickets []sdp.Request) map[string]string {
	shown := map[string]string{}
	for i := range tickets {
		maps.Copy(shown, d.shownOfTicket(&tickets[i]))
	}
	return shown
}

// problemStep makes the problem. Its description has the mark, so that there is always one.
func (d *desk) problemStep(in *createProblemInput, fields sdp.Fields) writeStep {
	problems := d.client.Problems()
	return writeStep{
		name: "problem", weight: 1,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			fields["description"] = richtext.FromMarkdown(s.of(valueOr(in.Description, "")))
			made, err := problems.Create(ctx, fields)
			return writtenRecord{ID: made.ID, Number: made.DisplayID}, explainWrite(createProblemScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return problems.FindCreated(ctx, attempt, s.inText())
		},
	}
}

// linkProblemStep links a ticket to the problem.
func (d *desk) linkProblemStep(ticket *sdp.Request, problem string) writeStep {
	requests, id := d.client.Requests(), ticket.ID
	return writeStep{
		name: "ticket " + numberOf(ticket), weight: 1,
		send: func(ctx context.Context, _ signature) (writtenRecord, error) {
			err := requests.Associate(ctx, id, sdp.AssociatedProblem, problem)
			return writtenRecord{ID: id, Number: ticket.DisplayID}, explainWrite(updateScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, _ signature) (sdp.WriteLookup, error) {
			linked, err := requests.Associated(ctx, id, sdp.AssociatedProblem)
			if err != nil {
				return sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}, err
			}
			return findLater(linked.ID == problem, id, attempt), nil
		},
	}
}

func (d *desk) sayProblem(w *write, result *createdProblem, said []string) string {
	text := fmt.Sprintf("%sProblem %s of connection %s is created.", w.said(), result.ID, d.key)
	lines := []string{"title: " + result.Subject}
	if w.isDry {
		text = fmt.Sprintf("%sThis problem of connection %s would be created.", w.said(), d.key)
		lines = said
	}
	states := map[string]int{}
	for _, row := range result.Requests {
		lines = append(lines, strings.Join([]string{row.Number, row.State, row.Subject, oneLine(row.Why)}, " | "))
		states[row.State]++
	}
	for _, state := range sortedKeys(states) {
		text += fmt.Sprintf(" Linked tickets: %d %s.", states[state], strings.ReplaceAll(state, "_", " "))
	}
	if states[bulkNotStarted] > 0 {
		text += " For those that were not started: " + w.sayHowToGoOn(linkByHand) + "."
	}
	return text + "\n" + richtext.FrameUntrusted(strings.Join(lines, "\n")) + w.saidLast()
}
