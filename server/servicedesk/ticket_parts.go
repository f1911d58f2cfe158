package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// How many rows of a part are shown, and of how many the texts are fetched one by one.
const (
	partRows     = 10
	fetchedTexts = 5
)

// readPart returns a part of a ticket, which was checked before. A part that fails says why, and the ticket is shown all the same;
// what is wrong with the connection itself is an error.
func (d *desk) readPart(ctx context.Context, of *sdp.Request, part string) (included, error) {
	requests := d.client.Requests()
	var found included
	var err error
	switch part {
	case "notes":
		found, err = d.readNotes(ctx, requests.Notes(of.ID).Reader)
	case "tasks":
		found, err = d.readTasks(ctx, requests.Tasks(of.ID).Reader)
	case "worklogs":
		found, err = d.readWorklogs(ctx, requests.Worklogs(of.ID).Reader)
	case "approvals":
		found, err = d.readApprovals(ctx, requests.ApprovalLevels(of.ID).Reader)
	case "conversations":
		found, err = d.readConversations(ctx, of)
	case "attachments":
		found, err = d.readAttachments(ctx, of)
	case "links":
		found, err = d.readLinks(ctx, of)
	case "resolution":
		found, err = d.readResolution(ctx, of)
	}
	return finishPart(part, found, err)
}

// finishPart returns a part as it is shown. One that failed says why, unless what failed is the connection itself.
func finishPart(part string, found included, err error) (included, error) {
	found.Part = part
	if found.Rows == nil {
		found.Rows = []includedItem{}
	}
	failed, isCall := errors.AsType[*sdp.Error](err)
	switch {
	case err == nil:
		return found, nil
	case isCall && failed.Kind == sdp.KindNotFound:
		found.Error = "this ServiceDesk Plus has no " + part
	case isCall && slices.Contains([]sdp.Kind{sdp.KindForbidden, sdp.KindRejected, sdp.KindUnsupported, sdp.KindNotPerformed}, failed.Kind):
		found.Error = failed.Error()
	default:
		return found, err
	}
	return found, nil
}

// listRows returns the first rows of a part, in SDP's order.
func listRows[T any](ctx context.Context, of sdp.Reader[T], show func(T) includedItem) (included, []T, error) {
	page, err := of.List(ctx, sdp.ListOptions{Rows: partRows})
	if err != nil {
		return included{}, nil, err
	}
	var found included
	for _, row := range page.Items {
		found.Rows = append(found.Rows, show(row))
	}
	found.More = page.Next != 0
	return found, page.Items, nil
}

func (d *desk) readNotes(ctx context.Context, notes sdp.Reader[sdp.Note]) (included, error) {
	rows, more, err := listNewest(ctx, d, notes, "added_time", func(n sdp.Note) sdp.Time { return n.AddedTime })
	found := included{More: more}
	for i, row := range rows {
		if i < fetchedTexts && row.TextHTML == "" { // on premises lists have no texts
			if row, err = notes.Get(ctx, row.ID); err != nil {
				return found, err
			}
		}
		found.Rows = append(found.Rows, d.showNote(row))
	}
	return found, err
}

func (d *desk) showNote(n sdp.Note) includedItem {
	text, _ := readHTML(n.TextHTML, noteText)
	item := includedItem{ID: n.ID, Who: describePerson(n.AddedBy), When: formatTime(n.AddedTime, d.zone), Text: text, State: "private"}
	if n.ShowToRequester {
		item.State = "shown to the requester"
	}
	return item
}

// readConversations returns the mails about a ticket, the newest first, and the texts of the newest.
func (d *desk) readConversations(ctx context.Context, of *sdp.Request) (included, error) {
	mails := d.client.Requests().Conversations(of.ID)
	rows, more, err := listNewest(ctx, d, mails, "sent_time", func(c sdp.Conversation) sdp.Time { return c.SentTime })
	if err != nil {
		return included{}, err
	}
	found := included{More: more}
	for i, row := range rows {
		item := includedItem{
			ID: row.ID, Title: shortenLine(row.Subject), Who: describePerson(row.From), When: formatTime(row.SentTime, d.zone), State: shortenLine(row.Type),
		}
		if i < fetchedTexts {
			html, err := d.client.Requests().ConversationText(ctx, of.ID, row)
			if err != nil && sdp.KindOf(err) != sdp.KindNotFound {
				return included{}, err
			}
			item.Text, _ = readHTML(html, noteText)
		}
		found.Rows = append(found.Rows, item)
	}
	return found, nil
}

