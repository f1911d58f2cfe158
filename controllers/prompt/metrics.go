package prompt

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	reconcilesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_prompt_reconciles_total",
		Help: "Reconciles of prompts, by outcome and reason.",
	}, []string{"outcome", "reason"})
	versionsPublished = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_prompt_versions_published_total",
		Help: "Versions of prompts published.",
	})
	publishesFenced = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_prompt_publishes_fenced_total",
		Help: "Publishes the store refused because the row belongs to another or a newer object.",
	})
	releasedWithoutRow = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_prompt_released_without_row_total",
		Help: "Deleted prompts released while the database could not be reached.",
	})
)

func init() {
	metrics.Registry.MustRegister(reconcilesTotal, versionsPublished, publishesFenced, releasedWithoutRow)
}
