package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// probeInterval is the time between two probes of the listener, probeTimeout how long one may take to be heard.
	probeInterval = 15 * time.Second
	probeTimeout  = 2 * time.Second
	// unheardPoll is how often subscribers are woken while notifications are not heard.
	unheardPoll = 500 * time.Millisecond
	// firstListenPause and lastListenPause bound the pause before connecting again.
	firstListenPause, lastListenPause = 100 * time.Millisecond, 10 * time.Second
)

// errProbeUnheard says that the connection is well and hears nothing, as behind a pooler that gives a session to others
// between two transactions.
var errProbeUnheard = errors.New("a notification was sent and not received; " +
	"where a pooler in transaction mode is between, give a way past it with --database-listen-url-file")

// errRetired says that the connection is as old as it may become.
var errRetired = errors.New("the connection is renewed")

// listener hears the notifications of the database for all subscribers, over one connection, which it has while there are
// any. Whether it hears is found out by probes; while it does not, it wakes all of them every unheardPoll.
type listener struct {
	connect   func(ctx context.Context) (*pgx.Conn, error)
	sendProbe func(ctx context.Context, probe string) error
	log       *slog.Logger
	// lifetime is how long a connection is kept, probeTimeout how long a probe may take to be heard.
	lifetime, probeTimeout time.Duration
	// probe is this listener's own, echoes has a value when it was received.
	probe  string
	echoes chan struct{}
	heard  atomic.Bool
	// limits are those of each channel that wakes subscribers.
	limits map[string]*wakeLimit

	// mu is held while subscribers are woken: one that left is not woken any more.
	mu          sync.Mutex
	subscribers map[*subscriber]struct{}
	// stop ends the listening and waits for its end; nil when nobody listens.
	stop func()

	// state guards what follows.
	state sync.Mutex
	// reported is whether it was logged that nothing is heard.
	reported bool
	// drop gives the current connection up.
	drop context.CancelCauseFunc
}

// subscriber is woken by the notifications of a channel.
type subscriber struct {
	channel string
	wake    func(payload string)
}

func newListener(s *Store, log *slog.Logger) *listener {
	return &listener{
		connect: s.connectListener, sendProbe: s.sendProbe, log: log, lifetime: orDefault(s.opts.ConnectionLifetime, defaultConnectionLifetime),
		probeTimeout: probeTimeout,
		probe:        rand.Text(), echoes: make(chan struct{}, 1), subscribers: make(map[*subscriber]struct{}),
		limits: newWakeLimits(feedChannel, changesChannel, refusalsChannel),
	}
}

// deliver wakes a subscriber until ctx ends.
func (l *listener) deliver(ctx context.Context, channel string, wake func(payload string)) {
	added := &subscriber{channel: channel, wake: wake}
	l.addSubscriber(ctx, added)
	<-ctx.Done()
	l.removeSubscriber(added)
}

func (l *listener) addSubscriber(ctx context.Context, added *subscriber) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribers[added] = struct{}{}
	added.wake("")
	if l.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { l.keepListening(ctx) })
	running.Go(func() { l.pollWhileUnheard(ctx) })
	l.stop = func() {
		cancel()
		running.Wait()
	}
}

func (l *listener) removeSubscriber(left *subscriber) {
	l.mu.Lock()
	delete(l.subscribers, left)
	var stop func()
	if len(l.subscribers) == 0 {
		stop, l.stop = l.stop, nil
	}
	l.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// wakeSubscribers wakes those of a channel, or all with an empty one.
func (l *listener) wakeSubscribers(channel, payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.subscribers {
		if channel == "" || s.channel == channel {
			s.wake(payload)
		}
	}
}

func (l *listener) pollWhileUnheard(ctx context.Context) {
	poll := time.NewTicker(unheardPoll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
			if !l.heard.Load() {
				l.wakeSubscribers("", "")
			}
		}
	}
}

// keepListening listens again with growing pauses until ctx ends.
func (l *listener) keepListening(ctx context.Context) {
	defer l.heard.Store(false)
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = firstListenPause, lastListenPause
	for {
		err := l.listenOnce(ctx, pauses.Reset)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errRetired) { // all are woken once it is made anew, and until it fails nothing is wrong
			continue
		}
		if errors.Is(err, store.ErrReadOnly) { // dropped, which says nothing of what is heard next
			l.heard.Store(false)
		} else {
			l.reportUnheard(err)
		}
		pause := time.NewTimer(pauses.NextBackOff())
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// listenOnce wakes all once it is connected, for what was missed, and then by notifications, until the connection is lost.
func (l *listener) listenOnce(ctx context.Context, connected func()) error {
	ctx, drop := context.WithCancelCause(ctx)
	defer drop(nil)
	l.state.Lock()
	l.drop = drop
	l.state.Unlock()
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer closeWithin(ctx, conn)
	connected()
	l.wakeSubscribers("", "")
	ctx, retire := context.WithTimeoutCause(ctx, l.lifetime, errRetired)
	defer retire()

	var probing sync.WaitGroup
	defer probing.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probing.Go(func() { l.sendProbes(ctx) })
	for {
		received, err := waitForNotification(ctx, conn)
		switch {
		case err != nil && context.Cause(ctx) != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		case received == nil:
		case received.Channel != probeChannel:
			l.wakeSoon(received.Channel, received.Payload)
		case received.Payload == l.probe:
			l.reportHeard()
			select {
			case l.echoes <- struct{}{}:
			default:
			}
		}
	}
}

// dropConnection has the listener connect again.
func (l *listener) dropConnection(cause error) {
	l.state.Lock()
	defer l.state.Unlock()
	if l.drop != nil {
		l.drop(cause)
	}
}

// sendProbes finds out, at once and every probeInterval, whether notifications are heard.
func (l *listener) sendProbes(ctx context.Context) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for {
		if err := l.probeOnce(ctx); err != nil && ctx.Err() == nil {
			l.reportUnheard(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (l *listener) probeOnce(ctx context.Context) error {
	select {
	case <-l.echoes: // of an earlier probe
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, l.probeTimeout)
	defer cancel()
	if err := l.sendProbe(ctx, l.probe); err != nil {
		return err
	}
	select {
	case <-l.echoes:
		return nil
	case <-ctx.Done():
		return errProbeUnheard
	}
}

func (l *listener) reportHeard() {
	l.state.Lock()
	defer l.state.Unlock()
	l.heard.Store(true)
	if l.reported {
		l.reported = false
		l.log.Info("Notifications of the database are heard again")
	}
}

func (l *listener) reportUnheard(err error) {
	l.state.Lock()
	defer l.state.Unlock()
	l.heard.Store(false)
	if !l.reported {
		l.reported = true
		l.log.Warn("Notifications of the database are not heard, polling", "every", unheardPoll, "err", fmt.Sprint(err))
	}
}
