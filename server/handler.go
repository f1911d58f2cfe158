package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	auditrow "github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/prompts"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/telemetry"
	"github.com/lectern-dev/lectern/server/transport"
)

// Deps are what an MCP endpoint is made of. Catalog, Authenticator and Authorizer are required.
type Deps struct {
	Catalog *catalog.Catalog
	// Library is what tools read; nil offers none. Changes is what tools that write ask; nil offers
	// only those that read.
	Library       prompts.Library
	Changes       prompts.Changes
	FileFaults    prompts.FileFaults
	Authenticator auth.Authenticator
	Authorizer    auth.Authorizer
	// Prover is that of prompts.Config.
	Prover prompts.Prover
	// ServiceDesk offers ServiceDesk Plus; nil offers prompts alone. Who made it has it follow the catalog.
	ServiceDesk *servicedesk.Service
	// Audit takes a row of each call, nil keeps none; AuditReader finds them again, nil offers no search. PromptMetrics is that of
	// audit.Config.
	Audit         auditrow.Writer
	AuditKeys     auditrow.Keys
	AuditReader   audit.Reader
	PromptMetrics bool
	// Rates bound how often callers ask; nil bounds nobody.
	Rates *auth.RateLimiter
	// StdioNarrowing is that of transport.Config.
	StdioNarrowing transport.Narrowing
	// Reprover proves the callers of open streams again, every ReviewEvery (30 s when zero); nil where nobody is proven.
	Reprover    auth.Reprover
	ReviewEvery time.Duration
	// DefaultNamespace, HomeNamespace and ResultLimit are those of prompts.Config.
	DefaultNamespace, HomeNamespace string
	ResultLimit                     int
	// Watched is that of prompts.Config.
	Watched namespaces.Watched
	// Version is this program's, as clients see it.
	Version string
	Log     *slog.Logger
	// Metrics takes the endpoint's metrics; nil keeps them to itself.
	Metrics prometheus.Registerer
	// Tracer makes a span of every request; nil makes none.
	Tracer trace.Tracer
	// StreamsPerCaller, URIsPerCaller, KeepAlive, WriteTimeout and AnnounceDelay are defaults when zero; the first two bound
	// nobody below zero.
	StreamsPerCaller, URIsPerCaller        int
	KeepAlive, WriteTimeout, AnnounceDelay time.Duration
	// OutcomeTimeout and OutcomePoll are those of prompts.Config.
	OutcomeTimeout, OutcomePoll time.Duration
}

// Handler is an MCP endpoint with its announcements of changes.
type Handler struct {
	*transport.Handler
	service   *prompts.Service
	announcer *prompts.Announcer
}

// NewHandler connects an endpoint to a catalog that is not followed yet.
func NewHandler(deps Deps) *Handler {
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Metrics == nil {
		deps.Metrics = prometheus.NewRegistry()
	}
	if deps.AnnounceDelay == 0 {
		deps.AnnounceDelay = prompts.DefaultAnnounceDelay
	}
	service := prompts.New(prompts.Config{
		Uses:    deps.promptUses(),
		Catalog: deps.Catalog, Library: deps.Library, Changes: deps.Changes, Authorizer: deps.Authorizer, Prover: deps.Prover, FileFaults: deps.FileFaults,
		Version: deps.Version, DefaultNamespace: deps.DefaultNamespace, HomeNamespace: deps.HomeNamespace, Watched: deps.Watched,
		ResultLimit: deps.ResultLimit, OutcomeTimeout: deps.OutcomeTimeout, OutcomePoll: deps.OutcomePoll, Log: deps.Log,
	})
	toolNames := service.ToolNames()
	if deps.ServiceDesk != nil {
		toolNames = append(toolNames, deps.ServiceDesk.ToolNames()...)
	}
	search := deps.newSearch()
	if search != nil {
		toolNames = append(toolNames, audit.SearchTool)
	}
	offered := offerAll(service.Server(), deps.ServiceDesk, search)
	offered.Toolsets = toolsetNames()
	endpoint := transport.New(transport.Config{
		Server: offered, StdioNarrowing: deps.StdioNarrowing,
		MayFollow:     service.MayFollow,
		Reprover:      deps.Reprover,
		ReviewStreams: joinReviews(service.ReviewStreams, deps.ServiceDesk),
		ReviewEvery:   deps.ReviewEvery,
		Authenticator: deps.Authenticator,
		Observer:      telemetry.NewRequestRecorder(deps.Metrics, deps.Tracer, deps.Log, toolNames),
		Recorder:      deps.newRecorder(toolNames, offered.Tools),
		Log:           deps.Log,
		Rates:         deps.Rates,

		StreamsPerCaller: deps.StreamsPerCaller,
		URIsPerCaller:    deps.URIsPerCaller,
		KeepAlive:        deps.KeepAlive,
		WriteTimeout:     deps.WriteTimeout,
	})
	announcer := service.NewAnnouncer(deps.AnnounceDelay, endpoint)
	deps.Catalog.OnChange(announcer.CatalogChanged)
	deps.Catalog.OnChangeRequest(service.ChangeRequestNotified)
	if desk := deps.ServiceDesk; desk != nil {
		deps.Catalog.OnRevision(desk.RevisionChanged)
		desk.UseCursorKey(deps.Catalog.CursorKey)
		desk.AnnounceTo(endpoint)
		deps.Metrics.MustRegister(desk.Metrics()...)
	}
	deps.Metrics.MustRegister(telemetry.NewCatalogCollector(deps.Catalog), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lectern_mcp_streams",
		Help: "Open subscriptions/listen streams.",
	}, func() float64 { return float64(endpoint.OpenStreams()) }))
	return &Handler{Handler: endpoint, service: service, announcer: announcer}
}

// EndStreams ends every open stream with its result, and new ones at once. All else is served still.
func (h *Handler) EndStreams() { h.Handler.Stop() }

// Stop ends the announcements, every open stream, and the waiting for outcomes of changes.
func (h *Handler) Stop() {
	h.service.Stop()
	h.Handler.Stop() // first: an announcement under way asks in the names of the streams
	h.announcer.Stop()
}

var _ http.Handler = (*Handler)(nil)

// detachWithTimeout returns a context that outlives a canceled one by as long as an orderly end may take.
func detachWithTimeout(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}
