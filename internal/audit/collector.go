package audit

import "github.com/prometheus/client_golang/prometheus"

// spoolCollector is the metrics of a spool, read when they are asked for.
type spoolCollector struct {
	spool                                         *Spool
	appended, loaded, lost, loadFailures          *prometheus.Desc
	queuedBytes, spoolBytes, spoolLimit, segments *prometheus.Desc
}

func newSpoolCollector(s *Spool) *spoolCollector {
	return &spoolCollector{
		spool:        s,
		appended:     prometheus.NewDesc("lectern_audit_rows_total", "Rows of the audit that were kept.", nil, nil),
		loaded:       prometheus.NewDesc("lectern_audit_loaded_rows_total", "Rows of the audit that the database took.", nil, nil),
		lost:         prometheus.NewDesc("lectern_audit_lost_rows_total", "Rows of the audit that are lost, by reason: dropped found no room, refusals are of calls that did nothing and have their share of it, damaged could not be read again, rejected are set aside, expired waited too long.", []string{"reason"}, nil),
		loadFailures: prometheus.NewDesc("lectern_audit_load_failures_total", "Attempts to load a batch of the audit that failed, and are repeated.", nil, nil),
		queuedBytes:  prometheus.NewDesc("lectern_audit_queue_bytes", "Rows of the audit in memory that wait for the database.", nil, nil),
		spoolBytes:   prometheus.NewDesc("lectern_audit_spool_bytes", "Size of the files that rows of the audit wait in.", nil, nil),
		spoolLimit:   prometheus.NewDesc("lectern_audit_spool_limit_bytes", "Maximum size of those files.", nil, nil),
		segments:     prometheus.NewDesc("lectern_audit_spool_segments", "Number of those files.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *spoolCollector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *spoolCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.spool.Stats()
	count := func(desc *prometheus.Desc, value int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	count(c.appended, s.Appended)
	count(c.loaded, s.Loaded)
	count(c.lost, s.Dropped, "dropped")
	count(c.lost, s.Refusals, "refusals")
	count(c.lost, s.Damaged, "damaged")
	count(c.lost, s.Rejected, "rejected")
	count(c.lost, s.Expired, "expired")
	count(c.loadFailures, s.LoadFailures)
	for desc, value := range map[*prometheus.Desc]int64{
		c.queuedBytes: int64(s.QueuedBytes), c.spoolBytes: s.SpoolBytes, c.spoolLimit: s.MaxBytes, c.segments: int64(s.Segments),
	} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value))
	}
}
