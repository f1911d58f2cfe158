package postgres

import (
	"bufio"
	"context"
	"embed"
	"strings"
	"sync"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

//go:embed queries/*.sql
var embeddedQueries embed.FS

// otherQuery is the label of statements without a name, which pgx itself sends.
const otherQuery = "other"

// transactionStatements are those that pgx sends around a transaction, by their first word.
var transactionStatements = []string{"begin", "commit", "rollback"}

// queryNames returns the names of the queries in queries/*.sql: every label there can be, besides those of transactions.
var queryNames = sync.OnceValues(func() ([]string, error) {
	files, err := embeddedQueries.ReadDir("queries")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		text, err := embeddedQueries.Open("queries/" + file.Name())
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(text)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), namePrefix) {
				names = append(names, queryName(lines.Text()))
			}
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	}
	return names, nil
})

// queryMetrics are the durations and failures of statements by their names, of which every one is there from the start.
type queryMetrics struct {
	durations *prometheus.HistogramVec
	failures  *prometheus.CounterVec
	// byName has the series of each name, so that a statement costs no look-up of labels.
	byName map[string]*queryObserver
	other  *queryObserver
}

type queryObserver struct {
	duration prometheus.Observer
	failures prometheus.Counter
}

func newQueryMetrics() (*queryMetrics, error) {
	names, err := queryNames()
	if err != nil {
		return nil, err
	}
	m := &queryMetrics{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lectern_store_query_duration_seconds",
			Help:    "How long statements took at the database, until their rows were read, by the name of the query.",
			Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5},
		}, []string{"query"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lectern_store_query_failures_total",
			Help: "Statements that failed at the database or were canceled, by the name of the query.",
		}, []string{"query"}),
		byName: make(map[string]*queryObserver, len(names)+len(transactionStatements)),
	}
	for _, name := range names {
		m.byName[name] = m.newObserver(name)
	}
	for _, name := range transactionStatements {
		m.byName[name] = m.newObserver(name)
	}
	m.other = m.newObserver(otherQuery)
	return m, nil
}

func (m *queryMetrics) newObserver(name string) *queryObserver {
	return &queryObserver{duration: m.durations.WithLabelValues(name), failures: m.failures.WithLabelValues(name)}
}

func (m *queryMetrics) findObserver(sql string) *queryObserver {
	if known := m.byName[queryName(sql)]; known != nil {
		return known
	}
	return m.other
}

// queryTracer measures every statement, and makes spans of those in a request that is traced.
type queryTracer struct {
	*otelpgx.Tracer
	metrics *queryMetrics
}

func newQueryTracer(metrics *queryMetrics) *queryTracer {
	return &queryTracer{
		Tracer:  otelpgx.NewTracer(otelpgx.WithSpanNameFunc(queryName), otelpgx.WithDisableAcquireTracer()),
		metrics: metrics,
	}
}

// measuredQuery is the context of a statement: what measures it costs one allocation that way.
type measuredQuery struct {
	context.Context //nolint:containedctx // it is one

	observer *queryObserver
	started  time.Time
	hasSpan  bool
}

type measuredQueryKey struct{}

// Value implements context.Context.
func (m *measuredQuery) Value(key any) any {
	if _, is := key.(measuredQueryKey); is {
		return m
	}
	return m.Context.Value(key)
}

// TraceQueryStart implements pgx.QueryTracer.
func (t *queryTracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	measured := &measuredQuery{Context: ctx, observer: t.metrics.findObserver(data.SQL), started: time.Now()}
	if trace.SpanFromContext(ctx).IsRecording() {
		measured.Context, measured.hasSpan = t.Tracer.TraceQueryStart(ctx, conn, data), true
	}
	return measured
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t *queryTracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	measured, is := ctx.Value(measuredQueryKey{}).(*measuredQuery)
	if !is {
		return
	}
	measured.observer.duration.Observe(time.Since(measured.started).Seconds())
	if data.Err != nil {
		measured.observer.failures.Inc()
	}
	if measured.hasSpan {
		t.Tracer.TraceQueryEnd(measured.Context, conn, data)
	}
}
