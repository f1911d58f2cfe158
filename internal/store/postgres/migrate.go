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
	"log/slog"
	"path"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

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
	// LockTimeout is how long other migrations, and what keeps a migration from a table, are waited for. Zero: 10 minutes.
	LockTimeout time.Duration
}

// MigrateResult is the schema version before and after.
type MigrateResult struct {
	From, To int64
}

// Migrate brings the schema up to date and then, each time, the server role's grants. Any number may
// run at once: a lock lets one at a time through, and the others find nothing to do. The lock is that of a transaction,
// which a pooler keeps on one session; it is open beside the migrations and does the grants. No wait is longer than
// MigrateOptions say; the error then names who was waited for.
func Migrate(ctx context.Context, o Options, m MigrateOptions) (MigrateResult, error) {
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return MigrateResult{}, err
	}
	return migrateWith(ctx, o, m, files)
}

// Migrate does the same for the database of a store, whose metrics then have the statements.
func (s *Store) Migrate(ctx context.Context, m MigrateOptions) (MigrateResult, error) {
	return Migrate(ctx, s.opts, m)
}

func migrateWith(ctx context.Context, o Options, m MigrateOptions, files fs.FS) (MigrateResult, error) {
	if err := o.Validate(); err != nil {
		return MigrateResult{}, err
	}
	cfg, err := o.listenConfig(ctx)
	if err != nil {
		return MigrateResult{}, err
	}
	cfg.Tracer = o.tracer
	cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // a pooler may be between, and each is asked once
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return MigrateResult{}, translateError(err)
	}
	defer closeWithin(ctx, conn)
	m.LockTimeout = orDefault(m.LockTimeout, defaultMigrationLockTimeout)
	run := newMigrationRun(cfg, files, m, orDefault(o.Log, slog.New(slog.DiscardHandler)))
	defer run.db.Close() //nolint:errcheck // everything asked for was answered
	session, err := sqlcgen.New(inOneTrip{conn}).DescribeSession(ctx)
	if err != nil {
		return MigrateResult{}, translateError(err)
	}
	if err := checkEncoding(conn.PgConn().ParameterStatus("server_encoding"), session.Home != "", run.log); err != nil {
		return MigrateResult{}, err
	}
	var result MigrateResult
	traits := connectionTraits{readOnlyByRole: session.ReadOnlyByRole}
	err = pgx.BeginTxFunc(ctx, conn, traits.txOptions(), func(tx pgx.Tx) (err error) {
		if err := run.lockMigrations(ctx, tx, session.Home); err != nil {
			return err
		}
		if result, err = run.migrateLocked(ctx, tx); err != nil {
			return err
		}
		return run.afterMigrations(ctx, tx)
	})
	return result, translateError(err)
}

// checkEncoding refuses a database whose encoding does not hold every text, or warns of it when Lectern lives there already.
func checkEncoding(encoding string, isOurs bool, log *slog.Logger) error {
	switch {
	case holdsAnyText(encoding):
		return nil
	case isOurs:
		log.Warn("The database's encoding does not hold every text: prompts with more than ASCII are not published", "encoding", encoding, "do", whatToDoAboutEncoding)
		return nil
	default:
		return fmt.Errorf("the database's encoding is %s, which does not hold every text: %s, and migrate that", encoding, whatToDoAboutEncoding)
	}
}

// migrateLocked brings the schema up to date where the role's settings let it, and has the transaction find the tables. The
// migrations take names as they come, so a role whose search_path leads elsewhere only learns that there is nothing to do.
func (r *migrationRun) migrateLocked(ctx context.Context, tx pgx.Tx) (MigrateResult, error) {
	q := sqlcgen.New(tx)
	before, err := q.DescribeSession(ctx)
	if err != nil {
		return MigrateResult{}, fmt.Errorf("find the schema: %w", err)
	}
	if before.Home == "" || before.Home == before.Current && !before.ReadOnlyByRole {
		result, err := r.applyMigrations(ctx, tx)
		if err != nil {
			return MigrateResult{}, err
		}
		after, err := q.DescribeSession(ctx)
		if err != nil {
			return MigrateResult{}, fmt.Errorf("find the schema: %w", err)
		}
		return result, q.SearchOnly(ctx, after.Home)
	}
	if err := q.SearchOnly(ctx, before.Home); err != nil {
		return MigrateResult{}, fmt.Errorf("search schema %s: %w", before.Home, err)
	}
	version, err := q.SchemaVersion(ctx)
	if err != nil {
		return MigrateResult{}, fmt.Errorf("read the schema version: %w", err)
	}
	needed, err := newestMigration()
	if err == nil && version < needed {
		err = fmt.Errorf("the schema is in %s at version %d, and this role's settings do not let it be brought to %d: "+
			"reset search_path and default_transaction_read_only (alter role ... reset ...), then migrate again", before.Home, version, needed)
	}
	return MigrateResult{From: version, To: version}, err
}

func applyMigrations(ctx context.Context, db *sql.DB, files fs.FS) (MigrateResult, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true))
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

func (r *migrationRun) afterMigrations(ctx context.Context, tx pgx.Tx) error {
	m := r.options
	if m.ServerRole != "" {
		if err := grantAccess(ctx, tx, m.ServerRole); err != nil {
			return err
		}
		if err := reportServerRole(ctx, tx, m.ServerRole, r.log); err != nil {
			return err
		}
	}
	if err := makeMonths(ctx, tx, connectionTraits{mode: tx.Conn().Config().DefaultQueryExecMode}); err != nil {
		return fmt.Errorf("make months of the audit: %w", err)
	}
	q := sqlcgen.New(tx)
	if _, err := q.ScrubOldSeals(ctx); err != nil {
		return fmt.Errorf("scrub old seals: %w", err)
	}
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
