package servicedesk

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// connectionLabel names a connection, namespace/name: Prometheus has a label namespace of its own.
const connectionLabel = "connection"

// serviceMetrics are how ServiceDesk Plus is called, and how long calls wait.
type serviceMetrics struct {
	calls                    *prometheus.CounterVec
	rateWaits, rateRefusals  *prometheus.CounterVec
	throttled                *prometheus.CounterVec
	tokenWaits, tokenReports *prometheus.CounterVec
	writes                   *prometheus.CounterVec
}

func newServiceMetrics() serviceMetrics {
	newCounter := func(opts prometheus.CounterOpts, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(opts, append([]string{connectionLabel}, labels...))
	}
	return serviceMetrics{
		calls: newCounter(prometheus.CounterOpts{
			Name: "lectern_sdp_calls_total",
			Help: "Calls of ServiceDesk Plus that tools made, by connection, operation and outcome.",
		}, "operation", "outcome"),
		rateWaits: newCounter(prometheus.CounterOpts{
			Name: "lectern_sdp_rate_wait_seconds_total",
			Help: "Time that calls of ServiceDesk Plus waited for their turn, by connection.",
		}),
		throttled: newCounter(prometheus.CounterOpts{
			Name: "lectern_sdp_throttled_total",
			Help: "Answers of ServiceDesk Plus that there were too many calls, by connection.",
		}),
		rateRefusals: newCounter(prometheus.CounterOpts{
			Name: "lectern_sdp_rate_refusals_total",
			Help: "Calls of ServiceDesk Plus that were not made, since their turn would have come too late, by connection.",
		}),
		tokenWaits: newCounter(prometheus.CounterOpts{
			Name: "lectern_sdp_token_waits_total",
			Help: "Waits for another token of ServiceDesk Plus, by connection and whether there was one in time.",
		}, "outcome"),
		tokenReports: newCounter(prometheus.CounterOpts{
			Name: "lectern_sdp_token_refusals_reported_total",
			Help: "Reports that ServiceDesk Plus refused a token, by connection; the controller proves or disproves them.",
		}),
		writes: newCounter(prometheus.CounterOpts{
			Name: "lectern_sdp_writes_total",
			Help: "Writes to ServiceDesk Plus, by connection, tool and outcome: done, not_done, indeterminate, or a repeat of one that was done.",
		}, "tool", "outcome"),
	}
}

func (m *serviceMetrics) counters() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{m.calls, m.rateWaits, m.rateRefusals, m.throttled, m.tokenWaits, m.tokenReports, m.writes}
}

// forget drops what was counted of a connection that is gone.
func (m *serviceMetrics) forget(connection string) {
	for _, counter := range m.counters() {
		counter.DeletePartialMatch(prometheus.Labels{connectionLabel: connection})
	}
}

// countTurn counts how long a call waited for its turn, and whether it was refused.
func (m *serviceMetrics) countTurn(connection string, waited time.Duration, refused bool) {
	m.rateWaits.WithLabelValues(connection).Add(waited.Seconds())
	if refused {
		m.rateRefusals.WithLabelValues(connection).Inc()
	}
}

// countWrite counts how a write ended.
func (m *serviceMetrics) countWrite(connection, tool, outcome string) {
	m.writes.WithLabelValues(connection, tool, outcome).Inc()
}

// The outcomes of a wait for another token.
const (
	tokenReplaced = "replaced"
	tokenTimeout  = "timeout"
)

func (m *serviceMetrics) countTokenWait(connection string, err error) {
	outcome := tokenReplaced
	if err != nil {
		outcome = tokenTimeout
	}
	m.tokenWaits.WithLabelValues(connection, outcome).Inc()
}

// Metrics returns what is counted, to be registered.
func (s *Service) Metrics() []prometheus.Collector {
	found := []prometheus.Collector{&tokenExpiries{s.directory}}
	for _, counter := range s.metrics.counters() {
		found = append(found, counter)
	}
	return found
}

// tokenExpiries collects until when the tokens are good that there are now.
type tokenExpiries struct{ directory *directory }

var tokenExpiry = prometheus.NewDesc(
	"lectern_sdp_token_expiry_timestamp_seconds",
	"When the access token of a connection ends, by connection; not there for an API key, nor without a token.", []string{connectionLabel}, nil,
)

// Describe implements prometheus.Collector.
func (t *tokenExpiries) Describe(all chan<- *prometheus.Desc) { all <- tokenExpiry }

// Collect implements prometheus.Collector.
func (t *tokenExpiries) Collect(all chan<- prometheus.Metric) {
	for _, c := range t.directory.list("") {
		if now := c.now.Load(); now.token != nil && !now.token.ExpiresAt.IsZero() && !now.Suspended {
			all <- prometheus.MustNewConstMetric(tokenExpiry, prometheus.GaugeValue, float64(now.token.ExpiresAt.Unix()), c.key.String())
		}
	}
}
