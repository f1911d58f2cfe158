package access

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// reviewTurns bounds how many reviews are with the API server, in all and of one caller, so that a caller who asks much
// waits for nobody but itself.
type reviewTurns struct {
	all *semaphore.Weighted

	mu  sync.Mutex
	own map[string]*callerTurns
}

// callerTurns are those of one caller, for as long as somebody has or wants one.
type callerTurns struct {
	*semaphore.Weighted
	users int
}

func newReviewTurns() *reviewTurns {
	return &reviewTurns{all: semaphore.NewWeighted(reviewsAtATime), own: map[string]*callerTurns{}}
}

// acquire waits for a turn of the caller, and returns the function that gives it back.
func (t *reviewTurns) acquire(ctx context.Context, subject string) (release func(), err error) {
	t.mu.Lock()
	own := t.own[subject]
	if own == nil {
		own = &callerTurns{Weighted: semaphore.NewWeighted(reviewsOfCallerAtATime)}
		t.own[subject] = own
	}
	own.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(t.own, subject)
		}
	}
	if err := own.Acquire(ctx, 1); err != nil {
		leave()
		return nil, err
	}
	if err := t.all.Acquire(ctx, 1); err != nil {
		own.Release(1)
		leave()
		return nil, err
	}
	return func() { t.all.Release(1); own.Release(1); leave() }, nil
}
