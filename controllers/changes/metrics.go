package changes

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	applied = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_changes_applied_total", Help: "Change requests written into objects, by action.",
	}, []string{"action"})
	rejected = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_changes_rejected_total", Help: "Change requests that ended without being written, by state and reason.",
	}, []string{"state", "reason"})
	unproven = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_changes_unproven_total",
		Help: "Change requests that were refused because they are not shown to be of the caller they name, by what is wrong with the proof.",
	}, []string{"reason"})
	contentions = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_changes_contended_total", Help: "Writes for change requests that lost to another writer.",
	})
	failures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_changes_failures_total", Help: "Attempts at change requests that are made again because something was unavailable.",
	})
)

func init() {
	metrics.Registry.MustRegister(applied, rejected, unproven, contentions, failures)
	for _, reason := range []string{
		"AnotherSubject", "IdempotencyKeyReused", "KeyLost", "NoKey", "NoProof", "NotOpened", "ProofExpired", "ScopeMissing",
		"TokenExpired", "TokenForOthers", "TokenInvalid",
	} {
		unproven.WithLabelValues(reason) // from 0 on, so that the first is an increase
	}
}
