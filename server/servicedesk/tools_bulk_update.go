package servicedesk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

const (
	// bulkTime is how long after its begin a call that writes many records begins with further ones; bulkDeadline, of the whole call, leaves
	// the last of them the time to wait for an equal write, to be sent, and to be looked up.
	bulkTime     = 100 * time.Second
	bulkDeadline = bulkTime + equalWait + store.WriteDeadline + lookupTime + 2*storeTimeout
)

type bulkUpdateInput struct {
	target
	RequestIDs []string    `json:"request_ids" description:"Numbers of the tickets" bounds:"1..25"`
	Changes    bulkChanges `json:"changes"`
	Note       *string     `json:"note,omitempty" description:"Private note on each ticket, Markdown" bounds:"1..20000"`
	DryRun     *bool       `json:"dry_run,omitempty" description:"true when absent, unless there is a plan"`
	planned
}

// bulkChanges are what each ticket gets.
type bulkChanges struct {
	Status     *string `json:"status,omitempty" description:"One in which work goes on" bounds:"..250"`
	Priority   *string `json:"priority,omitempty" bounds:"..250"`
	Group      *string `json:"group,omitempty" bounds:"..250"`
	Technician *string `json:"technician,omitempty" description:"E-mail address, name or me" bounds:"..250"`
	Category   *string `json:"category,omitempty" bounds:"..250"`
}

// The states of a ticket in a bulk write.
const (
	bulkWould      = "would_change"
	bulkDone       = "done"
	bulkSkipped    = "skipped"
	bulkFailed     = "failed"
	bulkNotStarted = "not_started"
)

// bulkRow is what became of one ticket.
type bulkRow struct {
	Number  string `json:"number"`
	Subject string `json:"subject"`
	State   string `json:"state"`
	Why     string `json:"why,omitempty"`
}

// bulkUpdate is the structured result of bulk_update_requests.
type bulkUpdate struct {
	writeOutcome
	Requests []bulkRow      `json:"requests"`
	Counts   map[string]int `json:"counts"`
	Trust    string         `json:"trust"`
}

// bulkTicket is a ticket with what is to become of it: nothing where it is so already.
type bulkTicket struct {
	found  sdp.Request
	change requestChange
	row    bulkRow
	// isRepeat says that an earlier call with the same plan did it.
	isRepeat bool
	// settled are the fields that are as they would be; moved is what is not as the plan showed it, by the names of what was shown.
	settled, moved []string
}

// keepMoved keeps of what moved what is this ticket's.
func (t *bulkTicket) keepMoved(moved []string) {
	for _, name := range moved {
		if strings.HasSuffix(name, ofRequest(t.row.Number)) {
			t.moved = append(t.moved, name)
		}
	}
}

// bulkUpdateRequests answers bulk_update_requests: a call of SDP to read all tickets, one to change each, and one more for each note.
func (s *Service) bulkUpdateRequests(ctx context.Context, in bulkUpdateInput) (*tool.Result[bulkUpdate], error) {
	until := time.Now().Add(bulkTime)
	d, err := s.openDeskToWrite(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	given := in.Changes.given()
	if len(given) == 0 && in.Note == nil {
		return nil, tool.NewInvalid("nothing to change: give a member of %q, or a note", "changes")
	}
	if in.Note != nil {
		given = append(given, "note")
	}
	if err := d.checkFields(requestKind, given...); err != nil {
		return nil, err
	}
	found, err := d.readTickets(ctx, nameAll("request_ids", in.RequestIDs))
	if err != nil {
		return nil, err
	}
	tickets, err := d.planBulk(ctx, &in, found)
	if err != nil {
		return nil, err
	}
	if in.DryRun == nil {
		in.DryRun = new(in.Plan == nil)
	}
	asked := in
	asked.DryRun, asked.planned = nil, planned{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "bulk_update_requests", arguments: asked, dryRun: in.DryRun, plan: in.Plan, risk: destructive, continuesPlan: true,
		question: d.askBulk(&in, tickets), shown: d.shownInBulk(&in, tickets), isSo: bulkSettled(tickets),
		refusesEach: true,
	})
	if err != nil {
		return nil, err
	}
	for i := range tickets {
		tickets[i].keepMoved(w.moved)
	}
	if !w.isDry {
		d.sendBulk(ctx, w, &in, tickets, until)
	}
	return d.bulkResult(w, tickets), nil
}

// given returns the names of the fields that are given.
func (c *bulkChanges) given() []string {
	return givenNames(map[string]bool{
		"status": c.Status != nil, "priority": c.Priority != nil, "group": c.Group != nil, "technician": c.Technician != nil, "category": c.Category != nil,
	})
}

// planBulk finds out what becomes of each ticket. Names are looked up once.
func (d *desk) planBulk(ctx context.Context, in *bulkUpdateInput, found []sdp.Request) ([]bulkTicket, error) {
	var all requestChange
	given := map[string]*string{"priority": in.Changes.Priority, "group": in.Changes.Group, "category": in.Changes.Category}
	for _, name := range sortedKeys(given) { // the question is the same each time
		text := given[name]
		if text == nil {
			continue
		}
		e, err := d.resolveEntry(ctx, "changes."+name, entryFields[name], *text, "")
		if err != nil {
			return nil, err
		}
		all = append(all, fieldChange{name: name, path: name, value: e.ref(), after: shortenLine(e.name)})
		if name == "group" {
			if err := d.checkTarget("group", d.ceiling.groups, e.name); err != nil {
				return nil, err
			}
		}
	}
	if in.Changes.Status != nil {
		to, err := d.chooseBulkStatus(ctx, *in.Changes.Status)
		if err != nil {
			return nil, err
		}
		all = append(all, fieldChange{name: "status", path: "status", value: to.ref(), after: shortenLine(to.name)})
	}
	if in.Changes.Technician != nil {
		person, err := d.resolvePerson(ctx, "changes.technician", *in.Changes.Technician, d.client.ListTechnicians)
		if err != nil {
			return nil, err
		}
		all = append(all, changePerson(fieldChange{name: "technician", path: "technician"}, person))
	}
	tickets := make([]bulkTicket, len(found))
	for i := range found {
		tickets[i] = d.planBulkTicket(&found[i], all, in.Note != nil)
	}
	return tickets, nil
}

