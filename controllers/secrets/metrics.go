package secrets

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// The outcomes of a rotation.
const (
	outcomeRotated = "rotated"
	outcomeLate    = "late"
	outcomeRefused = "refused"
	outcomeFailed  = "failed"
)

var (
	rotations = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_server_password_rotations_total",
		Help: "Changes of the servers' database password, by outcome: rotated; late (due, but a server is connected by the role that is to get a new one); " +
			"refused (that role has another password than the Secret says); failed (tried again).",
	}, []string{"outcome"})
	deliverySeconds = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lectern_server_password_delivery_seconds",
		Help: "Time since the servers' database password changed, while a server is connected by the one before; 0 when none is.",
	})
	rotationInterval = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lectern_server_password_interval_seconds", Help: "Time between two changes of the servers' database password; 0 when it is not changed.",
	})
)

func init() {
	for _, outcome := range []string{outcomeRotated, outcomeLate, outcomeRefused, outcomeFailed} {
		rotations.WithLabelValues(outcome)
	}
	metrics.Registry.MustRegister(rotations, deliverySeconds, rotationInterval)
}
