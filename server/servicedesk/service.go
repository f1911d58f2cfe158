package servicedesk

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	auditrow "github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

// Config is what a Service is made of. Store, Opener, NewSender and Authorizer are required.
type Config struct {
	Store      Store
	Opener     TokenOpener
	NewSender  NewSender
	Authorizer auth.Authorizer
	// Projects is what is known of projects; nil where that is switched off. Titles has one call at a time make a project of a title;
	// nil for calls of this process alone.
	Projects ProjectStore
	Titles   TitleClaims
	// Writes keeps intents of writes; nil lets nothing be written. Traces seals where one is looked up; it is required with Writes.
	Writes WriteStore
	Traces TraceSealer
	// Audit takes a row of each call of ServiceDesk Plus; nil keeps none. AuditRequired has no write go out that it has no room for.
	Audit         auditrow.Writer
	AuditRequired bool
	// AuditKeys seal what connections keep in full of what is said; nil keeps nothing in full.
	AuditKeys auditrow.Keys
	// Off names what is off, for connection_status. WritesOff offers no tools that write, and LookupsOff keeps no lists.
	Off                   []string
	WritesOff, LookupsOff bool
	// States seals what clients keep while a person is asked; nil asks nobody. Plans seals plans of dry runs; nil takes none.
	States tool.StateSealer
	Plans  PlanSealer
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
	writes     WriteStore
	traces     TraceSealer
	projects   ProjectStore
	titles     TitleClaims
	// audit is nil where nothing is audited.
	audit                 auditrow.Writer
	auditRequired         bool
	auditKeys             auditrow.Keys
	off                   []string
	writesOff, lookupsOff bool
	states                tool.StateSealer
	plans                 PlanSealer
	rates                 *auth.RateLimiter
	tokenWait             time.Duration
	retry                 sdp.RetryPolicy
	log                   *slog.Logger
	directory             *directory
	cursorKey             func() ([]byte, error)
	fileFaults            FileFaults
	// offered are the tools by name.
	offered map[string]offered
	metrics serviceMetrics
}

// New makes a Service that knows no connection until Follow runs.
func New(config Config) *Service {
	s := &Service{
		store: config.Store, opener: config.Opener, newSender: config.NewSender, authorizer: config.Authorizer,
		audit: config.Audit, auditRequired: config.AuditRequired, auditKeys: config.AuditKeys, off: config.Off, writesOff: config.WritesOff,
		lookupsOff: config.LookupsOff, states: config.States, writes: config.Writes, traces: config.Traces, plans: config.Plans, rates: config.Rates,
		tokenWait: cmp.Or(config.TokenWait, tokenWait), retry: config.Retry, log: config.Log,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.projects, s.titles = config.Projects, config.Titles
	if s.titles == nil {
		s.titles = NewTitleMemory()
	}
	s.metrics = newServiceMetrics()
	s.cursorKey = func() ([]byte, error) { return nil, store.ErrUnavailable } // until UseCursorKey
	s.directory = newDirectory(config.Store, func(row store.Connection) *connection { return newConnection(s, row) }, s.log)
	s.fileFaults = config.FileFaults
	s.offered = map[string]offered{}
	for _, t := range s.tools() {
		s.offered[t.Name] = t
	}
	return s
}

// AnnounceTo has clients told when they may be offered other tools than before, from the goroutine of Follow. It is called before that.
func (s *Service) AnnounceTo(listeners ToolListeners) {
	s.directory.announce = (&toolsAnnouncer{service: s, listeners: listeners}).announce
}

// Follow keeps the connections as new as the feed until ctx ends.
func (s *Service) Follow(ctx context.Context) { s.directory.keepCurrent(ctx) }

// RevisionChanged has the connections read again; see catalog.Catalog.OnRevision. It does not block.
func (s *Service) RevisionChanged(startedOver bool) { s.directory.scheduleReload(startedOver) }
