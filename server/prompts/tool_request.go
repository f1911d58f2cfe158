package prompts

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
)

// maxIdempotencyKey bounds a key, in bytes.
const maxIdempotencyKey = 256

// prepare makes the request of a call, of an id, from what there is now.
type prepare func(ctx context.Context, id string) (store.ChangeRequest, error)

// change asks for a change and waits for what becomes of it. A repeat of an idempotency key ends as the first
// request did, whatever has become of the prompt since: prepare is only called for the first one. Asked are the
// requests prepare may make, as far as arguments say them. The error is a *problem unless the change is published,
// or still on its way.
func (s *Surface) change(ctx context.Context, in given, prepare prepare, asked ...store.ChangeRequest) (store.ChangeOutcome, error) {
	if n := len(in.text("idempotencyKey")); n > maxIdempotencyKey {
		return store.ChangeOutcome{}, invalid("argument %q: has %d bytes; at most %d are allowed", "idempotencyKey", n, maxIdempotencyKey)
	}
	identity, err := caller(ctx)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	outcome, err := s.request(ctx, prepare, asked, store.ChangeRequest{
		ID: uuid.NewString(), Subject: identity.Subject, IdempotencyKey: in.text("idempotencyKey"),
	})
	if err == nil {
		outcome, err = s.changes.settle(ctx, identity.Subject, outcome)
	}
	if err != nil {
		return outcome, err
	}
	return outcome, refusal(outcome)
}

// request finds the earlier request under the key of by, or makes and stores one. By is what the caller has no say in.
func (s *Surface) request(ctx context.Context, prepare prepare, asked []store.ChangeRequest, by store.ChangeRequest) (store.ChangeOutcome, error) {
	signed := func(r store.ChangeRequest) store.ChangeRequest {
		r.ID, r.Subject, r.IdempotencyKey = by.ID, by.Subject, by.IdempotencyKey
		return r
	}
	soon, cancel := s.soon(ctx)
	defer cancel()
	if by.IdempotencyKey != "" {
		outcome, err := store.ChangeOutcome{}, store.ErrOtherRequest
		for i := 0; i < len(asked) && errors.Is(err, store.ErrOtherRequest); i++ {
			outcome, err = s.changes.RequestedBefore(soon, signed(asked[i]))
		}
		if !errors.Is(err, store.ErrNotFound) {
			return outcome, err
		}
	}
	request, err := prepare(soon, by.ID)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	return s.changes.RequestChange(ctx, signed(request))
}