// planBulkTicket finds out what becomes of one ticket.
func (d *desk) planBulkTicket(found *sdp.Request, all requestChange, hasNote bool) bulkTicket {
	before := d.requestValues(found)
	ticket := bulkTicket{found: *found, row: bulkRow{Number: numberOf(found), Subject: shortenLine(found.Subject), State: bulkWould}}
	change, err := all.ofAssignment(found, before)
	if err != nil {
		change = nil // it is so already
	}
	ticket.change = change
	for _, one := range all {
		if !slices.ContainsFunc(change, func(left fieldChange) bool { return left.name == one.name }) {
			ticket.settled = append(ticket.settled, one.name)
		}
	}
	if slices.Contains(ticket.settled, "category") {
		ticket.settled = append(ticket.settled, categoryParts...)
	}
	var said []string
	for _, name := range sortedKeys(compareValues(before, change.afterValues(before))) {
		pair := compareValues(before, change.afterValues(before))[name]
		said = append(said, name+": "+showEmpty(pair[0])+" → "+showEmpty(pair[1]))
	}
	if hasNote {
		said = append(said, "a note")
	}
	if ticket.row.Why = strings.Join(said, ", "); len(said) == 0 {
		ticket.row.State, ticket.row.Why = bulkSkipped, "it has these values already"
	}
	return ticket
}

// chooseBulkStatus returns a status that needs no reason of its own.
func (d *desk) chooseBulkStatus(ctx context.Context, text string) (entry, error) {
	statuses, err := d.readStatuses(ctx)
	if err != nil {
		return entry{}, err
	}
	to, err := statuses.find("changes.status", text)
	if err != nil {
		return entry{}, err
	}
	if !to.isOngoing() || to.isHold() {
		return entry{}, tool.NewInvalid("argument %q: %s wants a reason for each ticket; set_request_status holds, resumes, reopens and cancels one, close_request closes one",
			"changes.status", shortenLine(to.name))
	}
	return to, nil
}

// askBulk is what a person confirms.
func (d *desk) askBulk(in *bulkUpdateInput, tickets []bulkTicket) tool.Question {
	var asked strings.Builder
	fmt.Fprintf(&asked, "Change %d requests of connection %s?", len(tickets), d.key)
	for i := range tickets {
		row := &tickets[i].row
		said := strings.Join(tickets[i].change.ask(d.requestValues(&tickets[i].found)), ", ")
		if said == "" {
			said = row.Why
		}
		fmt.Fprintf(&asked, "\n%s %q: %s", row.Number, row.Subject, said)
	}
	if in.Note != nil {
		asked.WriteString("\n" + "note on each:\n" + quoteText(*in.Note, askedBytes-min(asked.Len(), askedBytes/2)))
	}
	return tool.Question{Message: asked.String()}
}

// shownInBulk is what was shown of each ticket.
func (d *desk) shownInBulk(in *bulkUpdateInput, tickets []bulkTicket) map[string]string {
	written := in.Changes.given()
	if in.Changes.Category != nil {
		written = append(written, categoryParts...)
	}
	shown := map[string]string{}
	for i := range tickets {
		maps.Copy(shown, d.shownOfTicket(&tickets[i].found, written...))
	}
	return shown
}

// categoryParts are the fields that go with the category.
var categoryParts = []string{"subcategory", "item"}

// bulkSettled returns what of that is as the call would have it: the same plan has perhaps written it before.
func bulkSettled(tickets []bulkTicket) map[string]bool {
	settled := map[string]bool{}
	for i := range tickets {
		for _, name := range tickets[i].settled {
			settled[name+ofRequest(tickets[i].row.Number)] = true
		}
	}
	return settled
}

// bulkResult makes the result: a table, framed, since subjects are strangers'.
func (d *desk) bulkResult(w *write, tickets []bulkTicket) *tool.Result[bulkUpdate] {
	result := bulkUpdate{writeOutcome: outcomeOf(w), Requests: []bulkRow{}, Counts: map[string]int{}, Trust: untrusted}
	shown := newTable("number", "state", "subject", "why")
	for i := range tickets {
		row := tickets[i].row
		if tickets[i].isRepeat {
			row.Why = "an earlier call with this plan did it"
		}
		row.Why = oneLine(row.Why)
		result.Requests = append(result.Requests, row)
		result.Counts[row.State]++
		shown.append([]string{row.Number, row.State, row.Subject, row.Why})
	}
	var counted []string
	for _, state := range sortedKeys(result.Counts) {
		counted = append(counted, fmt.Sprintf("%d %s", result.Counts[state], strings.ReplaceAll(state, "_", " ")))
	}
	said := fmt.Sprintf("%s%d requests of connection %s: %s.", w.said(), len(tickets), d.key, strings.Join(counted, ", "))
	return tool.NewResult(said+"\n"+shown.text()+w.saidLast(), result)
}
