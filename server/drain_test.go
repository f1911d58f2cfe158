package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

func TestStartDrain(t *testing.T) {
	for name, delay := range map[string]time.Duration{"at once": 0, "after a delay": 5 * time.Second, "after a short one": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, ask := context.WithCancel(t.Context())
				serving, drain, release := startDrain(asked, delay, slog.New(slog.DiscardHandler))
				defer release()
				synctest.Wait()
				if drain.isUnderWay() || serving.Err() != nil {
					t.Fatal("it drains before it is asked to")
				}
				began := time.Now()
				ask()
				<-drain.streamsEnd
				if left := delay - time.Since(began); left != min(parting, delay/2) || delay > 0 && serving.Err() != nil {
					t.Errorf("streams end %s before the end", left)
				}
				<-serving.Done()
				if took := time.Since(began); took != delay || !drain.isUnderWay() {
					t.Errorf("it served for %s more; want %s, and a drain that is under way: %t", took, delay, drain.isUnderWay())
				}
			})
		})
	}
}

// TestStartDrain_Release: a server that fails while it drains waits for nothing.
func TestStartDrain_Release(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, ask := context.WithCancel(t.Context())
		ask()
		serving, _, release := startDrain(asked, time.Hour, slog.New(slog.DiscardHandler))
		release()
		<-serving.Done()
	})
}

// TestDrain: a server that was asked to stop is not ready, and goes on to serve old connections and new ones, streams
// included. It closes the connections of its answers, and no other.
func TestDrain(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := start(t, author)
	asked, ask := context.WithCancel(t.Context())
	defer ask()
	_, drain, release := startDrain(asked, time.Hour, slog.New(slog.DiscardHandler))
	t.Cleanup(release)
	s := serveDraining(t, replica, drain, false)
	probes := newProbeHandler(prometheus.NewRegistry(), replica.catalog, drain)
	expectProbe(t, probes, "/readyz", http.StatusOK, "ok\n")
	before := s.Listen(t, request{})
	same(t, acknowledged("1"), before.Next(t))
	expectClose(t, s, false)

	ask()
	require.Until(t, "the drain is under way", drain.isUnderWay)
	expectProbe(t, probes, "/readyz", http.StatusServiceUnavailable, "not ready: the server is stopping\n")
	expectProbe(t, probes, "/livez", http.StatusOK, "ok\n")
	expectClose(t, s, true)
	fresh := transporttest.Remote{URL: s.URL, HTTP: &http.Client{Transport: &http.Transport{}}}
	expectClose(t, fresh, true)
	during := fresh.Listen(t, request{ID: "2"})
	same(t, acknowledged("2"), during.Next(t))
	author.Publish(plainKey, catalogtest.Text("Hello again."))
	same(t, changed("1"), before.Next(t))
	same(t, changed("2"), during.Next(t))

	replica.endpoint.EndStreams()
	same(t, final("1"), before.Next(t))
	same(t, final("2"), during.Next(t))
	expectClose(t, fresh, true) // who was told of the end is served still
}

// TestDrain_OverHTTP2: where all requests share a connection, closing it fails none of them.
func TestDrain_OverHTTP2(t *testing.T) {
	t.Parallel()
	asked, ask := context.WithCancel(t.Context())
	defer ask()
	_, drain, release := startDrain(asked, time.Hour, slog.New(slog.DiscardHandler))
	t.Cleanup(release)
	s := serveDraining(t, start(t, library(t)), drain, true)
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for n := range 40 {
				if caller == 0 && n == 20 {
					ask()
				}
				response, err := s.HTTP.Do(s.NewRequest(t, t.Context(), getPrompt("it.greeting", nil)))
				if err != nil {
					t.Error(err)
					return
				}
				if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
					t.Errorf("%s %s", response.Proto, response.Status)
				}
				_ = response.Body.Close()
			}
		})
	}
	callers.Wait()
}

// serveDraining serves a replica with a drain until the test ends.
func serveDraining(t *testing.T, r *replica, d *drain, http2 bool) transporttest.Remote {
	t.Helper()
	server := httptest.NewUnstartedServer(d.closeConnections(r.endpoint))
	if server.EnableHTTP2 = http2; http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(func() {
		r.endpoint.Stop()
		server.CloseClientConnections()
		server.Close()
	})
	return transporttest.Remote{URL: server.URL, HTTP: server.Client()}
}

// expectClose makes a request and expects that its connection is closed, or kept.
func expectClose(t *testing.T, s transporttest.Remote, want bool) {
	t.Helper()
	response := s.Open(t, t.Context(), getPrompt("it.greeting", nil))
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Close != want {
		t.Errorf("answered %s, and the connection is closed: %t, want %t", response.Status, response.Close, want)
	}
}

func expectProbe(t *testing.T, probes http.Handler, path string, status int, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	probes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	if answer.Code != status || answer.Body.String() != body {
		t.Errorf("%s: %d %q; want %d %q", path, answer.Code, answer.Body, status, body)
	}
}
