package scenarios

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/test/writetally"
)

// faultyDesk is a fake ServiceDesk Plus whose calls fail at random.
type faultyDesk struct {
	name string
	fake *sdptest.Server

	// latest is how long after their deadline slow calls are carried out, at most.
	latest time.Duration

	mu      sync.Mutex
	random  *rand.Rand
	tickets []string
}

// newFaultyDesk starts a fake, in the cloud or on premises by turns.
func newFaultyDesk(t *testing.T, name string, n int, random *rand.Rand) *faultyDesk {
	t.Helper()
	o := sdptest.Options{Edition: sdptest.Cloud}
	if n%2 == 1 {
		o = sdptest.Options{Edition: sdptest.OnPremises}
	}
	return &faultyDesk{name: name, fake: sdptest.Start(t, o), random: random, latest: 3 * time.Second}
}

// addTickets makes tickets for notes, worklogs and tasks.
func (d *faultyDesk) addTickets(n int) {
	for range n {
		ticket := d.addTicket()
		d.tickets = append(d.tickets, ticket)
	}
}

// addTicket makes a ticket as somebody else would, and returns it as callers name it.
func (d *faultyDesk) addTicket() string {
	return "id:" + d.fake.Add("requests", sdptest.Record{
		"subject": "Screen stays dark", "description": "<p>Since this morning.</p>", "requester": "ana@example.org", "status": "Open",
		"category": "Hardware", "created_time": time.Now().Add(-48 * time.Hour),
	})
}

// isShared reports whether several writes go to a ticket.
func (d *faultyDesk) isShared(ticket string) bool { return slices.Contains(d.tickets, ticket) }

func (d *faultyDesk) anyTicket(r *rand.Rand) string { return d.tickets[r.IntN(len(d.tickets))] }

// beginToFail has calls that write fail in every way there is, and some that read.
func (d *faultyDesk) beginToFail() {
	d.fake.FailBy(func(c sdptest.Call) *sdptest.Fault {
		d.mu.Lock()
		defer d.mu.Unlock()
		dice := d.random.Float64()
		switch {
		case c.Accounts:
			return nil
		case c.Method == http.MethodGet && dice < 0.003:
			return new(sdptest.HTML(http.StatusBadGateway))
		case c.Method == http.MethodGet && dice < 0.005:
			return new(sdptest.DropBeforeWrite())
		case c.Method == http.MethodGet || dice > 0.12:
			return nil
		}
		return new(d.chooseFault())
	})
}

func (d *faultyDesk) chooseFault() sdptest.Fault {
	fault := []func() sdptest.Fault{
		func() sdptest.Fault { return sdptest.Throttled(http.StatusTooManyRequests).RetryAfter(time.Second) },
		func() sdptest.Fault { return sdptest.ServerError(http.StatusInternalServerError) },
		func() sdptest.Fault { return sdptest.ServerError(http.StatusInternalServerError).AfterWrite() },
		func() sdptest.Fault { return sdptest.ServerError(http.StatusServiceUnavailable) },
		func() sdptest.Fault { return sdptest.HTML(http.StatusBadGateway).AfterWrite() },
		func() sdptest.Fault { return sdptest.LoginPage() },
		func() sdptest.Fault { return sdptest.Slow(time.Duration(1000+d.random.IntN(5000)) * time.Millisecond) },
		func() sdptest.Fault {
			return sdptest.Slow(11*time.Second + time.Duration(d.random.Int64N(int64(d.latest))))
		},
		sdptest.DropBeforeWrite,
		sdptest.DropAfterWrite,
		sdptest.DropAfterWrite,
	}
	return fault[d.random.IntN(len(fault))]()
}

// disturb takes something away for a time, and remembers that until it is back and used again.
func (w *randomWrites) disturb(ctx context.Context, name, where string, begin, end func(context.Context) error, lasts time.Duration) error {
	began := time.Now()
	if err := begin(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	pauseFor(ctx, lasts)
	if err := end(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("end of %s: %w", name, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	const returns = 5 * time.Second // until connections are made again
	w.disturbances = append(w.disturbances, writetally.Disturbance{Name: name, Where: where, Began: began, Ended: time.Now().Add(returns)})
	return nil
}

// kill ends a process without warning and starts it again.
func (w *randomWrites) kill(ctx context.Context, name string) error {
	return w.disturb(ctx, "killed", name,
		func(context.Context) error { w.Kill(name); return nil },
		func(ctx context.Context) error {
			if err := w.Launch(name); err != nil {
				return err
			}
			return w.WaitUntilReady(ctx, name)
		}, 200*time.Millisecond)
}

// stop has a process stand still and go on.
func (w *randomWrites) stop(ctx context.Context, name string, lasts time.Duration) error {
	send := func(signal syscall.Signal) func(context.Context) error {
		return func(context.Context) error { return syscall.Kill(w.Pid(name), signal) }
	}
	return w.disturb(ctx, "stopped", name, send(syscall.SIGSTOP), send(syscall.SIGCONT), lasts)
}

func (w *randomWrites) silencePostgres(ctx context.Context, lasts time.Duration) error {
	return w.disturb(ctx, "Postgres silent", "", w.Postgres.PauseServer, w.Postgres.UnpauseServer, lasts)
}

func (w *randomWrites) crashPostgres(ctx context.Context, lasts time.Duration) error {
	return w.disturb(ctx, "Postgres crashed", "", w.Postgres.CrashServer, w.Postgres.StartServer, lasts)
}

// disturbAll takes everything away by turns, with pauses in which all is well, until the context ends. A server stands still for longer
// than its writes may be sent, and now and then for longer than it takes others to decide that they were not.
func (w *randomWrites) disturbAll(ctx context.Context) error {
	for n := 0; ctx.Err() == nil; n++ {
		server := []string{testenv.Server1, testenv.Server2}[n%2]
		for _, disturb := range []func() error{
			func() error { return w.kill(ctx, server) },
			func() error { return w.stop(ctx, server, 13*time.Second) },
			func() error { return w.silencePostgres(ctx, 6*time.Second) },
			func() error { return w.kill(ctx, testenv.Controller) },
			func() error { return w.crashPostgres(ctx, 2*time.Second) },
			func() error { return w.stop(ctx, server, 75*time.Second) },
		} {
			pauseFor(ctx, 20*time.Second)
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the writers are done
			}
			if err := disturb(); err != nil {
				return err
			}
		}
	}
	return nil
}

// disturbShortly kills a server, has the other one stand still, and silences Postgres, once.
func (w *randomWrites) disturbShortly(ctx context.Context) error {
	for _, disturb := range []func() error{
		func() error { return w.kill(ctx, testenv.Server1) },
		func() error { return w.stop(ctx, testenv.Server2, 11*time.Second) },
		func() error { return w.silencePostgres(ctx, 2*time.Second) },
	} {
		pauseFor(ctx, 2*time.Second)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the writers are done
		}
		if err := disturb(); err != nil {
			return err
		}
	}
	return nil
}
