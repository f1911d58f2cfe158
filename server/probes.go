package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
)

// newProbes serves metrics and probes at an address of their own: no network policy can tell paths apart. They ask nobody who
// they are, as neither the kubelet nor Prometheus would say. Where everything listens on loopback, a web page that makes a
// browser ask is refused as it is by the endpoint.
func (o *Options) newProbes(gatherer prometheus.Gatherer, c *catalog.Catalog, d *drain) http.Handler {
	probes := newProbeHandler(gatherer, c, d)
	if !o.Auth.IsNone() {
		return probes
	}
	anonymous := auth.NewNone("")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := anonymous.Authenticate(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		probes.ServeHTTP(w, r)
	})
}

// newProbeHandler serves metrics and probes to whoever asks.
func newProbeHandler(gatherer prometheus.Gatherer, c *catalog.Catalog, d *drain) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		body, status := describeReadiness(c)
		if d.isUnderWay() {
			body, status = "not ready: the server is stopping", http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body + "\n"))
	})
	return mux
}

// describeReadiness returns the answer of /readyz. A server whose store is away stays ready while it holds anything: taken
// out of service, it would serve nothing at all. What the store said names its address and a role, and is for the log.
func describeReadiness(c *catalog.Catalog) (body string, status int) {
	ready := c.CheckReady()
	since, cause := c.UnavailableSince()
	lasting := ""
	if cause != nil {
		lasting = fmt.Sprintf(" for %s, since %s", time.Since(since).Round(time.Second), since.UTC().Format(time.RFC3339))
	}
	switch {
	case ready != nil && cause == nil:
		return "not ready: the feed of the store has not been read yet", http.StatusServiceUnavailable
	case ready != nil:
		return fmt.Sprintf("not ready%s: %s", lasting, describeCause(cause)), http.StatusServiceUnavailable
	case cause != nil:
		return fmt.Sprintf("degraded%s: only what is held is served: %s", lasting, describeCause(cause)), http.StatusOK
	default:
		return "ok", http.StatusOK
	}
}

// describeCause says why the store cannot be read, in words that hold for any store.
func describeCause(cause error) string {
	if errors.Is(cause, store.ErrSchemaBehind) {
		return store.ErrSchemaBehind.Error() + "; run lectern migrate"
	}
	if errors.Is(cause, store.ErrReadOnly) {
		return store.ErrReadOnly.Error()
	}
	return "the store cannot be read; the log says why"
}
