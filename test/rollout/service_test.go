//go:build !race

package rollout

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const (
	// probeInterval is how often readiness is asked for, connectTimeout how long that and a connection may take.
	probeInterval  = 100 * time.Millisecond
	connectTimeout = 2 * time.Second
)

// endpoint is a server behind a service.
type endpoint struct{ address, ready string }

// service is an address that leads each new connection to one of the servers that are ready, as kube-proxy does: what it knows
// of them is a second or two old, and connections that are there stay where they are.
type service struct {
	listener  net.Listener
	endpoints []endpoint
	// minLag and maxLag bound how old what is known is.
	minLag, maxLag time.Duration
	stop           context.CancelFunc
	ended          sync.WaitGroup

	mu      sync.Mutex
	current []string // the addresses that new connections are led to
	next    int
	open    map[net.Conn]struct{}
	// refused counts the connections for which there was no server, or one that did not accept them.
	refused int
}

// startService starts a service until the test ends.
func startService(t *testing.T, minLag, maxLag time.Duration, endpoints ...endpoint) *service {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	s := &service{listener: listener, endpoints: endpoints, minLag: minLag, maxLag: maxLag, stop: stop, open: map[net.Conn]struct{}{}}
	s.ended.Go(func() { s.follow(ctx) })
	s.ended.Go(s.accept)
	t.Cleanup(s.close)
	require.Until(t, "every server is behind the service", func() bool { return len(s.listCurrent()) == len(endpoints) })
	return s
}

func (s *service) close() {
	s.stop()
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.ended.Wait()
}

// follow asks the servers whether they are ready, and takes what changes in the order it changed, each with its delay.
func (s *service) follow(ctx context.Context) {
	client := &http.Client{Timeout: connectTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	var last []string
	var takenAt time.Time
	for {
		if found := s.findReady(ctx, client, last); !slices.Equal(found, last) && ctx.Err() == nil {
			last = found
			lag := s.minLag + rand.N(s.maxLag-s.minLag+1)
			takenAt = later(takenAt, time.Now().Add(lag))
			wait := time.Until(takenAt)
			s.ended.Go(func() { s.take(ctx, wait, found) })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a.Add(time.Millisecond)
	}
	return b
}

// take leads new connections to these servers after a wait.
func (s *service) take(ctx context.Context, wait time.Duration, addresses []string) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
		s.mu.Lock()
		s.current = addresses
		s.mu.Unlock()
	}
}

// findReady returns the servers that are ready now, of whom the last were before.
func (s *service) findReady(ctx context.Context, client *http.Client, last []string) (addresses []string) {
	for _, e := range s.endpoints {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.ready, http.NoBody)
		if err != nil {
			panic(err) // the URL is ours
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
		}
		// A server without time to answer stays where it is, as one probe does not take a pod out: only a word of its own does, or
		// that nobody is there.
		isSlow := errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
		if err == nil && response.StatusCode == http.StatusOK || isSlow && slices.Contains(last, e.address) {
			addresses = append(addresses, e.address)
		}
	}
	return addresses
}

func (s *service) listCurrent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.current)
}

func (s *service) countRefused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

func (s *service) accept() {
	for {
		client, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.ended.Go(func() { s.connect(client) })
		}
	}
}

// connect leads a connection to the next server that is known; where that accepts none, it is refused: nobody tries another.
func (s *service) connect(client net.Conn) {
	s.mu.Lock()
	address := ""
	if len(s.current) > 0 {
		address = s.current[s.next%len(s.current)]
		s.next++
	}
	s.mu.Unlock()
	server, err := net.DialTimeout("tcp", address, connectTimeout)
	s.mu.Lock()
	if err != nil {
		s.refused++
		s.mu.Unlock()
		_ = client.(*net.TCPConn).SetLinger(0) // a reset, as a refused connection is
		_ = client.Close()
		return
	}
	s.open[client], s.open[server] = struct{}{}, struct{}{}
	s.mu.Unlock()
	var sides sync.WaitGroup
	sides.Go(func() { forward(server, client) })
	forward(client, server)
	sides.Wait()
	s.mu.Lock()
	delete(s.open, client)
	delete(s.open, server)
	s.mu.Unlock()
	_ = client.Close()
	_ = server.Close()
}

// forward passes bytes on until one side ends, and then that end: a packet filter closes nothing by itself.
func forward(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.(*net.TCPConn).CloseWrite()
}
