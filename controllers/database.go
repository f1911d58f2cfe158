package controllers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/lectern-dev/lectern/internal/store/postgres"
)

const (
	// firstAttemptTimeout bounds how long the start waits for the database; after that the controller
	// starts without it, so that deleted objects are not held.
	firstAttemptTimeout = 10 * time.Second
	// retryInterval is the time between attempts after that.
	retryInterval = 5 * time.Second
	// probeTimeout bounds one readiness question.
	probeTimeout = 2 * time.Second
)

// database migrates the schema and claims it for this cluster, retrying until both are done.
type database struct {
	migrate string
	role    string
	store   *postgres.Store
	writer  *postgres.Writer
	log     logr.Logger
	// failure is why the database is not prepared; it points to nil once it is.
	failure atomic.Pointer[error]
	// isUp is whether it answered when it was last asked.
	isUp atomic.Bool
}

func openDatabase(ctx context.Context, o options, clusterUID string, log logr.Logger) (*database, error) {
	o.database.Log = slog.New(logr.ToSlogHandler(log))
	opened, err := postgres.Open(ctx, o.database)
	if err != nil {
		return nil, err
	}
	d := &database{
		migrate: o.migrate, role: o.serverRole,
		store: opened, writer: opened.Writer(clusterUID), log: log,
	}
	if o.changes == changesProven {
		d.writer.ProvenOnly()
	}
	first, cancel := context.WithTimeout(ctx, firstAttemptTimeout)
	defer cancel()
	d.tryPrepare(first)
	return d, nil
}

// NeedLeaderElection lets every replica prepare: a migration has one runner at a time by its own lock.
func (d *database) NeedLeaderElection() bool { return false }

// Start retries until the database is prepared, and then asks for as long as ctx lasts whether it answers.
func (d *database) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if *d.failure.Load() != nil {
			d.tryPrepare(ctx)
		}
		d.isUp.Store(d.checkAnswers(ctx) == nil)
	}, retryInterval)
	return nil
}

func (d *database) tryPrepare(ctx context.Context) bool {
	err := d.prepare(ctx)
	d.failure.Store(&err)
	if err != nil {
		d.log.Error(err, "Cannot prepare the database, retrying")
	}
	return err == nil
}

func (d *database) prepare(ctx context.Context) error {
	if d.migrate == migrateVerify {
		if err := d.store.VerifySchema(ctx); err != nil {
			return fmt.Errorf("verify the schema (run `lectern migrate` to bring it up to date): %w", err)
		}
	} else if _, err := d.store.Migrate(ctx, postgres.MigrateOptions{ServerRole: d.role}); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return d.writer.ClaimDatabase(ctx)
}

// checkReady is the readiness check: it returns nil when the schema is there and the database is this cluster's.
func (d *database) checkReady(r *http.Request) error { return d.checkAnswers(r.Context()) }

func (d *database) checkAnswers(ctx context.Context) error {
	if err := *d.failure.Load(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := d.store.Feed(ctx); err != nil { // of a server that is read-only, too
		return err
	}
	return d.writer.CheckCluster(ctx)
}
