package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/user"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/telemetry"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
)

const (
	// headerTimeout bounds how long a request's header may take, idleTimeout how long a connection
	// is kept without one, drainTimeout how long requests under way may take at the end.
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	drainTimeout  = 10 * time.Second
)

// Run serves until ctx ends, then ends streams, lets requests under way finish, and returns nil.
func Run(ctx context.Context, opts Options, version string, log *slog.Logger) (err error) {
	if err := opts.Validate(); err != nil {
		return err
	}
	shutdown, err := telemetry.Start(ctx, "lectern-server")
	if err != nil {
		return err
	}
	defer func() {
		late, cancel := background(ctx, drainTimeout)
		defer cancel()
		err = errors.Join(err, shutdown(late))
	}()
	db, err := postgres.Open(ctx, opts.Database)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer db.Close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	prompts := catalog.New(db, catalog.Options{Bytes: opts.CatalogBytes, Log: log})
	endpoint := newEndpoint(Deps{
		Catalog: prompts, Library: db, DefaultNamespace: opts.DefaultNamespace, ResultLimit: opts.ResultLimit,
		Version: version, Log: log, Metrics: registry,
	})
	return serve(ctx, opts, endpoint, prompts, newProbes(registry, prompts), log)
}

// newEndpoint adds who is asked about callers, and where spans go.
func newEndpoint(deps Deps) *Handler {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if telemetry.Configured() {
		deps.Tracer = otel.Tracer("github.com/lectern-dev/lectern/server")
	}
	nobody := auth.NewNone(name)
	deps.Authenticator, deps.Decider = nobody, nobody
	return NewHandler(deps)
}

// serve runs the listeners and the catalog's follower until ctx ends or one of them fails.
func serve(ctx context.Context, opts Options, endpoint *Handler, prompts *catalog.Catalog, probes http.Handler, log *slog.Logger) error {
	mcp := newHTTPServer(endpoint, log)
	metrics := newHTTPServer(probes, log)
	group, ctx := errgroup.WithContext(ctx)
	listen := func(srv *http.Server, what, address string) error {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen for %s: %w", what, err)
		}
		log.Info("Listening", "for", what, "address", listener.Addr().String())
		group.Go(func() error {
			if err := srv.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", what, err)
			}
			return nil
		})
		return nil
	}
	group.Go(func() error { prompts.Follow(ctx); return nil })
	group.Go(func() error {
		<-ctx.Done()
		log.Info("Stopping")
		endpoint.Stop()
		late, cancel := background(ctx, drainTimeout)
		defer cancel()
		return errors.Join(mcp.Shutdown(late), metrics.Shutdown(late))
	})
	for _, address := range opts.Addresses {
		if err := listen(mcp, "MCP", address); err != nil {
			group.Go(func() error { return err })
		}
	}
	if err := listen(metrics, "metrics and probes", opts.MetricsAddress); err != nil {
		group.Go(func() error { return err })
	}
	return group.Wait()
}

// newHTTPServer has no timeout for a whole request: streams have no end. The transport bounds
// bodies and single writes.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
