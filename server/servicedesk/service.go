package servicedesk

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// Config is what a Service is made of. Store, Opener, NewSender and Authorizer are required.
type Config struct {
	Store      Store
	Opener     TokenOpener
	NewSender  NewSender
	Authorizer auth.Authorizer
	// Rates bound how often callers read; nil bounds nobody.
	Rates *auth.RateLimiter
	// TokenWait is how long a call waits for another token, at most twice; 15 s when zero. Retry is that of sdp.Config.
	TokenWait time.Duration
	Retry     sdp.RetryPolicy
	Log       *slog.Logger
	// FileFaults is where connections come from files; nil elsewhere.
	FileFaults FileFaults
}

// Service answers what is asked about ServiceDesk Plus.
type Service struct {
	store      Store
	opener     TokenOpener
	newSender  NewSender
	authorizer auth.Authorizer
	rates      *auth.RateLimiter
	tokenWait  time.Duration
	retry      sdp.RetryPolicy
	log        *slog.Logger
	directory  *directory
	fileFaults FileFaults
	// toolsets are those of the tools, by name.
	toolsets map[string]string
	metrics  serviceMetrics
}

// serviceMetrics are how often ServiceDesk Plus is called.
type serviceMetrics struct{ calls *prometheus.CounterVec }

// New makes a Service that knows no connection until Follow runs.
func New(config Config) *Service {
	s := &Service{
		store: config.Store, opener: config.Opener, newSender: config.NewSender, authorizer: config.Authorizer, rates: config.Rates,
		tokenWait: cmp.Or(config.TokenWait, tokenWait), retry: config.Retry, log: config.Log,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.metrics.calls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lectern_sdp_calls_total",
		Help: "Calls of ServiceDesk Plus that tools made, by connection, operation and outcome.",
	}, []string{"namespace", "connection", "operation", "outcome"})
	s.directory = newDirectory(config.Store, func(row store.Connection) *connection { return newConnection(s, row) }, s.log)
	s.fileFaults = config.FileFaults
	s.toolsets = map[string]string{}
	for _, t := range s.tools() {
		s.toolsets[t.Name] = t.toolset
	}
	return s
}

// OnToolsChanged has changed called when callers may be offered other tools than before, from the goroutine of Follow. It is called
// before that.
func (s *Service) OnToolsChanged(changed func()) { s.directory.changed = changed }

// Follow keeps the connections as new as the feed until ctx ends.
func (s *Service) Follow(ctx context.Context) { s.directory.keepCurrent(ctx) }

// RevisionChanged has the connections read again; see catalog.Catalog.OnRevision. It does not block.
func (s *Service) RevisionChanged(startedOver bool) { s.directory.scheduleReload(startedOver) }

// Metrics returns what is counted, to be registered.
func (s *Service) Metrics() []prometheus.Collector { return []prometheus.Collector{s.metrics.calls} }
