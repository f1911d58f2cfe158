package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

var (
	//go:embed migrations/*.sql
	embedded embed.FS

	//go:embed grants.sql
	grants string
)

// MigrateOptions say what Migrate does beside bringing the schema up to date.
type MigrateOptions struct {
	// ServerRole is the role servers connect as; it gets the grants of grants.sql. Empty: no grants.
	ServerRole string
	// NewEpoch tells every reader that the database is not the one it was: after a restore.
	NewEpoch bool
	// AdoptCluster forgets which cluster the database belongs to; the next controller to start claims it.
	AdoptCluster bool
}

// MigrateResult is the schema version before and after.
type MigrateResult struct {
	From, To int64
}

// Migrate brings the schema up to date and then, each time, the server role's grants. Any number may
// run at once: a session lock lets one at a time through, and the others find nothing to do.
func Migrate(ctx context.Context, o Options, m MigrateOptions) (MigrateResult, error) {
	if err := o.Validate(); err != nil {
		return MigrateResult{}, err
	}
	// The session lock and the migrations need sessions of their own, which a pooler may not give.
	cfg, err := o.listenConfig()
	if err != nil {
		return MigrateResult{}, err
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close() //nolint:errcheck // everything asked for was answered
	result, err := applyMigrations(ctx, db)
	if err != nil {
		return MigrateResult{}, translateError(err)
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return result, translateError(err)
	}
	defer closeWithin(ctx, conn)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return afterMigrations(ctx, tx, m) })
	return result, translateError(err)
}

func applyMigrations(ctx context.Context, db *sql.DB) (MigrateResult, error) {
	// Asked for every second, for ten minutes: a migration of a large table may take that long.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
	if err != nil {
		return MigrateResult{}, err
	}
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return MigrateResult{}, err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return MigrateResult{}, fmt.Errorf("read the migrations: %w", err)
	}
	applied, err := provider.Up(ctx)
	if err != nil {
		return MigrateResult{}, fmt.Errorf("migrate: %w", err)
	}
	to, err := provider.GetDBVersion(ctx)
	if err != nil {
		return MigrateResult{}, fmt.Errorf("read the schema version: %w", err)
	}
	result := MigrateResult{From: to, To: to}
	if len(applied) > 0 {
		result.From = applied[0].Source.Version - 1
	}
	return result, nil
}

func afterMigrations(ctx context.Context, tx pgx.Tx, m MigrateOptions) error {
	if m.ServerRole != "" {
		if err := grantAccess(ctx, tx, m.ServerRole); err != nil {
			return err
		}
	}
	q := sqlcgen.New(tx)
	if m.AdoptCluster {
		if err := q.ReleaseInstallation(ctx); err != nil {
			return fmt.Errorf("release the database from its cluster: %w", err)
		}
	}
	if m.NewEpoch {
		if _, err := q.NewEpoch(ctx); err != nil {
			return fmt.Errorf("begin a new epoch: %w", err)
		}
	}
	return nil
}

func grantAccess(ctx context.Context, tx pgx.Tx, role string) error {
	var known bool
	if err := tx.QueryRow(ctx, "select exists(select from pg_roles where rolname = $1)", role).Scan(&known); err != nil {
		return fmt.Errorf("look up role %q: %w", role, err)
	}
	if !known {
		return fmt.Errorf("role %q does not exist; create it (create role ... login), or name another for the servers", role)
	}
	// Two grants at once fail on each other's catalog rows ("tuple concurrently updated").
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock(hashtext('lectern grants'))"); err != nil {
		return fmt.Errorf("grant to %q: %w", role, err)
	}
	if _, err := tx.Exec(ctx, "select set_config('lectern.server_role', $1, true)", role); err != nil {
		return fmt.Errorf("grant to %q: %w", role, err)
	}
	if _, err := tx.Exec(ctx, grants); err != nil {
		return fmt.Errorf("grant to %q: %w", role, err)
	}
	return nil
}

// newestMigration returns the schema version this program needs.
func newestMigration() (int64, error) {
	files, err := fs.Glob(embedded, "migrations/*.sql")
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, errors.New("the program has no migrations")
	}
	return goose.NumericComponent(path.Base(slices.Max(files)))
}

// SchemaDigest returns a short hash of the migrations and grants in this program.
func SchemaDigest() string {
	sum := sha256.New()
	files, _ := fs.Glob(embedded, "migrations/*.sql") // the pattern is constant, and Glob reports nothing else
	for _, name := range files {
		text, _ := embedded.ReadFile(name) // it was just listed
		sum.Write(text)
	}
	sum.Write([]byte(grants))
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
