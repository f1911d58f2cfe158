package prompts

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
)

// DefaultResultLimit is how many tokens a list of prompts has at most, when none is set.
const DefaultResultLimit = 8000

// Instructions are for the model that uses the server: one part for prompts, one for each kind of tools it has.
const (
	instructions = "Lectern serves the prompts of an organisation, kept as Kubernetes objects. " +
		"prompts/list shows them with their arguments; prompts/get renders one, as `name` in its default version, " +
		"`name@3` in a version, `name@production` in a channel. The receipt in _meta says which version it was."
	readingInstructions = " The tools do the same and more: search_prompts finds a prompt by what it says, get_prompt shows it as written, " +
		"apply_template fills it in."
	writingInstructions = " add_prompt and update_prompt make versions, which never change; set_prompt_channel decides which one others get. " +
		"A change that takes long is accepted first; get_prompt_change says what became of it."
)

// Catalog is what prompts are served from. *catalog.Catalog is one.
type Catalog interface {
	Get(ctx context.Context, key store.Key, selector prompt.Selector) (*catalog.Body, error)
	List(ctx context.Context, query store.ListQuery) (*store.ListPage, error)
	Count(ctx context.Context, scope store.Scope) (int64, error)
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
	// Version is the program's, as clients see it.
	Version string
	// DefaultNamespace is where a caller without a namespace of their own adds prompts who names none;
	// empty for none.
	DefaultNamespace string
	// HomeNamespace is the one whose prompts are named without it on the endpoint for all namespaces too, as on a
	// laptop; empty for none.
	HomeNamespace string
	// ResultLimit is how many tokens a list of prompts may have; 0 for any number.
	ResultLimit int
	// OutcomeTimeout is how long a call waits for the outcome of its change request; 10 s when zero.
	OutcomeTimeout time.Duration
	Log            *slog.Logger
}

// Service answers what is asked about prompts.
type Service struct {
	catalog          Catalog
	library          Library
	changes          *outcomeWaiter
	authorizer       auth.Authorizer
	defaultNamespace string
	homeNamespace    string
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
		catalog: config.Catalog, library: config.Library, authorizer: config.Authorizer,
		defaultNamespace: config.DefaultNamespace, homeNamespace: config.HomeNamespace, resultLimit: config.ResultLimit, log: config.Log,
		self: mcp.Implementation{Name: "lectern", Title: "Lectern", Version: config.Version},
	}
	if config.Changes != nil {
		s.changes = newOutcomeWaiter(config.Changes, cmp.Or(config.OutcomeTimeout, defaultOutcomeTimeout), config.Log)
	}
	return s
}

// Stop has calls that wait for the outcome of a change return its state so far.
func (s *Service) Stop() {
	if s.changes != nil {
		s.changes.stopWaiting()
	}
}

func (s *Service) composeInstructions() string {
	switch {
	case s.library == nil:
		return instructions
	case s.changes == nil:
		return instructions + readingInstructions
	default:
		return instructions + readingInstructions + writingInstructions
	}
}