func (d *desk) readTasks(ctx context.Context, tasks sdp.Reader[sdp.Task]) (included, error) {
	found, _, err := listRows(ctx, tasks, func(t sdp.Task) includedItem {
		return includedItem{
			ID: t.ID, Title: shortenLine(t.Title), Who: describePerson(t.Owner), When: formatTime(t.ScheduledEnd, d.zone),
			State: joinPath(t.Status.Name, strconv.Itoa(t.Percent)+"%"),
		}
	})
	return found, err
}

func (d *desk) readWorklogs(ctx context.Context, worklogs sdp.Reader[sdp.Worklog]) (included, error) {
	rows, more, err := listNewest(ctx, d, worklogs, "start_time", func(w sdp.Worklog) sdp.Time { return w.StartTime })
	found := included{More: more}
	for _, w := range rows {
		text, _ := readHTML(w.DescriptionHTML, noteText)
		found.Rows = append(found.Rows, includedItem{
			ID: w.ID, Who: describePerson(w.Owner), When: formatTime(w.StartTime, d.zone), State: shortSpan(time.Duration(w.Spent)), Text: text,
		})
	}
	return found, err
}

func (d *desk) readApprovals(ctx context.Context, levels sdp.Reader[sdp.ApprovalLevel]) (included, error) {
	found, _, err := listRows(ctx, levels, func(l sdp.ApprovalLevel) includedItem {
		return includedItem{ID: l.ID, Title: fmt.Sprintf("level %d", l.Level), State: shortenLine(l.Status.Name)}
	})
	return found, err
}

func (d *desk) readAttachments(ctx context.Context, of *sdp.Request) (included, error) {
	found, _, err := listRows(ctx, d.client.Requests().Attachments(of.ID).Reader, func(a sdp.Attachment) includedItem {
		item := includedItem{ID: a.ID, Title: shortenLine(a.Name), State: shortenLine(a.ContentType)}
		if a.Size >= 0 {
			item.State = joinPath(item.State, strconv.FormatInt(a.Size, 10)+" bytes")
		}
		return item
	})
	return found, err
}

// readLinks returns the tickets that one is linked with, those alone that are inside the ceilings: rows of links do not say, so that
// they are asked for. Where something is outside that is so without links too, for the sum of calls would tell of those outside.
func (d *desk) readLinks(ctx context.Context, of *sdp.Request) (included, error) {
	found, rows, err := listRows(ctx, d.client.Requests().Links(of.ID), func(l sdp.RequestLink) includedItem {
		return includedItem{Title: shortenLine(l.Request.Name)}
	})
	if err != nil || len(rows) == 0 && !d.ceiling.isBounded() {
		return found, err
	}
	var ids []any
	for _, row := range rows {
		ids = append(ids, row.Request.ID)
	}
	asked := ids
	if len(ids) == 0 {
		asked = []any{of.ID}
	}
	page, err := d.listPage(ctx, filter{
		criteria: sdp.Where("id", sdp.Is, asked...), holds: func(r *sdp.Request) bool { return slices.Contains(ids, any(r.ID)) },
	}, sdp.ListOptions{Rows: partRows})
	if err != nil {
		return included{}, err
	}
	shown := included{More: found.More && !d.ceiling.isBounded()}
	for i := range page.rows {
		r := &page.rows[i]
		shown.Rows = append(shown.Rows, includedItem{Number: r.DisplayID, Title: shortenLine(r.Subject), State: shortenLine(r.Status.Name)})
	}
	return shown, nil
}

func (d *desk) readResolution(ctx context.Context, of *sdp.Request) (included, error) {
	resolution, err := d.client.Requests().Resolution(ctx, of.ID)
	if err != nil || resolution.ContentHTML == "" {
		return included{}, err
	}
	text, _ := readHTML(resolution.ContentHTML, conciseText)
	return included{Rows: []includedItem{{Who: describePerson(resolution.SubmittedBy), When: formatTime(resolution.SubmittedOn, d.zone), Text: text}}}, nil
}
