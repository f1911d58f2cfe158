package postgres

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Metrics returns the metrics of the store, to be registered.
func (s *Store) Metrics() []prometheus.Collector {
	return []prometheus.Collector{
		s.newNotificationsGauge(), newConnectionsCollector(s.pool), s.queryMetrics.durations, s.queryMetrics.failures,
	}
}

func (s *Store) newNotificationsGauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lectern_store_notifications",
		Help: "1 while notifications of the database are heard, 0 while it is polled every 500 ms instead, or nobody listens.",
	}, func() float64 {
		if s.HearsNotifications() {
			return 1
		}
		return 0
	})
}

// connectionsCollector is the metrics of a pool of connections, read when they are asked for.
type connectionsCollector struct {
	pool *pgxpool.Pool

	connections, limit, waits, waited *prometheus.Desc
}

func newConnectionsCollector(pool *pgxpool.Pool) *connectionsCollector {
	return &connectionsCollector{
		pool:        pool,
		connections: prometheus.NewDesc("lectern_store_connections", "Connections of the pool to the database, by state; the feed and LISTEN have one each beside them.", []string{"state"}, nil),
		limit:       prometheus.NewDesc("lectern_store_connections_limit", "Maximum number of connections in the pool.", nil, nil),
		waits:       prometheus.NewDesc("lectern_store_connection_waits_total", "Times that no connection was free, so that a call waited for one.", nil, nil),
		waited:      prometheus.NewDesc("lectern_store_connection_wait_seconds_total", "Time that calls waited for a connection of the pool.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *connectionsCollector) Describe(ch chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, ch)
}

// Collect implements prometheus.Collector.
func (c *connectionsCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.pool.Stat()
	ch <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(s.AcquiredConns()), "used")
	ch <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(s.IdleConns()), "idle")
	ch <- prometheus.MustNewConstMetric(c.connections, prometheus.GaugeValue, float64(s.ConstructingConns()), "opening")
	ch <- prometheus.MustNewConstMetric(c.limit, prometheus.GaugeValue, float64(s.MaxConns()))
	ch <- prometheus.MustNewConstMetric(c.waits, prometheus.CounterValue, float64(s.EmptyAcquireCount()))
	ch <- prometheus.MustNewConstMetric(c.waited, prometheus.CounterValue, s.EmptyAcquireWaitTime().Seconds())
}
