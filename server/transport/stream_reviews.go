package transport

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/server/auth"
)

// DefaultReviewEvery is how often the callers of open streams are proven and their rights reviewed. A stream lives half as
// long again after a review that allowed it: with the 11 seconds for which an API server itself remembers a token, it ends
// within a minute of whatever takes its rights away, whether or not anybody can be asked.
const DefaultReviewEvery = 30 * time.Second

const (
	// reviewsAtATime bounds the callers under review: thousands of streams must not be thousands of questions at once.
	reviewsAtATime = 16
	// reviewTimeout is how long the review of a caller may take.
	reviewTimeout = 10 * time.Second
)

// Followed is what a stream follows, as far as that is about rights.
type Followed struct {
	// Namespace is the endpoint's, empty on the endpoint for all.
	Namespace string
	// Prompts, Tools and Resources are the lists, and URIs the resources.
	Prompts, Tools, Resources bool
	URIs                      []string
	// Last is what the review before found; nil for the first, at the opening of the stream.
	Last *StreamRights
}

// StreamRights is what a review found of a stream.
type StreamRights struct {
	// Readable is whether the caller may read anything of what the stream follows. One of nothing ends.
	Readable bool
	// ToolsChanged and ListsChanged are whether other tools are listed for the caller than at the review before, or prompts of
	// other namespaces.
	ToolsChanged, ListsChanged bool
	// Kept is what the next review wants to know of this one.
	Kept any
}

// streamReviews has every stream reviewed for as long as it is open, by turns: callers whose review is due wait in a queue,
// and the streams of one token are reviewed together.
type streamReviews struct {
	reprover auth.Reprover
	review   func(context.Context, []Followed) ([]StreamRights, error)
	every    time.Duration
	stopping context.Context //nolint:containedctx // of the handler
	log      *slog.Logger

	mu      sync.Mutex
	callers map[[sha256.Size]byte]*provenCaller
	waiting dueQueue
	// underReview counts the callers under review; timer is for the first that waits.
	underReview int
	timer       *time.Timer
}

// provenCaller is a caller as one token proves them, with their streams.
type provenCaller struct {
	token   [sha256.Size]byte
	streams map[*subscriber]struct{}
	// lease ends the streams unless a review extends it.
	lease *time.Timer
	due   time.Time
	// place is that in the queue, -1 outside.
	place int
}

func newStreamReviews(stopping context.Context, config *Config) *streamReviews {
	return &streamReviews{
		reprover: config.Reprover, review: config.ReviewStreams, every: config.ReviewEvery, stopping: stopping, log: config.Log,
		callers: make(map[[sha256.Size]byte]*provenCaller),
	}
}

// leaseTime is how long streams live on after a review.
func (r *streamReviews) leaseTime() time.Duration { return r.every + r.every/2 }

// nextDue spreads reviews, so that clients who came back together after an outage do not stay together. No two reviews are
// further apart than r.every.
func (r *streamReviews) nextDue(from time.Time, least time.Duration) time.Time {
	return from.Add(least + rand.N(max(r.every-least, 1))) //nolint:gosec // nobody gains by guessing it
}

// join has a stream reviewed from now on. Its caller was proven just now; what they may do is what later changes are
// compared with.
func (r *streamReviews) join(ctx context.Context, one *subscriber) {
	if found, err := r.review(ctx, []Followed{one.describe()}); err == nil && len(found) == 1 {
		one.setRights(&found[0])
	}
	token, _ := auth.TokenFromContext(one.ctx)
	key := sha256.Sum256([]byte(token))
	r.mu.Lock()
	defer r.mu.Unlock()
	caller := r.callers[key]
	if caller == nil {
		caller = &provenCaller{token: key, streams: make(map[*subscriber]struct{}), place: -1}
		caller.due = r.nextDue(time.Now(), r.every/2)
		caller.lease = time.AfterFunc(r.leaseTime(), func() { r.expire(caller) })
		r.callers[key] = caller
		heap.Push(&r.waiting, caller)
		r.startDue()
	}
	caller.streams[one] = struct{}{}
	one.caller = caller
}

// leave forgets a stream that is closed.
func (r *streamReviews) leave(one *subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	caller := one.caller
	if delete(caller.streams, one); len(caller.streams) == 0 {
		r.forget(caller)
	}
}

// expire ends the streams of a caller whom no review allowed in time. A stream that comes while they end has a lease of its own.
func (r *streamReviews) expire(caller *provenCaller) {
	r.mu.Lock()
	r.forget(caller)
	r.mu.Unlock()
	r.endStreams(caller, "no review in time")
}

// forget takes a caller out of those who are reviewed.
func (r *streamReviews) forget(caller *provenCaller) {
	caller.lease.Stop()
	if r.callers[caller.token] == caller {
		delete(r.callers, caller.token)
	}
	if caller.place >= 0 {
		heap.Remove(&r.waiting, caller.place)
	}
	if len(r.callers) == 0 && r.timer != nil {
		r.timer.Stop()
	}
}

