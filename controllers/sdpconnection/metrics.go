package sdpconnection

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/internal/store"
)

// The outcomes of a refusal.
const (
	refusalProven    = "proven"
	refusalDisproved = "disproved"
)

// The outcomes of writes that stay indeterminate: writeForged of those that no server sealed, writeGivenUp of the others.
const (
	writeGivenUp = "given_up"
	writeForged  = "forged"
)

var (
	reconcilesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_sdp_connection_reconciles_total",
		Help: "Reconciles of connections to ServiceDesk Plus, by outcome and reason.",
	}, []string{"outcome", "reason"})
	tokenRequestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_sdp_token_requests_total",
		Help: "Calls to the token endpoint of accounts servers, by kind and outcome.",
	}, []string{"kind", "outcome"})
	refusalsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_sdp_token_refusals_total",
		Help: "Tokens that servers were refused, by whether a call of the controller proved or disproved it.",
	}, []string{"outcome"})
	lookupsReadTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_sdp_lookups_read_total",
		Help: "Lists read from ServiceDesk Plus, each once however many pages it has.",
	})
	projectReadsTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_sdp_project_reads_total",
		Help: "Times that the newest projects were read from ServiceDesk Plus, each once however many pages they have.",
	})
	resolvedWrites = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_sdp_write_lookups_total",
		Help: "Lookups of writes to ServiceDesk Plus whose outcome no server stored, by what was found: done, not_done, indeterminate, given_up after a day, or forged: no server sealed it, and nobody looks for it.",
	}, []string{"outcome"})
	releasedWithoutRow = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lectern_sdp_connection_released_without_row_total",
		Help: "Deleted connections released while the database could not be reached.",
	})
)

func init() {
	for _, kind := range []store.TokenRequestKind{store.TokenExchange, store.TokenRefresh} {
		for _, outcome := range []store.TokenRequestOutcome{store.TokenIssued, store.TokenThrottled, store.TokenDenied, store.TokenFailed} {
			tokenRequestsTotal.WithLabelValues(string(kind), string(outcome))
		}
	}
	for _, outcome := range []string{refusalProven, refusalDisproved} {
		refusalsTotal.WithLabelValues(outcome)
	}
	for _, outcome := range []string{string(store.WriteDone), string(store.WriteNotDone), string(store.WriteIndeterminate), writeGivenUp, writeForged} {
		resolvedWrites.WithLabelValues(outcome)
	}
	metrics.Registry.MustRegister(reconcilesTotal, tokenRequestsTotal, refusalsTotal, lookupsReadTotal, projectReadsTotal, resolvedWrites, releasedWithoutRow)
}
