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
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/telemetry"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
)

const (
	// headerTimeout bounds how long a request's header may take, idleTimeout how long a connection is kept without one,
	// drainTimeout how long requests under way may take at the end: longer than a query to a store that is silent.
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 15 * time.Second
	// spanFlushTimeout is how long the last spans may take after that.
	spanFlushTimeout = 5 * time.Second
)

// Run serves until ctx ends, then ends streams, lets requests under way finish, and returns nil.
func Run(ctx context.Context, opts Options, version string, log *slog.Logger) (err error) {
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
	if err != nil {
		return err
	}
	defer from.close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	prompts := catalog.New(from, catalog.Options{Bytes: opts.CatalogBytes, Log: log})
	anonymous := auth.NewNone(localUserName())
	endpoint := newEndpoint(anonymous, Deps{
		Catalog: prompts, Library: from.library, Changes: from.changes,
		DefaultNamespace: opts.DefaultNamespace, HomeNamespace: opts.homeNamespace(), ResultLimit: opts.ResultLimit,
		Version: version, Log: log, Metrics: registry,
	})
	s := &service{
		opts: &opts, endpoint: endpoint, follow: []func(context.Context){prompts.FollowFeed, from.follow},
		probes: newProbeHandler(registry, prompts), client: anonymous.Identity(), out: out, log: log,
	}
	return s.serveAll(ctx)
}

// localUserName returns the name of the user who started this program.
func localUserName() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}

// newEndpoint returns a handler that authenticates nobody and, where telemetry is configured, makes spans.
func newEndpoint(anonymous *auth.None, deps Deps) *Handler {
	if telemetry.IsConfigured() {
		deps.Tracer = otel.Tracer("github.com/lectern-dev/lectern/server")
	}
	deps.Authenticator, deps.Authorizer = anonymous, anonymous
	return NewHandler(deps)
}

// service is the parts of a server, which run until one of them ends.
type service struct {
	opts     *Options
	endpoint *Handler
	// follow are what keeps up with changes.
	follow []func(context.Context)
	probes http.Handler
	// client is served on stdin and out; out is nil without one.
	client auth.Identity
	out    *os.File
	log    *slog.Logger
}

// errClientLeft ends a server that was started by a client.
var errClientLeft = errors.New("the client closed its end")

// serveAll serves on every address and on stdio until ctx ends, the client leaves or a part fails.
func (s *service) serveAll(ctx context.Context) error {
	mcp := newHTTPServer(s.endpoint, s.log)
	metrics := newHTTPServer(s.probes, s.log)
	group, ctx := errgroup.WithContext(ctx)
	listen := func(srv *http.Server, what, flag, address string) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w; give another %s", what, err, flag)
		}
		s.log.Info("Listening", "for", what, "address", listener.Addr().String())
		group.Go(func() error {
			if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
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

// newHTTPServer returns a server without a timeout for whole requests: streams have no end. The transport bounds bodies
// and single writes.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
