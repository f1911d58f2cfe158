package upkeep

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	rowsSwept = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_upkeep_swept_rows_total", Help: "Rows tombstoned because their object is gone.",
	})
	objectsDrifted = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_upkeep_drifted_objects_total", Help: "Objects enqueued because their row differs.",
	})
	promptsPurged = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_upkeep_purged_prompts_total", Help: "Deleted prompts whose texts were erased.",
	})
	comparisonsStopped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_upkeep_comparisons_stopped_total", Help: "Comparisons that removed nothing although rows had no object, by reason.",
	}, []string{"reason"})
	roundFailures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_upkeep_failures_total", Help: "Upkeep rounds that failed, by round.",
	}, []string{"round"})
)

func init() {
	metrics.Registry.MustRegister(rowsSwept, objectsDrifted, promptsPurged, comparisonsStopped, roundFailures)
}
