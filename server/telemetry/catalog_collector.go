package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/server/catalog"
)

// CatalogCollector is the metrics of a catalog, read when they are asked for.
type CatalogCollector struct {
	catalog                      *catalog.Catalog
	bytes, entries, hits, misses *prometheus.Desc
	revision, sinceRead          *prometheus.Desc
	readiness, storeUp           *prometheus.Desc
}

// NewCatalogCollector returns the metrics of a catalog, to be registered.
func NewCatalogCollector(c *catalog.Catalog) *CatalogCollector {
	part := []string{"part"}
	return &CatalogCollector{
		catalog:   c,
		bytes:     prometheus.NewDesc("lectern_catalog_bytes", "Estimated memory of the entries held.", part, nil),
		entries:   prometheus.NewDesc("lectern_catalog_entries", "Entries held.", part, nil),
		hits:      prometheus.NewDesc("lectern_catalog_hits_total", "Lookups answered from memory.", part, nil),
		misses:    prometheus.NewDesc("lectern_catalog_misses_total", "Lookups the store was needed for.", part, nil),
		revision:  prometheus.NewDesc("lectern_catalog_revision", "The last revision read from the feed.", nil, nil),
		sinceRead: prometheus.NewDesc("lectern_catalog_feed_age_seconds", "Time since the feed was last read; large when the store is away.", nil, nil),
		readiness: prometheus.NewDesc("lectern_catalog_ready", "1 once the feed was read, for as long as something can be served.", nil, nil),
		storeUp:   prometheus.NewDesc("lectern_store_up", "1 while the store answers, 0 while only what is in memory is served.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *CatalogCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *CatalogCollector) Collect(ch chan<- prometheus.Metric) {
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
