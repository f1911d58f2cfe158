package controllers

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/telemetry"
)

// registerMetrics registers the metrics of one run, and returns what takes them back at its end.
func registerMetrics(registry prometheus.Registerer, collectors []prometheus.Collector) (unregister func(), err error) {
	var registered []prometheus.Collector
	unregister = func() {
		for _, c := range registered {
			registry.Unregister(c)
		}
	}
	for _, c := range collectors {
		if err := registry.Register(c); err != nil {
			unregister()
			return nil, fmt.Errorf("set up metrics: %w", err)
		}
		registered = append(registered, c)
	}
	return unregister, nil
}

// newProcessMetrics returns what says of this process which version it is, and whether it leads and reaches the database.
func newProcessMetrics(version string, elected <-chan struct{}, db *database) []prometheus.Collector {
	return []prometheus.Collector{
		telemetry.NewBuildInfo(version),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lectern_controller_leader", Help: "1 while this controller leads, 0 while it stands by.",
		}, func() float64 {
			select {
			case <-elected:
				return 1
			default:
				return 0
			}
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lectern_store_up", Help: "1 while the store answers and is this cluster's, 0 while nothing can be published.",
		}, func() float64 {
			if db.isUp.Load() {
				return 1
			}
			return 0
		}),
	}
}
