package servicedesk

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// longestWait is how long a call waits for its turn. For longer it is refused, with the time to try again.
	longestWait = 10 * time.Second
	// takeTimeout bounds one question for the rate. A store that is slow is asked again; one that says nothing for as long as a call
	// waits is away.
	takeTimeout = 3 * time.Second
	// waitingAtOnce bounds what is asked for at once.
	waitingAtOnce = 1000
)

// rateSource is the part of the store that shares the rate of a connection among replicas.
type rateSource interface {
	TakeRate(ctx context.Context, connection int64, lane store.Lane, wanted int) (store.RateGrant, error)
	PauseRate(ctx context.Context, connection int64, pause time.Duration) (time.Duration, error)
}

// rateLease is a replica's part in the rate of a connection. Calls that wait are queued, and one question is asked for all of them:
// the rate is a row that every replica locks. While the store is away, each replica goes by its share, as many as there were last.
type rateLease struct {
	source     rateSource
	connection int64
	log        *slog.Logger
	stop       context.Context //nolint:containedctx // it is the lease's own
	close      context.CancelFunc

	mu      sync.Mutex
	waiting []*turn
	// serving is set while a goroutine asks for those who wait, and away while the store does not answer it.
	serving, away bool
	// notBefore is when it makes sense to ask again.
	notBefore        time.Time
	perMinute, burst int
	// replicas are those seen last, answeredAt is when the store said so.
	replicas   int
	answeredAt time.Time
	// sent are the turns that this replica gave in the last minute, oldest first, whoever granted them.
	sent []time.Time
}

// turn is a call that waits. Its answer is nil, an *sdp.WaitError, or errRateAway.
type turn struct {
	arrived time.Time
	answer  chan error
	ctx     context.Context //nolint:containedctx // it is the call's
}

// errLeaseClosed is said to those who wait when the connection is deleted, or made again.
var errLeaseClosed = errors.New("the connection is closed")

// rateAwayError says that the store cannot be asked.
type rateAwayError struct{}

func (rateAwayError) Error() string { return "the store cannot be asked for the rate" }

func newRateLease(source rateSource, connection int64, log *slog.Logger) *rateLease {
	l := &rateLease{source: source, connection: connection, log: log, replicas: 1, answeredAt: time.Now()}
	l.stop, l.close = context.WithCancel(context.Background())
	return l
}

func (l *rateLease) setLimits(perMinute, burst int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perMinute, l.burst = perMinute, burst
}

// Wait returns when a call may be sent. The error is an *sdp.WaitError where that would take too long, errLeaseClosed, or the context's.
func (l *rateLease) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	one := &turn{arrived: time.Now(), answer: make(chan error, 1), ctx: ctx}
	l.mu.Lock()
	l.waiting = append(l.waiting, one)
	if !l.serving {
		l.serving = true
		go l.serve()
	}
	l.mu.Unlock()
	select {
	case err := <-one.answer:
		if _, away := err.(rateAwayError); away { //nolint:errorlint // it is never wrapped
			return l.waitForShare(ctx, one.arrived)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.stop.Done():
		return errLeaseClosed
	}
}

// serve asks for those who wait, until nobody does.
func (l *rateLease) serve() {
	for {
		wanted, pause := l.nextQuestion()
		switch {
		case wanted == 0:
			return
		case pause > 0:
			if !l.sleep(pause) {
				return
			}
			continue
		}
		ctx, cancel := context.WithTimeout(l.stop, takeTimeout)
		grant, err := l.source.TakeRate(ctx, l.connection, store.LaneInteractive, wanted)
		cancel()
		if l.stop.Err() != nil {
			return
		}
		l.answerTurns(grant, err)
	}
}

// nextQuestion returns for how many calls to ask, and how long to wait before. Those who left, or would wait for too long, wait no
// longer.
func (l *rateLease) nextQuestion() (wanted int, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.waiting = slices.DeleteFunc(l.waiting, func(t *turn) bool {
		if t.ctx.Err() != nil {
			return true
		}
		deadline, bounded := t.ctx.Deadline()
		if l.notBefore.Sub(t.arrived) > longestWait || bounded && l.notBefore.After(deadline) {
			t.answer <- &sdp.WaitError{RetryAfter: l.notBefore.Sub(now)}
			return true
		}
		return false
	})
	if len(l.waiting) == 0 {
		l.serving = false
		return 0, 0
	}
	return min(len(l.waiting), waitingAtOnce), l.notBefore.Sub(now)
}

// sleep waits, but not so long that who comes next is told late that it is too long. It reports whether the lease goes on.
func (l *rateLease) sleep(pause time.Duration) bool {
	timer := time.NewTimer(min(pause, 250*time.Millisecond))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.stop.Done():
		return false
	}
}

// answerTurns gives what was granted to those who wait longest and are still there.
func (l *rateLease) answerTurns(grant store.RateGrant, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if err != nil {
		if isSlow := errors.Is(err, context.DeadlineExceeded) && now.Sub(l.answeredAt) < longestWait; isSlow {
			l.notBefore = now // of those who wait, nextQuestion sends away who waited for too long
			return
		}
		if !l.away {
			l.away = true
			l.log.Warn("The rate of a connection cannot be asked for, going by this replica's share", "replicas", l.replicas, "err", err)
		}
		for _, t := range l.waiting {
			t.answer <- rateAwayError{}
		}
		l.waiting = nil
		return
	}
	l.away, l.replicas, l.answeredAt = false, max(grant.Replicas, 1), now
	if grant.Granted == 0 {
		l.notBefore = now.Add(max(grant.RetryAfter, 10*time.Millisecond))
		return
	}
	for grant.Granted > 0 && len(l.waiting) > 0 {
		first := l.waiting[0]
		l.waiting = l.waiting[1:]
		if first.ctx.Err() == nil {
			first.answer <- nil
			grant.Granted--
			l.recordSent(now)
		}
	}
}

// Pause stops the calls of all replicas: ServiceDesk Plus throttles. While the store is away it stops those of this one.
func (l *rateLease) Pause(ctx context.Context, pause time.Duration) {
	pause = min(pause, store.MaxRatePause)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	if stopped, err := l.source.PauseRate(ctx, l.connection, pause); err != nil {
		l.log.Warn("Other replicas could not be told to pause", "err", err)
	} else {
		pause = max(pause, stopped)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(pause); until.After(l.notBefore) {
		l.notBefore = until
	}
}

// pausedFor returns how long no call is sent now.
func (l *rateLease) pausedFor() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(time.Until(l.notBefore), 0)
}
