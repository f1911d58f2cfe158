package upkeep

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/store"
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
	sessionsEnded = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_upkeep_server_sessions_ended_total", Help: "Database sessions of the servers' role ended because their transaction was open for longer than a minute.",
	})
	roundFailures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_upkeep_failures_total", Help: "Upkeep rounds that failed, by round.",
	}, []string{"round"})
	roundSuccesses = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lectern_upkeep_last_success_timestamp_seconds", Help: "When an upkeep round last ended well, or first began, as Unix time, by round.",
	}, []string{"round"})
	promptsByOutcome = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lectern_prompts", Help: "Prompt objects at the last comparison, by the outcome of their last reconcile.",
	}, []string{"outcome"})
	openChanges = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lectern_changes_open", Help: "Change requests that are not final.",
	})
	oldestOpenChange = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lectern_changes_oldest_open_seconds", Help: "How long the oldest change request that is not final has been open.",
	})
	pendingWrites = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lectern_sdp_writes_pending", Help: "Writes to ServiceDesk Plus of which the outcome is open: not ended yet, or indeterminate and still looked up, by connection and state.",
	}, []string{"connection", "state"})
	oldestPendingWrite = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lectern_sdp_writes_oldest_pending_seconds", Help: "How long the oldest write of open outcome is open, by connection.",
	}, []string{"connection"})
	tableBytes = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lectern_database_bytes", Help: "Size of a table with its indexes, by table.",
	}, []string{"table"})
	liveTuples = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lectern_database_live_tuples", Help: "Rows of a table, as the database estimates them, by table.",
	}, []string{"table"})
	deadTuples = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lectern_database_dead_tuples", Help: "Dead rows of a table that are not vacuumed yet, as the database estimates them, by table.",
	}, []string{"table"})
)

func init() {
	metrics.Registry.MustRegister(rowsSwept, objectsDrifted, promptsPurged, comparisonsStopped, sessionsEnded, roundFailures,
		roundSuccesses, promptsByOutcome, openChanges, oldestOpenChange, pendingWrites, oldestPendingWrite, tableBytes, liveTuples, deadTuples)
	for _, reason := range []string{reasonCRDMissing, reasonEmptyList, reasonSweepLimit} {
		comparisonsStopped.WithLabelValues(reason) // from 0 on, so that the first is an increase
	}
}

// reportOutcomes sets how many of all objects there are of each outcome.
func reportOutcomes(objects map[store.Key]liveObject) {
	counts := map[status.Kind]int{}
	for _, object := range objects {
		counts[object.outcome]++
	}
	for _, kind := range status.Kinds() {
		promptsByOutcome.WithLabelValues(string(kind)).Set(float64(counts[kind]))
	}
}

// measureTables sets how large the tables are, which takes the database some reads of its catalog and of file sizes.
func (r *Runner) measureTables(ctx context.Context) error {
	tables, err := r.Store.MeasureTables(ctx)
	if err != nil {
		return err
	}
	for _, table := range tables {
		tableBytes.WithLabelValues(table.Name).Set(float64(table.Bytes))
		liveTuples.WithLabelValues(table.Name).Set(float64(table.LiveTuples))
		deadTuples.WithLabelValues(table.Name).Set(float64(table.DeadTuples))
	}
	return nil
}

// measureOpenChanges sets how many change requests are open, and how long.
func (r *Runner) measureOpenChanges(ctx context.Context) error {
	open, err := r.Store.MeasureOpenChanges(ctx)
	if err != nil {
		return err
	}
	openChanges.Set(float64(open.Count))
	oldestOpenChange.Set(open.Oldest.Seconds())
	return r.measureWrites(ctx)
}

// measureWrites sets of which writes to ServiceDesk Plus the outcome is open.
func (r *Runner) measureWrites(ctx context.Context) error {
	summaries, err := r.Store.SummarizeWrites(ctx)
	if err != nil {
		return err
	}
	pendingWrites.Reset()
	oldestPendingWrite.Reset()
	for _, s := range summaries {
		connection := s.Connection.String()
		pendingWrites.WithLabelValues(connection, "open").Set(float64(s.Open))
		pendingWrites.WithLabelValues(connection, "indeterminate").Set(float64(s.Indeterminate))
		oldestPendingWrite.WithLabelValues(connection).Set(s.Oldest.Seconds())
	}
	return nil
}
