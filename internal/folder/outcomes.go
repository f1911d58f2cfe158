package folder

import (
	"bytes"
	"encoding/json"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/lectern-dev/lectern/internal/store"
)

// maxOutcomes bounds the requests whose outcome is remembered; the oldest are forgotten.
const maxOutcomes = 10_000

// outcomes remembers what became of change requests, by id and by idempotency key.
type outcomes struct {
	byID  *lru.Cache[string, finishedRequest]
	byKey *lru.Cache[[2]string, finishedRequest]
}

type finishedRequest struct {
	request store.ChangeRequest
	outcome store.ChangeOutcome
}

func newOutcomes() *outcomes {
	// The size is positive, which is all that is asked of it.
	byID, _ := lru.New[string, finishedRequest](maxOutcomes)
	byKey, _ := lru.New[[2]string, finishedRequest](maxOutcomes)
	return &outcomes{byID: byID, byKey: byKey}
}

// findEarlier returns the outcome of the same request, made earlier. The error is store.ErrIdempotencyKeyReused.
func (o *outcomes) findEarlier(request *store.ChangeRequest) (store.ChangeOutcome, bool, error) {
	first, known := o.byID.Get(request.ID)
	if !known && request.IdempotencyKey != "" {
		first, known = o.byKey.Get([2]string{request.Subject, request.IdempotencyKey})
	}
	if known && !isSameRequest(&first.request, request) {
		return store.ChangeOutcome{}, false, store.ErrIdempotencyKeyReused
	}
	return first.outcome, known, nil
}

// isSameRequest reports whether two requests ask for the same. The name of an addition is chosen anew for each, because the
// first one took the name it chose.
func isSameRequest(a, b *store.ChangeRequest) bool {
	edits := [2][]byte{}
	for i, request := range []*store.ChangeRequest{a, b} {
		// An edit is strings and JSON that was read.
		edits[i], _ = json.Marshal(request.Edit)
	}
	return a.Subject == b.Subject && a.Action == b.Action && a.Key.Namespace == b.Key.Namespace &&
		(a.Action == store.ActionAdd || a.Key.Name == b.Key.Name) &&
		a.ExpectedVersion == b.ExpectedVersion && bytes.Equal(edits[0], edits[1])
}

func (o *outcomes) remember(request *store.ChangeRequest, outcome *store.ChangeOutcome) {
	o.byID.Add(request.ID, finishedRequest{request: *request, outcome: *outcome})
	if request.IdempotencyKey != "" {
		o.byKey.Add([2]string{request.Subject, request.IdempotencyKey}, finishedRequest{request: *request, outcome: *outcome})
	}
}

// ofSubject returns the outcomes of those requests that are the subject's.
func (o *outcomes) ofSubject(subject string, ids []string) []store.ChangeOutcome {
	var found []store.ChangeOutcome
	for _, id := range ids {
		if s, known := o.byID.Get(id); known && s.request.Subject == subject {
			found = append(found, s.outcome)
		}
	}
	return found
}