// startDue starts the reviews that are due, as many as may be at a time, and sets the timer for the next one.
func (r *streamReviews) startDue() {
	for len(r.waiting) > 0 && r.underReview < reviewsAtATime && r.stopping.Err() == nil {
		wait := time.Until(r.waiting[0].due)
		if wait > 0 {
			if r.timer == nil {
				r.timer = time.AfterFunc(wait, r.wake)
			} else {
				r.timer.Reset(wait)
			}
			return
		}
		caller, _ := heap.Pop(&r.waiting).(*provenCaller)
		r.underReview++
		go r.reviewCaller(caller)
	}
}

func (r *streamReviews) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.startDue()
}

// reviewCaller reviews the streams of a caller, and puts the caller back into the queue.
func (r *streamReviews) reviewCaller(caller *provenCaller) {
	asked := time.Now()
	r.mu.Lock()
	streams := slices.Collect(maps.Keys(caller.streams))
	r.mu.Unlock()
	found, err := r.askAgain(streams)
	var due time.Time
	switch {
	case err == nil:
		r.mu.Lock()
		if r.callers[caller.token] == caller {
			caller.lease.Reset(r.leaseTime() - time.Since(asked))
		}
		r.mu.Unlock()
		applyRights(streams, found)
		due = r.nextDue(asked, r.every*9/10)
	case isUndecided(err):
		// The streams live on what is cached, and no longer than their lease.
		r.log.Debug("Open streams could not be reviewed", "err", err)
		due = time.Now().Add(r.every/20 + rand.N(r.every/20)) //nolint:gosec // nobody gains by guessing it
	default:
		r.endStreams(caller, err.Error())
		due = r.nextDue(asked, r.every*9/10)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.underReview--
	if r.callers[caller.token] == caller {
		caller.due = due
		heap.Push(&r.waiting, caller)
	}
	r.startDue()
}

// isUndecided reports whether an error says that nobody could be asked now, rather than what was found.
func isUndecided(err error) bool {
	return errors.Is(err, auth.ErrUnavailable) || errors.Is(err, auth.ErrReviewsSpent) || errors.Is(err, errReviewFailed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

var (
	errReviewFailed = errors.New("a review of streams failed")
	errOtherCaller  = errors.New("the token proves another caller now")
)

// askAgain proves the caller of streams, who all came with the same token, and finds out what each may hear.
func (r *streamReviews) askAgain(streams []*subscriber) (found []StreamRights, err error) {
	if len(streams) == 0 {
		return nil, nil
	}
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("Panic in a review of streams", "panic", p, "stack", string(debug.Stack()))
			found, err = nil, errReviewFailed
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(streams[0].ctx), min(reviewTimeout, r.every))
	defer cancel()
	defer context.AfterFunc(r.stopping, cancel)()
	before, _ := auth.FromContext(ctx)
	now, err := r.reprover.Reprove(ctx)
	if err != nil {
		return nil, fmt.Errorf("prove the caller again: %w", err)
	}
	if auth.RightsKey(now) != auth.RightsKey(before) {
		return nil, errOtherCaller
	}
	followed := make([]Followed, len(streams))
	for i, one := range streams {
		followed[i] = one.describe()
	}
	found, err = r.review(auth.WithIdentity(ctx, now), followed)
	if err == nil && len(found) != len(streams) {
		err = errReviewFailed
	}
	return found, err
}

// applyRights tells streams of what changed for their caller, and ends those that may hear of nothing any more.
func applyRights(streams []*subscriber, found []StreamRights) {
	for i, one := range streams {
		one.setRights(&found[i])
		if !found[i].Readable {
			one.end()
			continue
		}
		for what, changed := range [listChanges]bool{
			promptsChanged: found[i].ListsChanged, resourcesChanged: found[i].ListsChanged, toolsChanged: found[i].ToolsChanged,
		} {
			if changed && one.wantsChange(listChange(what)) {
				one.addPending(func(p *pendingChanges) { p.lists[what] = true })
			}
		}
	}
}

// endStreams ends every stream of a caller with its result.
func (r *streamReviews) endStreams(caller *provenCaller, reason string) {
	r.mu.Lock()
	streams := slices.Collect(maps.Keys(caller.streams))
	r.mu.Unlock()
	r.log.Debug("Streams end", "streams", len(streams), "reason", reason)
	for _, one := range streams {
		one.end()
	}
}

// dueQueue is a heap of callers, by when their review is due.
type dueQueue []*provenCaller

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *dueQueue) Push(caller any) {
	c, _ := caller.(*provenCaller)
	c.place = len(*q)
	*q = append(*q, c)
}

// Pop implements heap.Interface.
func (q *dueQueue) Pop() any {
	last := (*q)[len(*q)-1]
	last.place = -1
	*q = (*q)[:len(*q)-1]
	return last
}
