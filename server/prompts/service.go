package prompts

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
)

// DefaultResultLimit is how many tokens a list of prompts has at most, when none is set.
const DefaultResultLimit = 8000

// Catalog is what prompts are served from. *catalog.Catalog is one.
type Catalog interface {
	Get(ctx context.Context, key store.Key, selector prompt.Selector) (*catalog.Body, error)
	List(ctx context.Context, query store.ListQuery) (*store.ListPage, error)
	Count(ctx context.Context, scope store.Scope) (int64, error)
	// ListNamespaces returns the namespaces with listed prompts, in order; nobody changes the slice.
	ListNamespaces(ctx context.Context) ([]string, error)
	// CursorKey returns the key that places in lists are sealed with; the error wraps store.ErrUnavailable.
	CursorKey() ([]byte, error)
	// RetryAfter is how long to wait after the store was unavailable, QueryTimeout how long the store may take over
	// a query past the catalog, and ReportUnavailable is told of the error of one.
	RetryAfter() time.Duration
	QueryTimeout() time.Duration
	ReportUnavailable(err error) error
	// CatchUp waits, not for long, until what is visible in the store is seen here.
	CatchUp(ctx context.Context)
}

// Config is what a Service is made of. Catalog and Authorizer are required.
type Config struct {
	Catalog Catalog
	// Library is what tools read; nil offers no tools. Changes takes the requests of tools that write; nil offers
	// only those that read.
	Library    Library
	Changes    Changes
	Authorizer auth.Authorizer
	// Uses knows which versions were used; nil where nobody does.
	Uses PromptUses
	// Prover proves callers to the controller; nil where changes need no proof.
	Prover Prover
	// FileFaults is where prompts come from files; nil elsewhere.
	FileFaults FileFaults
	// Version is the program's, as clients see it.
	Version string
	// DefaultNamespace is where a caller without a namespace of their own adds prompts who names none;
	// empty for none.
	DefaultNamespace string
	// HomeNamespace is the one whose prompts are named without it on the endpoint for all namespaces too, as on a
	// laptop; empty for none.
	HomeNamespace string
	// Watched are the namespaces in which prompts may be changed: in others nobody would carry it out.
	Watched namespaces.Watched
	// ResultLimit is how many tokens a list of prompts may have; 0 for any number.
	ResultLimit int
	// OutcomeTimeout is how long a call waits for the outcome of its change request; 10 s when zero.
	OutcomeTimeout time.Duration
	// OutcomePoll is how often outcomes are read without a notification; 500 ms when zero.
	OutcomePoll time.Duration
	Log         *slog.Logger
}

// Service answers what is asked about prompts.
type Service struct {
	catalog          Catalog
	library          Library
	changes          *outcomeWaiter
	prover           Prover
	uses             PromptUses
	authorizer       auth.Authorizer
	fileFaults       FileFaults
	defaultNamespace string
	homeNamespace    string
	watched          namespaces.Watched
	resultLimit      int
	log              *slog.Logger
	// self is how the server names itself in results.
	self mcp.Implementation
}

// New makes a Service over a catalog and a library.
func New(config Config) *Service {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		catalog: config.Catalog, library: config.Library, authorizer: config.Authorizer, prover: config.Prover, uses: config.Uses, fileFaults: config.FileFaults,
		defaultNamespace: config.DefaultNamespace, homeNamespace: config.HomeNamespace, watched: config.Watched, resultLimit: config.ResultLimit, log: config.Log,
		self: mcp.Implementation{Name: "lectern", Title: "Lectern", Version: config.Version},
	}
	if config.Changes != nil {
		s.changes = newOutcomeWaiter(config.Changes, cmp.Or(config.OutcomeTimeout, defaultOutcomeTimeout), cmp.Or(config.OutcomePoll, defaultOutcomePoll), config.Log)
	}
	return s
}

// ChangeRequestNotified has the calls that wait for a change request read its outcome, or all calls when the id is empty.
func (s *Service) ChangeRequestNotified(id string) {
	if s.changes != nil {
		s.changes.markDue(id)
	}
}

// Stop has calls that wait for the outcome of a change return its state so far.
func (s *Service) Stop() {
	if s.changes != nil {
		s.changes.stopWaiting()
	}
}
