package server

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lectern-dev/lectern/server/catalog"
)

// catalogMetrics shows a catalog at the moment it is asked.
type catalogMetrics struct {
	catalog                      *catalog.Catalog
	bytes, entries, hits, misses *prometheus.Desc
	revision, sinceRead          *prometheus.Desc
	readiness, storeUp           *prometheus.Desc
}

func newCatalogMetrics(c *catalog.Catalog) *catalogMetrics {
	part := []string{"part"}
	return &catalogMetrics{
		catalog:   c,
		bytes:     prometheus.NewDesc("lectern_catalog_bytes", "Estimated memory of what is held.", part, nil),
		entries:   prometheus.NewDesc("lectern_catalog_entries", "What is held.", part, nil),
		hits:      prometheus.NewDesc("lectern_catalog_hits_total", "Questions answered from memory.", part, nil),
		misses:    prometheus.NewDesc("lectern_catalog_misses_total", "Questions the store was needed for.", part, nil),
		revision:  prometheus.NewDesc("lectern_catalog_revision", "The revision of the feed that was followed last.", nil, nil),
		sinceRead: prometheus.NewDesc("lectern_catalog_feed_age_seconds", "Time since the feed was last read; large when the store is away.", nil, nil),
		readiness: prometheus.NewDesc("lectern_catalog_ready", "1 once the feed was read, for as long as something can be served.", nil, nil),
		storeUp:   prometheus.NewDesc("lectern_store_up", "1 while the store answers, 0 while only what is in memory is served.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *catalogMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *catalogMetrics) Collect(ch chan<- prometheus.Metric) {
	stats := m.catalog.Stats()
	for part, usage := range map[string]catalog.Usage{"bodies": stats.Bodies, "pages": stats.Pages} {
		ch <- prometheus.MustNewConstMetric(m.bytes, prometheus.GaugeValue, float64(usage.Bytes), part)
		ch <- prometheus.MustNewConstMetric(m.entries, prometheus.GaugeValue, float64(usage.Entries), part)
		ch <- prometheus.MustNewConstMetric(m.hits, prometheus.CounterValue, float64(usage.Hits), part)
		ch <- prometheus.MustNewConstMetric(m.misses, prometheus.CounterValue, float64(usage.Misses), part)
	}
	ch <- prometheus.MustNewConstMetric(m.revision, prometheus.GaugeValue, float64(stats.Revision))
	if !stats.Read.IsZero() {
		ch <- prometheus.MustNewConstMetric(m.sinceRead, prometheus.GaugeValue, time.Since(stats.Read).Seconds())
	}
	ch <- prometheus.MustNewConstMetric(m.readiness, prometheus.GaugeValue, boolToFloat(m.catalog.CheckReady() == nil))
	_, cause := m.catalog.UnavailableSince()
	ch <- prometheus.MustNewConstMetric(m.storeUp, prometheus.GaugeValue, boolToFloat(cause == nil))
}

func boolToFloat(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// newProbeHandler serves metrics and probes, apart from the endpoint: no network policy can tell paths
// apart.
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

// describeReadiness is what /readyz answers. A server whose store is away stays ready while it holds
// anything: taken out of service, it would serve nothing at all.
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
