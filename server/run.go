package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"golang.org/x/sync/errgroup"

	auditrow "github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/telemetry"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/prompts"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

const (
	// headerTimeout bounds how long a request's header may take, idleTimeout how long a connection is kept without one,
	// drainTimeout how long requests under way may take at the end: longer than a query to a store that is silent.
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 15 * time.Second
	// headerLimit bounds a request's header, in bytes.
	headerLimit = 64 << 10
	// spanFlushTimeout is how long the last spans may take after that.
	spanFlushTimeout = 5 * time.Second
)

// Run serves until ctx ends and, where callers come by a Service, for --drain-delay longer. Then it ends streams, lets
// requests under way finish, and returns nil.
func Run(ctx context.Context, opts Options, version string, log *slog.Logger) (err error) {
	opts.completeSwitches()
	if err := opts.Validate(); err != nil {
		return err
	}
	var out *os.File
	if opts.Stdio { // before anything else can write there
		if out, err = takeStdout(); err != nil {
			return err
		}
	}
	shutdown, err := telemetry.Start(ctx, "lectern-server")
	if err != nil {
		return err
	}
	defer func() {
		late, cancel := detachWithTimeout(ctx, spanFlushTimeout)
		defer cancel()
		err = errors.Join(err, shutdown(late))
	}()
	from, err := openBackend(ctx, &opts, log)
	if err != nil && ctx.Err() != nil {
		return nil // it was stopped before it began
	}
	if err != nil {
		return err
	}
	defer from.close()
	ctx, drain, release := startDrain(ctx, opts.drainDelay(), log)
	defer release()
	gate, err := auth.Open(ctx, opts.Auth, localUserName(), log)
	if err != nil {
		return err
	}
	defer gate.Close()
	certificate, err := openCertificate(opts.TLS, log)
	if err != nil {
		return err
	}
	taken, prover, err := openIntake(&opts, from.changes, gate, log)
	if err != nil {
		return err
	}

	p := parts{backend: from, gate: gate, certificate: certificate, changes: taken, prover: prover, drain: drain}
	if err := p.openSealed(ctx, &opts, log); err != nil {
		return err
	}
	s := newService(&opts, version, p, log)
	s.out = out
	return s.serveAll(ctx)
}

// parts are what a service is made of, besides its options.
type parts struct {
	*backend
	gate        *auth.Gate
	certificate *certificate
	audit       *auditrow.Opened
	auditKeys   auditrow.Keys
	// desk is nil where ServiceDesk Plus is not offered.
	desk *servicedesk.Service
	// changes and prover are what change requests are taken with.
	changes prompts.Changes
	prover  prompts.Prover
	drain   *drain
}

// openSealed opens what the seal keys are for: the audit, and ServiceDesk Plus.
func (p *parts) openSealed(ctx context.Context, opts *Options, log *slog.Logger) error {
	keys, err := openSealKeys(opts, log)
	if err != nil {
		return err
	}
	p.auditKeys = asAuditKeys(keys)
	if p.audit, err = openAudit(ctx, opts, p.backend, keys, log); err != nil {
		return err
	}
	if p.local != nil {
		p.local.AuditTo(p.audit.Writer, auth.NewNone(localUserName()).Identity().Subject)
	}
	p.desk, err = openServiceDesk(opts, p.backend, p.gate, keys, p.audit, log)
	return err
}

// newService connects the parts of a server, which do nothing yet.
func newService(opts *Options, version string, p parts, log *slog.Logger) *service {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), telemetry.NewBuildInfo(version))
	registry.MustRegister(slices.Concat(p.metrics, p.gate.Metrics(), p.certificate.metrics(), p.audit.Metrics())...)
	served := catalog.New(p.backend, catalog.Options{Bytes: opts.CatalogBytes, Log: log})
	endpoint := newEndpoint(p.gate, Deps{
		Catalog: served, Library: p.library, Changes: p.changes, Prover: p.prover, FileFaults: p.fileFaults, ServiceDesk: p.desk,
		DefaultNamespace: opts.DefaultNamespace, HomeNamespace: opts.homeNamespace(), Watched: opts.Watched, ResultLimit: opts.ResultLimit,
		Audit: p.audit.Writer, AuditKeys: p.auditKeys, AuditReader: p.auditReader(), PromptMetrics: opts.PromptMetrics,
		StdioNarrowing: opts.StdioNarrowing, Version: version, Log: log, Metrics: registry,
	})
	s := &service{
		opts: opts, endpoint: endpoint, mcp: p.drain.closeConnections(p.gate.ServeWellKnown(endpoint)), certificate: p.certificate,
		follow: []func(context.Context){served.FollowFeed, p.follow, p.certificate.follow, func(ctx context.Context) {
			if err := p.audit.Run(ctx); err != nil {
				log.Error("The audit ended with an error", "err", err)
			}
		}},
		drain:  p.drain,
		probes: opts.newProbes(registry, served, p.drain), client: auth.NewNone(localUserName()).Identity(), log: log,
	}
	if p.desk != nil {
		s.follow = append(s.follow, p.desk.Follow)
	}
	if p.local != nil {
		p.local.OnChange(func() { p.desk.RevisionChanged(false) })
		s.follow = append(s.follow, p.local.Follow)
	}
	return s
}

