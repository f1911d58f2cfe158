package server

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// parting is how much of the delay is left when streams end: whoever hears that a stream ended calls at once, to open it again
// and to read what it missed, and is served still.
const parting = time.Second

// drain is the end of a server behind a Service. Between the signal and the moment when every node leads new connections
// elsewhere some still come, and are served: readiness fails first, and the server stops only after a delay. Clients leave the
// connections they keep by themselves, since every answer closes its own: what is closed while nobody uses it may be just
// about to be used, and clients do not send a POST again.
type drain struct {
	underWay atomic.Bool
	// streamsEnd is closed when streams should.
	streamsEnd chan struct{}
}

// startDrain returns a context that ends a delay after asked, which is the signal to stop, and a drain that is under way
// between the two. Release ends what is kept for them.
func startDrain(asked context.Context, delay time.Duration, log *slog.Logger) (serving context.Context, d *drain, release func()) {
	d = &drain{streamsEnd: make(chan struct{})}
	serving, end := context.WithCancel(context.WithoutCancel(asked))
	forget := context.AfterFunc(asked, func() {
		defer end()
		d.underWay.Store(true)
		if delay > 0 {
			log.Info("Draining: not ready any more, and still serving", "for", delay.String())
		}
		waitUnlessDone(serving, delay-min(parting, delay/2))
		close(d.streamsEnd)
		waitUnlessDone(serving, min(parting, delay/2))
	})
	return serving, d, func() { forget(); end() }
}

// waitUnlessDone waits for a time, or until the context is done.
func waitUnlessDone(ctx context.Context, wait time.Duration) {
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case <-late.C:
	case <-ctx.Done():
	}
}

// isUnderWay reports whether the server was asked to stop.
func (d *drain) isUnderWay() bool { return d.underWay.Load() }

// closeConnections returns a handler that ends the connection of each answer once the drain is under way. Over HTTP/2 the
// header becomes a GOAWAY, after which requests under way are still answered.
func (d *drain) closeConnections(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if d.isUnderWay() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
