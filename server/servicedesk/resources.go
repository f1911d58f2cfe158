package servicedesk

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	markdownType = "text/markdown"
	// Resources are whole up to these sizes.
	resourceText  = 60_000
	attachedText  = 64 << 10
	attachedImage = 1 << 20
)

// templates are those of resources/templates/list, in the order of their names.
var templates = []mcp.ResourceTemplate{
	newTemplate(attachmentTemplate, "sdp-attachment", "Attachment of a ticket", "A file of a ticket: text up to 64 KiB, an image up to 1 MiB, of others what is known"),
	newTemplate(conversationTemplate, "sdp-conversation", "Mail about a ticket", "A mail about a ticket, which strangers wrote"),
	newTemplate(lookupTemplate, "sdp-lookup", "List of ServiceDesk Plus", "The values that a field may have"),
	newTemplate(requestTemplate, "sdp-request", "Ticket", "A ticket with its text, which strangers wrote, up to 60,000 characters"),
	newTemplate(solutionTemplate, "sdp-solution", "Article", "An article of the knowledge base with its text, up to 60,000 characters"),
}

func newTemplate(uri, name, title, description string) mcp.ResourceTemplate {
	return mcp.NewResourceTemplate(uri, name, mcp.WithTemplateTitle(title), mcp.WithTemplateDescription(description), mcp.WithTemplateMIMEType(markdownType))
}

// Templates returns the templates of resources, in the order of their names.
func (s *Service) Templates() []mcp.ResourceTemplate { return templates }

func listTemplates(context.Context, *transport.Call) (any, error) {
	return &mcp.ListResourceTemplatesResult{ResourceTemplates: templates}, nil
}

// readResource answers resources/read. Nobody may keep what is read: it is of another system, and rights change.
func (s *Service) readResource(ctx context.Context, call *transport.Call) (any, error) {
	at, ok := parseURI(call.URI)
	if !ok {
		return nil, transport.UnknownResource()
	}
	if f := s.takeTurn(ctx, auth.TicketRead); f != nil {
		return nil, f
	}
	ctx, cancel := context.WithTimeout(withTokenWaits(ctx), callDeadline)
	defer cancel()
	contents, err := s.resourceContents(withCallProgress(ctx, call), call.URI, at)
	if err != nil {
		return nil, s.resourceFailure(ctx, err)
	}
	result := &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{contents}}
	if call.Modern {
		result.SetCacheHints(0, mcp.CacheScopePrivate)
	}
	return result, nil
}

// resourceFailure translates an error into one of the protocol, in the words of the tools.
func (s *Service) resourceFailure(ctx context.Context, err error) error {
	refused, is := errors.AsType[*tool.Error](err)
	if !is {
		refused = s.explainError(ctx, "resources/read", nil, err)
	}
	switch refused.Kind {
	case tool.NotFound:
		return transport.UnknownResource()
	case tool.Forbidden, tool.Validation, rejectedKind:
		return transport.InvalidParams(refused.Text)
	}
	after := auth.RetrySeconds(directoryRetry)
	if details, has := refused.Details.(errorDetails); has && details.RetryAfterSeconds > 0 {
		after = details.RetryAfterSeconds
	}
	return transport.Unavailable(refused.Text, after)
}

// toolsetsOfResources are the toolsets that resources belong to.
var toolsetsOfResources = map[string]string{
	"requests": requestsToolset, "conversations": requestsToolset, "attachments": requestsToolset, "solutions": knowledgeToolset, "lookups": lookupsToolset,
}

func (s *Service) resourceContents(ctx context.Context, uri string, at resourceName) (mcp.ResourceContents, error) {
	d, err := s.openNamedDesk(ctx, at)
	if err != nil {
		return nil, err
	}
	var text string
	switch at.kind {
	case "requests":
		found, err := d.readTicket(ctx, at.id)
		if err != nil {
			return nil, err
		}
		details := d.newTicketDetails(&found, conciseText, time.Now())
		details.Text = readLong(found.DescriptionHTML)
		text = details.text()
	case "conversations":
		text, err = d.conversationText(ctx, at)
	case "attachments":
		return d.attachmentContents(ctx, uri, at)
	case "solutions":
		var found sdp.Solution
		if found, err = d.findSolution(ctx, at.id); err == nil {
			text = richtext.FrameUntrusted(oneLine(found.Title) + "\n\n" + readLong(found.TextHTML))
		}
	case "lookups":
		text, err = d.lookupText(ctx, at.id)
	}
	if err != nil {
		return nil, err
	}
	return mcp.TextResourceContents{URI: uri, MIMEType: markdownType, Text: text}, nil
}

