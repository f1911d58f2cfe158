package prompts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

const (
	// storeTimeout bounds how long a request is sent again that may be stored or not, attemptTimeout one attempt, which a server
	// that stops waits for, too: the answer is likely on its way;
	// retryDelay is the pause between two.
	storeTimeout   = 10 * time.Second
	attemptTimeout = 5 * time.Second
	retryDelay     = 300 * time.Millisecond
)

// maxIdempotencyKey bounds a key, in bytes.
const maxIdempotencyKey = 256

// prepareRequest makes the request of a call, under an id, from what is published now.
type prepareRequest func(ctx context.Context, id string) (store.ChangeRequest, error)

// changeAndWait stores a change request and waits for its outcome. A repeat of an idempotency key gets the outcome of the
// first request, whatever has become of the prompt since: prepare is called for the first one only. Candidates are the
// requests prepare may make, as far as the arguments determine them. The error is a *tool.Error unless the change is
// published, pending or applied.
func (s *Service) changeAndWait(ctx context.Context, in repeatable, prepare prepareRequest, candidates ...store.ChangeRequest) (store.ChangeOutcome, error) {
	idempotencyKey := ptr.Deref(in.IdempotencyKey, "")
	if n := len(idempotencyKey); n > maxIdempotencyKey {
		return store.ChangeOutcome{}, tool.NewInvalid("argument %q: has %d bytes; at most %d are allowed; use a shorter one, such as a UUID", "idempotencyKey", n, maxIdempotencyKey)
	}
	identity, err := callerIdentity(ctx)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	proof, err := s.proveCaller(ctx)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	deadline := time.Now().Add(s.changes.timeout)
	outcome, err := s.findOrStoreRequest(ctx, prepare, candidates, store.ChangeRequest{
		ID: uuid.NewString(), Subject: identity.Subject, IdempotencyKey: idempotencyKey, Proof: proof,
	})
	if err == nil {
		outcome, err = s.changes.waitForOutcome(ctx, identity.Subject, outcome, deadline)
	}
	if err != nil {
		return outcome, err
	}
	s.catchUpIfPublished(ctx, outcome)
	return outcome, outcomeError(outcome)
}

// proveCaller returns what shows the controller who calls; nil where it asks for nothing.
func (s *Service) proveCaller(ctx context.Context) (*store.CallerProof, error) {
	if s.prover == nil {
		return nil, nil
	}
	proof, err := s.prover.ProveCaller(ctx)
	if refused, is := errors.AsType[*auth.UnprovableError](err); is {
		return nil, tool.NewForbidden("%s", refused.Reason)
	}
	return proof, err
}

// catchUpIfPublished has the catalog see a published change, so that callers who learn of it read it with their next call.
func (s *Service) catchUpIfPublished(ctx context.Context, o store.ChangeOutcome) {
	if o.State == store.ChangePublished {
		s.catalog.CatchUp(ctx)
	}
}

// findOrStoreRequest returns the outcome of the earlier request under the idempotency key, or prepares and stores one.
// Origin has the id, the subject with its proof, and the key.
func (s *Service) findOrStoreRequest(ctx context.Context, prepare prepareRequest, candidates []store.ChangeRequest, origin store.ChangeRequest) (store.ChangeOutcome, error) {
	signed := func(r store.ChangeRequest) store.ChangeRequest {
		r.ID, r.Subject, r.IdempotencyKey, r.Proof = origin.ID, origin.Subject, origin.IdempotencyKey, origin.Proof
		return r
	}
	bounded, cancel := s.withQueryTimeout(ctx)
	defer cancel()
	if origin.IdempotencyKey != "" {
		outcome, err := store.ChangeOutcome{}, store.ErrIdempotencyKeyReused
		for i := 0; i < len(candidates) && errors.Is(err, store.ErrIdempotencyKeyReused); i++ {
			outcome, err = s.changes.FindEarlierRequest(bounded, signed(candidates[i]))
		}
		if !errors.Is(err, store.ErrNotFound) {
			return outcome, err
		}
	}
	request, err := prepare(bounded, origin.ID)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	return s.changes.storeWithRetry(ctx, signed(request))
}

// storeWithRetry stores a request. When the answer is lost, it may be stored all the same: it is sent again under its id,
// which stores nothing twice. Where no answer ever comes the error says so, and not "try again": that would make another
// change.
func (s *outcomeWaiter) storeWithRetry(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	asking, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
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
		case <-s.stopped:
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
