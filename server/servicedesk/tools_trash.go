package servicedesk

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

type trashRequestInput struct {
	target
	RequestID string `json:"request_id" description:"Number of the ticket; to restore it the id that moving it to the trash gave"`
	Restore   *bool  `json:"restore,omitempty" description:"Take it out of the trash"`
	dryRun
	planned
}

// trashedRequest is the structured result of trash_request.
type trashedRequest struct {
	writeOutcome
	ID      string `json:"id"`
	Number  string `json:"number"`
	Subject string `json:"subject"`
	State   string `json:"state"`
	Trust   string `json:"trust"`
}

// The states of a ticket that is moved to the trash, or out of it.
const (
	inTrash    = "in the trash"
	notInTrash = "not in the trash"
)

// trashRequest answers trash_request: a call of SDP to read the ticket, one more for a number that was not met, one to move it, and one to
// read back what was restored.
func (s *Service) trashRequest(ctx context.Context, in trashRequestInput) (*tool.Result[trashedRequest], error) {
	d, err := s.openDeskToWrite(ctx, in.target, trashToolset)
	if err != nil {
		return nil, err
	}
	if err := d.checkFields(requestKind, "trash"); err != nil {
		return nil, err
	}
	isRestore := valueOr(in.Restore, false)
	found, err := d.readTrashed(ctx, in.RequestID, isRestore)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.dryRun, asked.planned = dryRun{}, planned{}
	doing := "Move to the trash"
	if isRestore {
		doing = "Take out of the trash"
	}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "trash_request", arguments: asked, dryRun: in.DryRun, plan: in.Plan, risk: destructive,
		question: tool.Question{Message: doing + ": " + d.describeTicket(&found) + "?"}, shown: d.shownOfTicket(&found),
	})
	if err != nil {
		return nil, err
	}
	result := trashedRequest{
		writeOutcome: outcomeOf(w), ID: "id:" + found.ID, Number: numberOf(&found), Subject: shortenLine(found.Subject), State: inTrash, Trust: untrusted,
	}
	if isRestore {
		result.State = notInTrash
	}
	what := "would be " + result.State
	if !w.isDry {
		if _, err := w.send(ctx, d.trashStep(&found, isRestore)); err != nil {
			return nil, err
		}
		what = "is " + result.State
		if isRestore {
			if after := d.readBack(ctx, found.ID); after != nil {
				result.Number, result.Subject = numberOf(after), shortenLine(after.Subject)
			}
		}
	}
	said := fmt.Sprintf("%sRequest %s (%s) of connection %s %s.", w.said(), result.Number, result.ID, d.key, what)
	if !isRestore && !w.isDry {
		said += " To restore it: trash_request request_id=" + result.ID + " restore=true."
	}
	return tool.NewResult(said+"\n"+richtext.FrameUntrusted("subject: "+result.Subject)+w.saidLast(), result), nil
}

// readTrashed returns the ticket that is to be moved. One in the trash can be read at few sites: where it cannot, it is known by its id
// alone, and whether it is inside the ceilings nobody can tell.
func (d *desk) readTrashed(ctx context.Context, text string, isRestore bool) (sdp.Request, error) {
	found, err := d.readTicket(ctx, text)
	isTrashed := found.IsTrashed != nil && *found.IsTrashed
	switch {
	case err == nil && isRestore && !isTrashed:
		return found, tool.NewConflict("request %s is not in the trash", numberOf(&found))
	case err == nil && !isRestore && isTrashed:
		return found, tool.NewConflict("request %s is in the trash already", numberOf(&found))
	case err == nil || !isRestore || !isNoTicket(err) || d.ceiling.isBounded():
		return found, err
	}
	number, id, _ := parseRequestID(text)
	if id == "" {
		return found, tool.NewInvalid("argument %q: %s is not found by its number, as nothing in the trash is; give the id, such as id:41, that moving it there gave", "request_id", number)
	}
	return sdp.Request{ID: id}, nil
}

func (d *desk) trashStep(of *sdp.Request, isRestore bool) writeStep {
	requests := d.client.Requests()
	return writeStep{
		name: "trash", weight: 1,
		send: func(ctx context.Context, _ signature) (writtenRecord, error) {
			move, scope := requests.Trash, deleteScope
			if isRestore {
				move, scope = requests.Restore, updateScope
			}
			return writtenRecord{ID: of.ID, Number: of.DisplayID}, explainWrite(scope, move(ctx, of.ID))
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, _ signature) (sdp.WriteLookup, error) {
			found, err := requests.Get(ctx, of.ID)
			isGone := sdp.KindOf(err) == sdp.KindNotFound || err == nil && found.IsTrashed != nil && *found.IsTrashed
			if err != nil && !isGone {
				return sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}, err
			}
			return findLater(isGone != isRestore, of.ID, attempt), nil
		},
	}
}
