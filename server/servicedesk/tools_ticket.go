package servicedesk

import (
	"context"
	"slices"
	"time"

	"github.com/lectern-dev/lectern/server/tool"
)

type getRequestInput struct {
	target
	RequestID string   `json:"request_id" description:"Number as people write it: 31, #31, RE-31; an internal id as id:41"`
	Include   []string `json:"include,omitempty" description:"More parts: a call of ServiceDesk Plus each; links 2, conversations 6, notes on premises 6" enum:"notes,conversations,tasks,worklogs,approvals,attachments,links,resolution" bounds:"..8"`
	Detail    *string  `json:"detail,omitempty" description:"concise when absent" enum:"concise,full"`
}

// getRequest answers get_request: a call of SDP for the ticket, one more for a number that was not met before, one for each part,
// two for links, and for conversations, as for notes on premises, one for each of the five newest texts.
func (s *Service) getRequest(ctx context.Context, in getRequestInput) (*tool.Result[ticketDetails], error) {
	d, err := s.openDesk(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	found, err := d.readTicket(ctx, in.RequestID)
	if err != nil {
		return nil, err
	}
	characters := conciseText
	if valueOr(in.Detail, "concise") == "full" {
		characters = fullText
	}
	details := d.newTicketDetails(&found, characters, time.Now())
	slices.Sort(in.Include)
	parts := slices.Compact(in.Include)
	for i, part := range parts {
		tool.ReportProgress(ctx, float64(i), float64(len(parts)), "reading "+part)
		read, err := d.readPart(ctx, &found, part)
		if err != nil {
			return nil, err
		}
		details.Included = append(details.Included, read)
	}
	shortenParts(details.Included)
	details.fitFrame()
	said := "Request " + details.Number + " of connection " + d.key.String() + ". Times are in " + details.TimeZone + "."
	if !details.TextIsWhole {
		said += " The text is cut; detail=full shows more, " + details.URI + " up to 60,000 characters."
	}
	return tool.NewResult(said+"\n"+details.text(), details), nil
}
