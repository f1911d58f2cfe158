package prompts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

const (
	// storeTimeout is how long a request is sent again that may have been stored or not, askOnce how long the
	// store may take over it, and askPause what is waited in between.
	storeTimeout   = 10 * time.Second
	attemptTimeout = 5 * time.Second
	retryDelay     = 300 * time.Millisecond
)

// maxIdempotencyKey bounds a key, in bytes.
const maxIdempotencyKey = 256

// prepareRequest makes the request of a call, of an id, from what there is now.
type prepareRequest func(ctx context.Context, id string) (store.ChangeRequest, error)

// changeAndWait asks for a change and waits for what becomes of it. A repeat of an idempotency key ends as the first
// request did, whatever has become of the prompt since: prepare is only called for the first one. Asked are the
// requests prepare may make, as far as arguments say them. The error is a *tool.Error unless the change is published,
// or still on its way.
func (s *Service) changeAndWait(ctx context.Context, in repeatable, prepare prepareRequest, asked ...store.ChangeRequest) (store.ChangeOutcome, error) {
	idempotencyKey := ptr.Deref(in.IdempotencyKey, "")
	if n := len(idempotencyKey); n > maxIdempotencyKey {
		return store.ChangeOutcome{}, tool.NewInvalid("argument %q: has %d bytes; at most %d are allowed", "idempotencyKey", n, maxIdempotencyKey)
	}
	identity, err := callerIdentity(ctx)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	late := time.Now().Add(s.changes.timeout)
	outcome, err := s.findOrStoreRequest(ctx, prepare, asked, store.ChangeRequest{
		ID: uuid.NewString(), Subject: identity.Subject, IdempotencyKey: idempotencyKey,
	})
	if err == nil {
		outcome, err = s.changes.waitForOutcome(ctx, identity.Subject, outcome, late)
	}
	if err != nil {
		return outcome, err
	}
	s.catchUpIfPublished(ctx, outcome)
	return outcome, outcomeError(outcome)
}

// catchUpIfPublished lets whoever hears that a change is published read it with their next call.
func (s *Service) catchUpIfPublished(ctx context.Context, o store.ChangeOutcome) {
	if o.State == store.ChangePublished {
		s.catalog.CatchUp(ctx)
	}
}

// findOrStoreRequest finds the earlier request under the key of by, or makes and stores one. By is what the caller has no say in.
func (s *Service) findOrStoreRequest(ctx context.Context, prepare prepareRequest, asked []store.ChangeRequest, by store.ChangeRequest) (store.ChangeOutcome, error) {
	signed := func(r store.ChangeRequest) store.ChangeRequest {
		r.ID, r.Subject, r.IdempotencyKey = by.ID, by.Subject, by.IdempotencyKey
		return r
	}
	soon, cancel := s.withQueryTimeout(ctx)
	defer cancel()
	if by.IdempotencyKey != "" {
		outcome, err := store.ChangeOutcome{}, store.ErrIdempotencyKeyReused
		for i := 0; i < len(asked) && errors.Is(err, store.ErrIdempotencyKeyReused); i++ {
			outcome, err = s.changes.FindEarlierRequest(soon, signed(asked[i]))
		}
		if !errors.Is(err, store.ErrNotFound) {
			return outcome, err
		}
	}
	request, err := prepare(soon, by.ID)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	return s.changes.storeWithRetry(ctx, signed(request))
}

// storeWithRetry stores a request. A store that cannot be reached may have it all the same, when the answer was lost: it is
// sent again, which stores nothing twice, and who never learns is told so. "Try again" would ask for another change.
func (s *outcomeWaiter) storeWithRetry(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	asking, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	go func() {
		select {
		case <-s.stopped:
			cancel()
		case <-asking.Done():
		}
	}()
	for {
		once, done := context.WithTimeout(asking, attemptTimeout)
		outcome, err := s.RequestChange(once, request)
		done()
		if !mayBeStored(err) {
			return outcome, err
		}
		select {
		case <-time.After(retryDelay):
			continue
		case <-asking.Done():
		}
		if ctx.Err() != nil { // the caller left
			return outcome, ctx.Err()
		}
		s.log.WarnContext(ctx, "A change request may be stored or not", "id", request.ID, "prompt", request.Key, "err", err)
		return outcome, &tool.Error{Kind: tool.Storage, Text: fmt.Sprintf(
			"Change %s may have been accepted: the store did not answer; ask get_prompt_change before you ask for it again", request.ID)}
	}
}

// mayBeStored reports whether a request may have been stored although asking failed.
func mayBeStored(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
