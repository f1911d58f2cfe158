package prompts

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// defaultOutcomeTimeout bounds how long a call waits for the final state of its change request,
	// outcomeReadTimeout one read.
	defaultOutcomeTimeout = 10 * time.Second
	outcomeReadTimeout    = 5 * time.Second
	// defaultOutcomePoll is the time between two reads of whatever is waited for. Notifications make it needless; it is
	// what remains true when they are lost.
	defaultOutcomePoll = 500 * time.Millisecond
)

// outcomeWaiter reads the outcomes of change requests, for all calls that wait for one at once: of a request when it is
// first waited for and when a notification names it, and of all of them every poll. It has a goroutine only while
// there is such a call.
type outcomeWaiter struct {
	Changes
	timeout, poll time.Duration
	log           *slog.Logger
	// stopped is closed when the server stops: no call waits any more.
	stopped chan struct{}
	once    sync.Once
	// woken says that something is due, or that nobody waits any more.
	woken chan struct{}

	mu sync.Mutex
	// waiting are the calls by the id of their request, due the ids that are to be read at once.
	waiting map[string]map[*waiter]struct{}
	due     map[string]struct{}
	reading bool
}

// waiter is a call that waits.
type waiter struct {
	subject, id string
	// outcome has the last one that was read.
	outcome chan store.ChangeOutcome
}

func newOutcomeWaiter(changes Changes, timeout, poll time.Duration, log *slog.Logger) *outcomeWaiter {
	return &outcomeWaiter{
		Changes: changes, timeout: timeout, poll: poll, log: log, stopped: make(chan struct{}), woken: make(chan struct{}, 1),
		waiting: make(map[string]map[*waiter]struct{}), due: make(map[string]struct{}),
	}
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

// addWaiter has the request read at once: its notification may have come before anybody waited for it.
func (s *outcomeWaiter) addWaiter(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[w.id] == nil {
		s.waiting[w.id] = make(map[*waiter]struct{})
	}
	s.waiting[w.id][w] = struct{}{}
	s.due[w.id] = struct{}{}
	if !s.reading {
		s.reading = true
		go s.readOutcomes()
	}
	s.wake()
}

func (s *outcomeWaiter) removeWaiter(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.waiting[w.id], w); len(s.waiting[w.id]) == 0 {
		delete(s.waiting, w.id)
		delete(s.due, w.id)
	}
	if len(s.waiting) == 0 {
		s.wake()
	}
}

// markDue has a request read soon if a call waits for it; all of them where the id is empty.
func (s *outcomeWaiter) markDue(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, is := s.waiting[id]; is {
		s.due[id] = struct{}{}
	} else if id == "" {
		s.markAllDue()
	}
	if len(s.due) > 0 {
		s.wake()
	}
}

// markAllDue runs under the lock.
func (s *outcomeWaiter) markAllDue() {
	for id := range s.waiting {
		s.due[id] = struct{}{}
	}
}

func (s *outcomeWaiter) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// readOutcomes passes outcomes to those who wait, until there are none.
func (s *outcomeWaiter) readOutcomes() {
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	for {
		polled := false
		select {
		case <-s.woken:
		case <-tick.C:
			polled = true
		}
		due, more := s.takeDue(polled)
		if !more {
			return
		}
		for subject, ids := range due {
			s.readSubject(subject, ids)
		}
	}
}

// takeDue returns which ids are to be read now, by subject: all that are waited for, or those that are due. It reports
// false when there are none to come, which ends the reading.
func (s *outcomeWaiter) takeDue(all bool) (bySubject map[string][]string, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading = len(s.waiting) > 0; !s.reading {
		return nil, false
	}
	if all {
		s.markAllDue()
	}
	bySubject = make(map[string][]string)
	for id := range s.due {
		for w := range s.waiting[id] { // each knows the same subject: nobody learns the id of another's request
			bySubject[w.subject] = append(bySubject[w.subject], id)
			break
		}
	}
	clear(s.due)
	return bySubject, true
}

// readSubject reads the requests of one subject and passes them on. When that fails the next poll may succeed; a call has
// a deadline of its own.
func (s *outcomeWaiter) readSubject(subject string, ids []string) {
	ctx, cancel := context.WithTimeout(context.Background(), outcomeReadTimeout)
	defer cancel()
	outcomes, err := s.ChangeOutcomes(ctx, subject, ids)
	if err != nil {
		s.log.WarnContext(ctx, "Change requests cannot be read", "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, outcome := range outcomes {
		for w := range s.waiting[outcome.ID] {
			w.pass(outcome)
		}
	}
}

// pass replaces an outcome that was not taken yet: it is older.
func (w *waiter) pass(outcome store.ChangeOutcome) {
	select {
	case <-w.outcome:
	default:
	}
	w.outcome <- outcome
}
