package prompts

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// defaultOutcomeTimeout bounds how long a call waits for the final state of its change request,
	// outcomePollTimeout one poll; outcomePollInterval is the time between two, which are for all calls together.
	defaultOutcomeTimeout = 10 * time.Second
	outcomePollInterval   = 100 * time.Millisecond
	outcomePollTimeout    = 5 * time.Second
)

// outcomeWaiter polls the outcomes of change requests, for all calls that wait for one at once. It has a
// goroutine only while there is such a call.
type outcomeWaiter struct {
	Changes
	timeout time.Duration
	log     *slog.Logger
	// stopped is closed when the server stops: no call waits any more.
	stopped chan struct{}
	once    sync.Once

	mu      sync.Mutex
	waiting map[*waiter]struct{}
	polling bool
}

// waiter is a call that waits.
type waiter struct {
	subject, id string
	// outcome has the last one that was read.
	outcome chan store.ChangeOutcome
}

func newOutcomeWaiter(changes Changes, timeout time.Duration, log *slog.Logger) *outcomeWaiter {
	return &outcomeWaiter{Changes: changes, timeout: timeout, log: log, stopped: make(chan struct{}), waiting: make(map[*waiter]struct{})}
}

// waitForOutcome waits until a request is in a final state. It returns the last state that was read when the deadline passes
// or the server stops. The error is that of ctx: a caller who left waits no more, and the request goes on.
func (s *outcomeWaiter) waitForOutcome(ctx context.Context, subject string, outcome store.ChangeOutcome, deadline time.Time) (store.ChangeOutcome, error) {
	if outcome.State.IsFinal() {
		return outcome, nil
	}
	w := &waiter{subject: subject, id: outcome.ID, outcome: make(chan store.ChangeOutcome, 1)}
	s.addWaiter(w)
	defer s.removeWaiter(w)
	late := time.NewTimer(time.Until(deadline))
	defer late.Stop()
	for {
		select {
		case outcome = <-w.outcome:
			if outcome.State.IsFinal() {
				return outcome, nil
			}
		case <-late.C:
			return outcome, nil
		case <-s.stopped:
			return outcome, nil
		case <-ctx.Done():
			return outcome, ctx.Err()
		}
	}
}

// stopWaiting has every call that waits return the last state that was read.
func (s *outcomeWaiter) stopWaiting() { s.once.Do(func() { close(s.stopped) }) }

func (s *outcomeWaiter) addWaiter(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[w] = struct{}{}
	if !s.polling {
		s.polling = true
		go s.pollOutcomes()
	}
}

func (s *outcomeWaiter) removeWaiter(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, w)
}

// pollOutcomes passes outcomes to those who wait, until there are none.
func (s *outcomeWaiter) pollOutcomes() {
	tick := time.NewTicker(outcomePollInterval)
	defer tick.Stop()
	for range tick.C {
		waiting := s.waitersBySubject()
		if waiting == nil {
			return
		}
		for subject, waiters := range waiting {
			s.pollSubject(subject, waiters)
		}
	}
}

// waitersBySubject returns who waits, by subject and id; nil ends the polling.
func (s *outcomeWaiter) waitersBySubject() map[string]map[string][]*waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.polling = len(s.waiting) > 0; !s.polling {
		return nil
	}
	bySubject := make(map[string]map[string][]*waiter)
	for w := range s.waiting {
		if bySubject[w.subject] == nil {
			bySubject[w.subject] = make(map[string][]*waiter)
		}
		bySubject[w.subject][w.id] = append(bySubject[w.subject][w.id], w)
	}
	return bySubject
}

// pollSubject reads the requests of one subject and passes them on. When that fails the next poll may succeed; a call has
// a deadline of its own.
func (s *outcomeWaiter) pollSubject(subject string, waiters map[string][]*waiter) {
	ctx, cancel := context.WithTimeout(context.Background(), outcomePollTimeout)
	defer cancel()
	outcomes, err := s.ChangeOutcomes(ctx, subject, slices.Collect(maps.Keys(waiters)))
	if err != nil {
		s.log.WarnContext(ctx, "Change requests cannot be read", "err", err)
		return
	}
	for _, outcome := range outcomes {
		for _, w := range waiters[outcome.ID] {
			select {
			case <-w.outcome: // what was not taken yet is older
			default:
			}
			w.outcome <- outcome
		}
	}
}
