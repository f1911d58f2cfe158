package prompts

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/server/catalog"
)

// DefaultDelay gathers changes before callers are told: an apply of many prompts is one change to
// them.
const DefaultDelay = 250 * time.Millisecond

// Announcer tells open streams of changed lists, at most once a delay.
type Announcer struct {
	surface *Surface
	delay   time.Duration
	notify  func(concerned func(ctx context.Context, namespace string) bool)

	mu      sync.Mutex
	pending *catalog.Move
	timer   *time.Timer
	stopped bool
	running sync.WaitGroup
}

// Announcer passes moves of the catalog to notify, which asks of every stream whether it is
// concerned.
func (s *Surface) Announcer(delay time.Duration, notify func(concerned func(ctx context.Context, namespace string) bool)) *Announcer {
	return &Announcer{surface: s, delay: delay, notify: notify}
}

// Moved takes a move; it does not block. The first one after silence starts the delay, so that a
// steady flow of changes does not put the news off for ever.
func (a *Announcer) Moved(move catalog.Move) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	if a.pending != nil {
		*a.pending = a.pending.Join(move)
		return
	}
	a.pending = &move
	a.running.Add(1)
	a.timer = time.AfterFunc(a.delay, a.announce)
}

func (a *Announcer) announce() {
	defer a.running.Done()
	a.mu.Lock()
	move := a.pending
	a.pending = nil
	a.mu.Unlock()
	a.notify(func(ctx context.Context, namespace string) bool {
		return a.surface.concerned(ctx, namespace, move)
	})
}

// Stop drops what is pending and waits for what is being told.
func (a *Announcer) Stop() {
	a.mu.Lock()
	a.stopped = true
	if a.timer != nil && a.timer.Stop() {
		a.running.Done()
	}
	a.mu.Unlock()
	a.running.Wait()
}

// concerned decides by what the caller may list now, not by what it might when the stream began.
func (s *Surface) concerned(ctx context.Context, namespace string, move *catalog.Move) bool {
	scope, err := s.scope(ctx, namespace)
	if err != nil {
		return false
	}
	if scope.All {
		return move.Everything || len(move.Namespaces) > 0
	}
	if move.Everything {
		return len(scope.Namespaces) > 0
	}
	return slices.ContainsFunc(scope.Namespaces, func(visible string) bool {
		return slices.Contains(move.Namespaces, visible)
	})
}