// openNamedDesk is openDesk for a URI, which names the connection.
func (s *Service) openNamedDesk(ctx context.Context, at resourceName) (*desk, error) {
	name := at.key.String()
	if strings.Count(name, "/") != 1 {
		return nil, errNoConnection
	}
	return s.openDesk(ctx, target{Connection: &name}, toolsetsOfResources[at.kind])
}

// readLong returns the text of a resource, which says so where it is cut.
func readLong(html string) string {
	text, whole := readMarkdown(html, resourceText)
	if !whole {
		text += "\n\n(the text is cut here)"
	}
	return text
}

// errNoPart is said of a mail or a file that a ticket does not have.
var errNoPart = &tool.Error{Kind: tool.NotFound, Text: "the ticket has no such part"}

// conversationText returns a mail of a ticket: SDP is asked for it below the ticket alone.
func (d *desk) conversationText(ctx context.Context, at resourceName) (string, error) {
	of, err := d.readTicket(ctx, at.request)
	if err != nil {
		return "", err
	}
	page, err := d.client.Requests().Conversations(of.ID).List(ctx, sdp.ListOptions{Rows: sdp.MaxRows})
	if err != nil {
		return "", d.sayNoTicket(err)
	}
	for _, row := range page.Items {
		if row.ID != at.id {
			continue
		}
		html, err := d.client.Requests().ConversationText(ctx, of.ID, row)
		if err != nil {
			return "", d.sayNoTicket(err)
		}
		return richtext.FrameUntrusted(oneLine(row.Subject) + "\n" + describePerson(row.From) + "\n\n" + readLong(html)), nil
	}
	return "", errNoPart
}

// attachmentContents returns a file of a ticket where it is text or an image and not too large, else what is known of it.
func (d *desk) attachmentContents(ctx context.Context, uri string, at resourceName) (mcp.ResourceContents, error) {
	of, err := d.readTicket(ctx, at.request)
	if err != nil {
		return nil, err
	}
	files := d.client.Requests().Attachments(of.ID)
	page, err := files.List(ctx, sdp.ListOptions{Rows: sdp.MaxRows})
	if err != nil {
		return nil, d.sayNoTicket(err)
	}
	for _, file := range page.Items {
		if file.ID != at.id {
			continue
		}
		isText, isImage := strings.HasPrefix(file.ContentType, "text/"), isShownImage(file.ContentType)
		if isText && file.Size <= attachedText || isImage && file.Size <= attachedImage {
			content, _, err := files.Download(ctx, file.ID)
			if err != nil {
				return nil, d.sayNoTicket(err)
			}
			switch {
			case isText && len(content) <= attachedText:
				text := richtext.FrameUntrusted(richtext.Clean(strings.ToValidUTF8(string(content), "\uFFFD")))
				return mcp.TextResourceContents{URI: uri, MIMEType: "text/plain", Text: text}, nil
			case isImage && len(content) <= attachedImage:
				return mcp.BlobResourceContents{URI: uri, MIMEType: file.ContentType, Blob: base64.StdEncoding.EncodeToString(content)}, nil
			}
		}
		known := richtext.FrameUntrusted("file: " + oneLine(file.Name) + "\ntype: " + oneLine(file.ContentType))
		return mcp.TextResourceContents{URI: uri, MIMEType: markdownType, Text: "This file is not shown: it is neither a text of at most 64 KiB nor an image of at most 1 MiB.\n" + known}, nil
	}
	return nil, errNoPart
}

func isShownImage(contentType string) bool {
	switch contentType {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return true
	}
	return false
}

// lookupText returns a list as a table.
func (d *desk) lookupText(ctx context.Context, name string) (string, error) {
	if !slices.Contains(offeredLookups, name) {
		return "", errNoPart
	}
	list, err := d.lookups.read(ctx, sdp.LookupType(name))
	if err != nil {
		return "", err
	}
	shown := newTable("name", "id", "parent_id", "flags")
	shown.room = resourceText
	for i, e := range list.entries {
		if !shown.append([]string{e.name, e.id, e.parentID, e.flags.inWords()}) {
			return fmt.Sprintf("The first %d of %d entries; list_lookup has all, by pages.\n%s", i, len(list.entries), shown.text()), nil
		}
	}
	return shown.text(), nil
}
