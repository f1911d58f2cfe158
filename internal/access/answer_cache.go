package access

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// answer is what was found out, and for how long that counts.
type answer[V any] struct {
	value V
	// isNo is set where the answer is no.
	isNo bool
	// asked is when the question was sent: an answer is as old as its question.
	asked, expires time.Time
}

// answerCache keeps answers until they expire, and has a question asked once for all who wait for its answer. Yes and no
// are kept apart, each up to a number: whoever makes up names or tokens pushes out other noes alone.
type answerCache[V any] struct {
	now func() time.Time
	// timeout is how long a question may take.
	timeout time.Duration

	mu      sync.Mutex
	yes, no *simplelru.LRU[cacheKey, answer[V]]
	asking  map[cacheKey]*pendingAnswer[V]
	// renewing counts those being asked whose last answer still counts.
	renewing int
}

// maxRenewals bounds the answers that are renewed at a time: what finds no room is asked when it has expired.
const maxRenewals = 32

// pendingAnswer is a question under way.
type pendingAnswer[V any] struct {
	done chan struct{}
	// renews says that the last answer still counts.
	renews bool
	value  V
	err    error
}

func newAnswerCache[V any](yes, no int, now func() time.Time) *answerCache[V] {
	return &answerCache[V]{now: now, timeout: callTimeout, yes: newLRU[V](yes), no: newLRU[V](no), asking: map[cacheKey]*pendingAnswer[V]{}}
}

func newLRU[V any](size int) *simplelru.LRU[cacheKey, answer[V]] {
	lru, err := simplelru.NewLRU[cacheKey, answer[V]](size, nil)
	if err != nil {
		panic(err) // only a size below one is refused
	}
	return lru
}

// lookUp returns an answer that has not expired.
func (c *answerCache[V]) lookUp(key cacheKey) (answer[V], bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kept := range [...]*simplelru.LRU[cacheKey, answer[V]]{c.yes, c.no} {
		found, ok := kept.Get(key)
		if !ok {
			continue
		}
		if now.Before(found.expires) {
			return found, true
		}
		kept.Remove(key)
	}
	return answer[V]{}, false
}

// keep keeps an answer, instead of an older one to the same question.
func (c *answerCache[V]) keep(key cacheKey, found answer[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, other := c.yes, c.no
	if found.isNo {
		kept, other = c.no, c.yes
	}
	for _, lru := range [...]*simplelru.LRU[cacheKey, answer[V]]{kept, other} {
		if before, ok := lru.Peek(key); ok && before.asked.After(found.asked) {
			return
		}
	}
	other.Remove(key)
	if c.now().Before(found.expires) {
		kept.Add(key, found)
	} else {
		kept.Remove(key)
	}
}

// ask has the question asked, unless somebody has it asked already, and waits for the answer. The question goes on when a
// caller goes away, for the others, and for the cache.
func (c *answerCache[V]) ask(ctx context.Context, key cacheKey, send func(context.Context) (answer[V], error)) (V, error) {
	if ctx.Err() != nil {
		var none V
		return none, waitError(ctx)
	}
	c.mu.Lock()
	p := c.asking[key]
	if p == nil {
		p = c.begin(ctx, key, &pendingAnswer[V]{}, send)
	}
	c.mu.Unlock()
	select {
	case <-p.done:
		return p.value, p.err
	case <-ctx.Done():
		var none V
		return none, waitError(ctx)
	}
}

// isAging reports whether the last third of an answer's time has begun. A no is over soon anyway.
func (c *answerCache[V]) isAging(a *answer[V]) bool {
	return !a.isNo && !c.now().Before(a.asked.Add(a.expires.Sub(a.asked)*2/3))
}

// renew has a question asked whose last answer still counts, unless somebody has it asked already, and does not wait: who uses
// an answer all the time need never wait for the next one.
func (c *answerCache[V]) renew(ctx context.Context, key cacheKey, send func(context.Context) (answer[V], error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking[key] == nil && c.renewing < maxRenewals {
		c.renewing++
		c.begin(ctx, key, &pendingAnswer[V]{renews: true}, send)
	}
}

// begin has a question asked. The lock is held.
func (c *answerCache[V]) begin(ctx context.Context, key cacheKey, p *pendingAnswer[V], send func(context.Context) (answer[V], error)) *pendingAnswer[V] {
	p.done = make(chan struct{})
	c.asking[key] = p
	go c.wait(context.WithoutCancel(ctx), key, p, send)
	return p
}

// wait waits for the answer on a goroutine of its own, where a panic would end the program.
func (c *answerCache[V]) wait(ctx context.Context, key cacheKey, p *pendingAnswer[V], send func(context.Context) (answer[V], error)) {
	defer func() {
		if r := recover(); r != nil {
			p.err = fmt.Errorf("%w: panic: %v", ErrUnavailable, r)
		}
		c.mu.Lock()
		delete(c.asking, key)
		if p.renews {
			c.renewing--
		}
		c.mu.Unlock()
		close(p.done)
	}()
	found, err := c.askAgain(ctx, key, send)
	p.value, p.err = found, err
}

// askAgain asks whatever is kept, and keeps what it finds.
func (c *answerCache[V]) askAgain(ctx context.Context, key cacheKey, send func(context.Context) (answer[V], error)) (V, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	found, err := send(ctx)
	if err != nil {
		return found.value, err
	}
	c.keep(key, found)
	return found.value, nil
}
