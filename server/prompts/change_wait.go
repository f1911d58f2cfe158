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
	// settleTime is how long a call waits for its change request to come to an end when nobody says,
	// settlePoll how often is looked for all calls together, and settleLook how long one look may take.
	settleTime = 10 * time.Second
	settlePoll = 100 * time.Millisecond
	settleLook = 5 * time.Second
)

// settling asks how far change requests have come, for all calls that wait for one at once. It has a
// goroutine only while there is such a call.
type settling struct {
	Changes
	patience time.Duration
	log      *slog.Logger
	// stopped is closed when the server ends: nobody waits any more.
	stopped chan struct{}
	once    sync.Once

	mu      sync.Mutex
	waiting map[*waiter]struct{}
	looking bool
}

// waiter is a call that waits.
type waiter struct {
	subject, id string
	// told has the last outcome that was seen.
	told chan store.ChangeOutcome
}

func newSettling(changes Changes, patience time.Duration, log *slog.Logger) *settling {
	return &settling{Changes: changes, patience: patience, log: log, stopped: make(chan struct{}), waiting: make(map[*waiter]struct{})}
}

// settle waits for the end of a request, and returns how far it has come when that takes too long or the server
// ends. The error is that of ctx: a caller who left waits no more, and the request goes on.
func (s *settling) settle(ctx context.Context, subject string, so store.ChangeOutcome, until time.Time) (store.ChangeOutcome, error) {
	if so.State.IsFinal() {
		return so, nil
	}
	w := &waiter{subject: subject, id: so.ID, told: make(chan store.ChangeOutcome, 1)}
	s.add(w)
	defer s.remove(w)
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	for {
		select {
		case so = <-w.told:
			if so.State.IsFinal() {
				return so, nil
			}
		case <-late.C:
			return so, nil
		case <-s.stopped:
			return so, nil
		case <-ctx.Done():
			return so, ctx.Err()
		}
	}
}

// stop has those who wait answered with how far their requests have come.
func (s *settling) stop() { s.once.Do(func() { close(s.stopped) }) }

func (s *settling) add(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[w] = struct{}{}
	if !s.looking {
		s.looking = true
		go s.look()
	}
}

func (s *settling) remove(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, w)
}

// look tells those who wait until there are none.
func (s *settling) look() {
	tick := time.NewTicker(settlePoll)
	defer tick.Stop()
	for range tick.C {
		asked := s.asked()
		if asked == nil {
			return
		}
		for subject, waiters := range asked {
			s.tell(subject, waiters)
		}
	}
}

// asked is who waits, by subject and id; nil ends the looking.
func (s *settling) asked() map[string]map[string][]*waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looking = len(s.waiting) > 0; !s.looking {
		return nil
	}
	asked := make(map[string]map[string][]*waiter)
	for w := range s.waiting {
		if asked[w.subject] == nil {
			asked[w.subject] = make(map[string][]*waiter)
		}
		asked[w.subject][w.id] = append(asked[w.subject][w.id], w)
	}
	return asked
}

// tell looks at the requests of one subject. When that fails the next look may not; a call gives up by
// itself.
func (s *settling) tell(subject string, waiters map[string][]*waiter) {
	ctx, cancel := context.WithTimeout(context.Background(), settleLook)
	defer cancel()
	outcomes, err := s.ChangeOutcomes(ctx, subject, slices.Collect(maps.Keys(waiters)))
	if err != nil {
		s.log.WarnContext(ctx, "Change requests cannot be looked at", "err", err)
		return
	}
	for _, outcome := range outcomes {
		for _, w := range waiters[outcome.ID] {
			select {
			case <-w.told: // what was not taken yet is older
			default:
			}
			w.told <- outcome
		}
	}
}
