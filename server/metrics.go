package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lectern-dev/lectern/server/catalog"
)

// catalogMetrics shows a catalog at the moment it is asked.
type catalogMetrics struct {
	catalog                        *catalog.Catalog
	bytes, entries, hits, misses   *prometheus.Desc
	revision, sinceRead, readiness *prometheus.Desc
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
		readiness: prometheus.NewDesc("lectern_catalog_ready", "1 once the feed was read.", nil, nil),
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
	ready := 0.0
	if !stats.Read.IsZero() {
		ready = 1
		ch <- prometheus.MustNewConstMetric(m.sinceRead, prometheus.GaugeValue, time.Since(stats.Read).Seconds())
	}
	ch <- prometheus.MustNewConstMetric(m.readiness, prometheus.GaugeValue, ready)
}

// newProbes serves metrics and probes, apart from the endpoint: no network policy can tell paths
// apart.
func newProbes(gatherer prometheus.Gatherer, ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}