// localUserName returns the name of the user who started this program.
func localUserName() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}

// newEndpoint returns a handler that lets in who the gate does and, where telemetry is configured, makes spans.
func newEndpoint(gate *auth.Gate, deps Deps) *Handler {
	if telemetry.IsConfigured() {
		deps.Tracer = otel.Tracer("github.com/lectern-dev/lectern/server")
	}
	deps.Authenticator, deps.Authorizer = gate.Authenticator, gate.Authorizer
	deps.Reprover, deps.Rates = gate.Reprover, gate.Rates
	deps.StreamsPerCaller, deps.URIsPerCaller = limitOrNone(gate.Limits.Streams), limitOrNone(gate.Limits.FollowedResources)
	return NewHandler(deps)
}

// limitOrNone returns a limit of which 0 is none as one of which -1 is.
func limitOrNone(limit int) int {
	if limit == 0 {
		return -1
	}
	return limit
}

// service is the parts of a server, which run until one of them ends.
type service struct {
	opts     *Options
	endpoint *Handler
	// mcp is the endpoint with what clients have to know before they are let in, and certificate its own; nil without TLS.
	mcp         http.Handler
	certificate *certificate
	// follow are what keeps up with changes.
	follow []func(context.Context)
	probes http.Handler
	drain  *drain
	// client is served on stdin and out; out is nil without one.
	client auth.Identity
	out    *os.File
	log    *slog.Logger
}

// errClientLeft ends a server that was started by a client.
var errClientLeft = errors.New("the client closed its end")

// serveAll serves on every address and on stdio until ctx ends, the client leaves or a part fails.
func (s *service) serveAll(ctx context.Context) error {
	mcp := newHTTPServer(s.mcp, s.log)
	mcp.TLSConfig = s.certificate.config()
	metrics := newHTTPServer(s.probes, s.log)
	group, ctx := errgroup.WithContext(ctx)
	listen := func(srv *http.Server, what, flag, address string) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w; give another %s", what, err, flag)
		}
		s.log.Info("Listening", "for", what, "address", listener.Addr().String())
		group.Go(func() error {
			if err := serveListener(srv, listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", what, err)
			}
			return nil
		})
		return nil
	}
	following, unfollow := context.WithCancel(context.WithoutCancel(ctx))
	for _, follow := range s.follow {
		group.Go(func() error { follow(following); return nil })
	}
	group.Go(func() error { s.endStreamsOfDrain(ctx); return nil })
	group.Go(func() error {
		defer unfollow() // last: requests under way may wait for what is followed
		<-ctx.Done()
		s.log.Info("Stopping")
		s.endpoint.Stop()
		late, cancel := detachWithTimeout(ctx, drainTimeout)
		defer cancel()
		return errors.Join(mcp.Shutdown(late), metrics.Shutdown(late))
	})
	for _, address := range s.opts.Addresses {
		if err := listen(mcp, "MCP", "--address", address); err != nil {
			group.Go(func() error { return err })
		}
	}
	if s.opts.MetricsAddress != "" {
		if err := listen(metrics, "metrics and probes", "--metrics-address", s.opts.MetricsAddress); err != nil {
			group.Go(func() error { return err })
		}
	}
	if s.out != nil {
		group.Go(func() error {
			if err := s.endpoint.ServeStdio(ctx, s.client, "", os.Stdin, s.out); err != nil {
				return fmt.Errorf("serve the client on stdin and stdout: %w", err)
			}
			return errClientLeft
		})
	}
	if err := group.Wait(); !errors.Is(err, errClientLeft) {
		return err
	}
	return nil
}

// endStreamsOfDrain ends streams when a drain says so, unless the server stops before.
func (s *service) endStreamsOfDrain(ctx context.Context) {
	select {
	case <-s.drain.streamsEnd:
		s.endpoint.EndStreams()
	case <-ctx.Done():
	}
}

// serveListener serves with TLS where the server has a certificate.
func serveListener(srv *http.Server, listener net.Listener) error {
	if srv.TLSConfig != nil {
		return srv.ServeTLS(listener, "", "")
	}
	return srv.Serve(listener)
}

// newHTTPServer returns a server without a timeout for whole requests: streams have no end. The transport bounds bodies
// and single writes.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		MaxHeaderBytes:    headerLimit,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
