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
	byID  *lru.Cache[string, settled]
	byKey *lru.Cache[[2]string, settled]
}

type settled struct {
	request store.ChangeRequest
	outcome store.ChangeOutcome
}

func newOutcomes() *outcomes {
	// The size is positive, which is all that is asked of it.
	byID, _ := lru.New[string, settled](maxOutcomes)
	byKey, _ := lru.New[[2]string, settled](maxOutcomes)
	return &outcomes{byID: byID, byKey: byKey}
}

// before is the outcome of the same request, asked for earlier. The error is store.ErrOtherRequest.
func (o *outcomes) before(request *store.ChangeRequest) (store.ChangeOutcome, bool, error) {
	first, known := o.byID.Get(request.ID)
	if !known && request.IdempotencyKey != "" {
		first, known = o.byKey.Get([2]string{request.Subject, request.IdempotencyKey})
	}
	if known && !same(&first.request, request) {
		return store.ChangeOutcome{}, false, store.ErrIdempotencyKeyReused
	}
	return first.outcome, known, nil
}

// same says whether two requests ask for the same. The name of an addition is chosen anew for each, because the
// first one took the name it chose.
func same(a, b *store.ChangeRequest) bool {
	edits := [2][]byte{}
	for i, request := range []*store.ChangeRequest{a, b} {
		// An edit is strings and JSON that was read.
		edits[i], _ = json.Marshal(request.Edit)
	}
	return a.Subject == b.Subject && a.Action == b.Action && a.Key.Namespace == b.Key.Namespace &&
		(a.Action == store.ActionAdd || a.Key.Name == b.Key.Name) &&
		a.ExpectedVersion == b.ExpectedVersion && bytes.Equal(edits[0], edits[1])
}

func (o *outcomes) keep(request *store.ChangeRequest, outcome *store.ChangeOutcome) {
	o.byID.Add(request.ID, settled{request: *request, outcome: *outcome})
	if request.IdempotencyKey != "" {
		o.byKey.Add([2]string{request.Subject, request.IdempotencyKey}, settled{request: *request, outcome: *outcome})
	}
}

// of are the outcomes of those requests that are the subject's.
func (o *outcomes) of(subject string, ids []string) []store.ChangeOutcome {
	var found []store.ChangeOutcome
	for _, id := range ids {
		if s, known := o.byID.Get(id); known && s.request.Subject == subject {
			found = append(found, s.outcome)
		}
	}
	return found
}
