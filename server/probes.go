package server

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lectern-dev/lectern/server/catalog"
)

// newProbeHandler serves metrics and probes at an address of their own: no network policy can tell paths apart.
func newProbeHandler(gatherer prometheus.Gatherer, c *catalog.Catalog) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		body, status := describeReadiness(c)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body + "\n"))
	})
	return mux
}

// describeReadiness returns the answer of /readyz. A server whose store is away stays ready while it holds anything: taken
// out of service, it would serve nothing at all.
func describeReadiness(c *catalog.Catalog) (body string, status int) {
	ready := c.CheckReady()
	since, cause := c.UnavailableSince()
	lasting := ""
	if cause != nil {
		lasting = fmt.Sprintf(" for %s, since %s", time.Since(since).Round(time.Second), since.UTC().Format(time.RFC3339))
	}
	switch {
	case ready != nil:
		return fmt.Sprintf("not ready%s: %v", lasting, ready), http.StatusServiceUnavailable
	case cause != nil:
		return fmt.Sprintf("degraded%s: only what is held is served: %v", lasting, cause), http.StatusOK
	default:
		return "ok", http.StatusOK
	}
}
