package servicedesk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

type linkRequestsInput struct {
	target
	RequestID string   `json:"request_id" description:"Ticket number"`
	To        []string `json:"to" description:"Numbers of the tickets that it is linked with" bounds:"1..10"`
	Comment   *string  `json:"comment,omitempty" bounds:"..250"`
	dryRun
}

// linkedRequest is a ticket that another is linked with.
type linkedRequest struct {
	Number  string `json:"number"`
	Subject string `json:"subject"`
	Status  string `json:"status,omitempty"`
}

// requestLinks is the structured result of link_requests.
type requestLinks struct {
	writeOutcome
	Number  string          `json:"number"`
	Subject string          `json:"subject"`
	Links   []linkedRequest `json:"links"`
	Trust   string          `json:"trust"`
}

// linkRequests answers link_requests: a call of SDP to read all tickets, one to link them, and one to read the links.
func (s *Service) linkRequests(ctx context.Context, in linkRequestsInput) (*tool.Result[requestLinks], error) {
	d, err := s.openDeskToWrite(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	if err := d.checkFields(requestKind, "link"); err != nil {
		return nil, err
	}
	if err := d.checkSigned("comment", valueOr(in.Comment, "")); err != nil {
		return nil, err
	}
	source, others, err := d.readLinked(ctx, &in)
	if err != nil {
		return nil, err
	}
	result := requestLinks{Number: numberOf(&source), Subject: shortenLine(source.Subject), Links: []linkedRequest{}, Trust: untrusted}
	shown := d.shownOfTicket(&source)
	var ids, asked []string
	for i := range others {
		other := &others[i]
		ids = append(ids, other.ID)
		asked = append(asked, d.describeTicket(other))
		maps.Copy(shown, d.shownOfTicket(other))
		result.Links = append(result.Links, linkedRequest{numberOf(other), shortenLine(other.Subject), shortenLine(other.Status.Name)})
	}
	comment := ""
	if in.Comment != nil {
		comment = "\n" + askText("comment", *in.Comment)
	}
	arguments := in
	arguments.dryRun = dryRun{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "link_requests", arguments: arguments, dryRun: in.DryRun, mergesRepeats: true,
		question: tool.Question{Message: "Link " + d.describeTicket(&source) + " with " + strings.Join(asked, ", ") + "?" + comment}, shown: shown,
	})
	if err != nil {
		return nil, err
	}
	result.writeOutcome = outcomeOf(w)
	if w.isDry {
		return tool.NewResult(d.sayLinks(w, &result, "would be linked with"), result), nil
	}
	if _, err := w.send(ctx, d.linkStep(&source, ids, valueOr(in.Comment, ""))); err != nil {
		return nil, err
	}
	result.writeOutcome = outcomeOf(w)
	what := "is linked with"
	if linked, err := d.areLinked(ctx, source.ID, ids); err == nil && !linked {
		what = "should be linked with, and ServiceDesk Plus does not list all of them yet,"
	}
	return tool.NewResult(d.sayLinks(w, &result, what), result), nil
}

func (d *desk) sayLinks(w *write, result *requestLinks, what string) string {
	lines := []string{"subject: " + result.Subject}
	for _, link := range result.Links {
		lines = append(lines, strings.Join([]string{link.Number, link.Status, link.Subject}, " | "))
	}
	return fmt.Sprintf("%sRequest %s of connection %s %s %d.\n%s", w.said(), result.Number, d.key, what, len(result.Links),
		richtext.FrameUntrusted(strings.Join(lines, "\n"))) + w.saidLast()
}

// readLinked returns the tickets of a call, each inside the ceilings.
func (d *desk) readLinked(ctx context.Context, in *linkRequestsInput) (source sdp.Request, others []sdp.Request, err error) {
	all, err := d.readTickets(ctx, append([]namedBy{{"request_id", in.RequestID}}, nameAll("to", in.To)...))
	if err == nil && len(all) < 2 {
		err = tool.NewInvalid("argument %q: a ticket cannot be linked with itself", "to")
	}
	if err != nil {
		return source, nil, err
	}
	return all[0], all[1:], nil
}

func (d *desk) linkStep(source *sdp.Request, ids []string, comment string) writeStep {
	return writeStep{
		name: "link", weight: 1,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			err := d.client.Requests().Link(ctx, source.ID, ids, strings.TrimSpace(s.of(comment)))
			return writtenRecord{ID: source.ID, Number: source.DisplayID}, explainWrite(updateScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, _ signature) (sdp.WriteLookup, error) {
			linked, err := d.areLinked(ctx, source.ID, ids)
			if err != nil {
				return sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}, err
			}
			return findLater(linked, source.ID, attempt), nil
		},
	}
}

// areLinked reports whether a ticket is linked with all of some others.
func (d *desk) areLinked(ctx context.Context, id string, others []string) (bool, error) {
	page, err := d.client.Requests().Links(id).List(ctx, sdp.ListOptions{Rows: sdp.MaxRows})
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(others, func(other string) bool {
		return !slices.ContainsFunc(page.Items, func(l sdp.RequestLink) bool { return l.Request.ID == other })
	}), nil
}
