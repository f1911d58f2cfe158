package transport

import (
	"container/list"
	"context"
	"sync"
	"time"
)

const (
	// smallBody is up to which size a body is small.
	smallBody = 16 << 10
	// stallTimeout is how long a body may make no progress while others wait, and budgetTimeout how long they wait.
	stallTimeout  = 5 * time.Second
	budgetTimeout = 10 * time.Second
	// progressShare is the part of a body that has to arrive to count as progress: a byte now and then is none.
	progressShare = 16
)

// bodyBudget admits bodies by their bytes, in the order in which they came: those of requests, and those of large answers, of
// which progress is what the client took.
type bodyBudget struct {
	stallTimeout, waitTimeout time.Duration

	mu      sync.Mutex
	free    int64
	waiting list.List // of *bodyClaim
	reading list.List // of *bodyClaim
}

// bodyClaim is the part of a budget that a body has.
type bodyClaim struct {
	budget *bodyBudget
	size   int64
	// granted is closed once the claim is; nil where it was at once.
	granted chan struct{}
	// place is where the claim is in the list of those that wait, and then of those whose body is being read.
	place *list.Element
	// drop ends the reading of the body; dropped says that it was called.
	drop    func()
	dropped bool
	// arrived are the bytes there were when progress was last made, at the time of progress.
	arrived  int64
	progress time.Time
}

func newBodyBudget(size int64, stall, wait time.Duration) *bodyBudget {
	return &bodyBudget{free: size, stallTimeout: stall, waitTimeout: wait}
}

// claim waits until a body of a size is admitted, for as long as others may wait, and drops bodies that make no progress
// meanwhile. It returns nil when there was no room. Drop ends the reading of the body in its turn; nil where it is read.
func (b *bodyBudget) claim(ctx context.Context, size int64, drop func()) *bodyClaim {
	c := &bodyClaim{budget: b, size: size, drop: drop, progress: time.Now()}
	b.mu.Lock()
	if b.waiting.Len() == 0 && size <= b.free {
		b.admit(c)
		b.mu.Unlock()
		return c
	}
	c.granted = make(chan struct{})
	c.place = b.waiting.PushBack(c)
	b.mu.Unlock()
	if b.waitFor(ctx, c) {
		return c
	}
	return nil
}

// waitFor reports whether a claim that waits is granted.
func (b *bodyBudget) waitFor(ctx context.Context, c *bodyClaim) bool {
	ctx, cancel := context.WithTimeout(ctx, b.waitTimeout)
	defer cancel()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-c.granted:
			return true
		case <-next.C:
			next.Reset(b.dropStalled(time.Now()))
		case <-ctx.Done():
			b.mu.Lock()
			defer b.mu.Unlock()
			select {
			case <-c.granted: // meanwhile
				return true
			default:
			}
			b.waiting.Remove(c.place)
			b.admitWaiting() // who waited behind it may need less
			return false
		}
	}
}

// dropStalled drops the bodies that made no progress for too long, and returns when the next one might have to be.
func (b *bodyBudget) dropStalled(now time.Time) (next time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next = b.stallTimeout
	for place := b.reading.Front(); place != nil; place = place.Next() {
		c := place.Value.(*bodyClaim)
		switch left := b.stallTimeout - now.Sub(c.progress); {
		case c.dropped:
		case left <= 0:
			c.dropped = true
			c.drop()
		default:
			next = min(next, left)
		}
	}
	return next
}

// admit takes a claim from the budget. The lock is held.
func (b *bodyBudget) admit(c *bodyClaim) {
	b.free -= c.size
	c.place = nil
	if c.drop != nil {
		c.progress = time.Now()
		c.place = b.reading.PushBack(c)
	}
}

// admitWaiting admits those that wait, as far as there is room. The lock is held.
func (b *bodyBudget) admitWaiting() {
	for front := b.waiting.Front(); front != nil; front = b.waiting.Front() {
		c := front.Value.(*bodyClaim)
		if c.size > b.free {
			return
		}
		b.waiting.Remove(front)
		b.admit(c)
		close(c.granted)
	}
}

// noteProgress says how much of a body has arrived.
func (c *bodyClaim) noteProgress(arrived int64) {
	if arrived-c.arrived < c.size/progressShare { // only who reads the body writes this
		return
	}
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	c.arrived, c.progress = arrived, time.Now()
}

// finishReading gives back what a body turned out not to need, and has it no longer dropped.
func (c *bodyClaim) finishReading(size int64) {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	if c.place != nil {
		c.budget.reading.Remove(c.place)
		c.place = nil
	}
	c.resizeLocked(size)
}

// resize says how much room a body turned out to need.
func (c *bodyClaim) resize(size int64) {
	if c == nil {
		return
	}
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	c.resizeLocked(size)
}

// resizeLocked is resize for who has the lock.
func (c *bodyClaim) resizeLocked(size int64) {
	c.budget.free += c.size - size
	c.size = size
	c.budget.admitWaiting()
}

// release gives all of a claim back. A nil claim has nothing.
func (c *bodyClaim) release() {
	if c != nil {
		c.finishReading(0)
	}
}

// wasDropped reports whether the body was dropped because it made no progress.
func (c *bodyClaim) wasDropped() bool {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	return c.dropped
}
