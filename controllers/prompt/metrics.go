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
	removedAfterDeletion = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_prompt_removed_after_deletion_total",
		Help: "Prompts removed when their objects were gone already, because another writer had dropped the finalizer.",
	})
	includesParsed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_prompt_includes_parsed_total",
		Help: "Texts of prompts parsed for what they include; each generation is once.",
	})
	includeVisits = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_prompt_include_visits_total",
		Help: "Prompts walked over to find cycles and the depth of includes.",
	})
	fragmentsLoaded = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_prompt_fragments_loaded_total",
		Help: "Versions of included prompts read from the database; the rest was in memory.",
	})
	objectsOfOthers = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lectern_prompts_of_other_controllers",
		Help: "Prompts in watched namespaces that another controller reconciles, and that are left alone: two installations watch one namespace.",
	})
	finalizersRestored = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_prompt_finalizers_restored_total",
		Help: "Finalizers put back on prompts after another writer dropped them.",
	})
)

func init() {
	metrics.Registry.MustRegister(reconcilesTotal, versionsPublished, publishesFenced, releasedWithoutRow,
		removedAfterDeletion, finalizersRestored, includesParsed, includeVisits,
		fragmentsLoaded, objectsOfOthers)
}
