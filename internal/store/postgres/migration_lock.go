package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

const (
	// defaultMigrationLockTimeout is how long a migration of a large table, which another program runs, may take.
	defaultMigrationLockTimeout = 10 * time.Minute
	// lockReportInterval is how often it is told who is waited for.
	lockReportInterval = 5 * time.Second
	// earlierReleaseTimeout is how long the lock of earlier releases is waited for. It is anybody's to take.
	earlierReleaseTimeout = 10 * time.Second
	// tableWait is how long a statement of a migration may wait for a table: all who come after it wait, too.
	tableWait = 5 * time.Second
	// tablePause is how long others have the table before the next attempt.
	tablePause = 5 * time.Second
	// watchInterval is the time between two looks at what the migrations wait for.
	watchInterval = time.Second
)

// migrationRun is one run of Migrate.
type migrationRun struct {
	// db runs the migrations, under a name of its own that tells its sessions from others.
	db      *sql.DB
	name    string
	files   fs.FS
	options MigrateOptions
	log     *slog.Logger
}

func newMigrationRun(cfg *pgx.ConnConfig, files fs.FS, m MigrateOptions, log *slog.Logger) *migrationRun {
	cfg = cfg.Copy()
	name := "lectern migration " + rand.Text()[:8]
	cfg.RuntimeParams["application_name"] = name
	return &migrationRun{db: stdlib.OpenDB(*cfg), files: files, name: name, options: m, log: log}
}

// lockMigrations waits for its turn. The lock is on the table of versions, in a mode that only its owner may take. The lock that
// earlier releases take, by way of goose, is waited for a little: whoever may connect can hold it.
func (r *migrationRun) lockMigrations(ctx context.Context, tx pgx.Tx, home string) error {
	q := sqlcgen.New(atSchema(tx, home))
	if err := q.LiftTimeouts(ctx); err != nil {
		return fmt.Errorf("lift the timeouts of the transaction that locks migrations: %w", err)
	}
	if home == "" {
		if err := r.ensureVersionTable(ctx); err != nil {
			return fmt.Errorf("make the table of versions: %w", err)
		}
	}
	err := lockWithin(ctx, tx, home, min(earlierReleaseTimeout, r.options.LockTimeout), func(q *sqlcgen.Queries) error {
		return q.LockEarlierReleases(ctx, lock.DefaultLockID)
	})
	if hasState(err, stateLockNotAvailable) {
		var holders string
		if holders, err = describeLockHolders(ctx, q, lock.DefaultLockID, ""); err == nil {
			r.log.Warn("The lock under which earlier releases migrate is held; going on without it", "by", holders)
		}
	}
	if err != nil && !hasState(err, stateNotPermitted) { // an administrator may have taken advisory locks from everybody
		return fmt.Errorf("wait for migrations of earlier releases to end: %w", err)
	}
	return r.waitForTurn(ctx, tx, home)
}

func (r *migrationRun) waitForTurn(ctx context.Context, tx pgx.Tx, home string) error {
	q, table := sqlcgen.New(atSchema(tx, home)), goose.DefaultTablename
	if home != "" {
		table = pgx.Identifier{home, table}.Sanitize()
	}
	for since, told := time.Now(), false; ; told = true {
		left := r.options.LockTimeout - time.Since(since)
		err := lockWithin(ctx, tx, home, max(min(lockReportInterval, left), time.Millisecond), func(q *sqlcgen.Queries) error { return q.LockMigrations(ctx) })
		if err == nil {
			return nil
		}
		if !hasState(err, stateLockNotAvailable) {
			return fmt.Errorf("wait for other migrations to end: %w", err)
		}
		holders, err := describeLockHolders(ctx, q, 0, table)
		if err != nil {
			return err
		}
		if time.Since(since) >= r.options.LockTimeout {
			return fmt.Errorf("%w: other migrations did not end within %s: %s", errBlocked, r.options.LockTimeout, holders)
		}
		if !told {
			r.log.Info("Waiting for other migrations to end", "by", holders)
		}
	}
}

// lockWithin takes a lock, and gives up with stateLockNotAvailable after a while. The transaction goes on.
func lockWithin(ctx context.Context, tx pgx.Tx, home string, wait time.Duration, take func(q *sqlcgen.Queries) error) error {
	return pgx.BeginFunc(ctx, tx, func(attempt pgx.Tx) error {
		q := sqlcgen.New(atSchema(attempt, home))
		if err := q.LimitLockWait(ctx, wait.Milliseconds()); err != nil {
			return err
		}
		return take(q)
	})
}

// atSchema runs statements of a transaction with the schema of their tables.
func atSchema(tx pgx.Tx, home string) transaction {
	return transaction{tx, connectionTraits{home: home, mode: pgx.QueryExecModeCacheDescribe}}
}

// ensureVersionTable makes the table that goose keeps versions in, so that there is something to lock. Several may try at once:
// what they then are told depends on whether the other's table, its type or its index is found first.
func (r *migrationRun) ensureVersionTable(ctx context.Context) error {
	versions, err := database.NewStore(goose.DialectPostgres, goose.DefaultTablename)
	if err != nil {
		return err
	}
	var exists bool
	if err := r.db.QueryRowContext(ctx, "select to_regclass($1) is not null", goose.DefaultTablename).Scan(&exists); err != nil || exists {
		return err
	}
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	err = versions.CreateVersionTable(ctx, tx)
	if err == nil {
		err = versions.Insert(ctx, tx, database.InsertRequest{Version: 0})
	}
	if err == nil {
		err = tx.Commit()
	}
	if hasState(err, stateUnique, stateDuplicateTable, stateDuplicateType) { // another one was first
		return nil
	}
	return err
}

// errBlocked says that a session kept a lock for longer than is waited for.
var errBlocked = errors.New("the database is locked")

// blockedError says who kept a migration from a table.
type blockedError struct {
	pids    []int32
	holders string
}

func (e *blockedError) Error() string {
	return "sessions use a table that the migration changes: " + e.holders
}

// applyMigrations applies them without making all who use a table wait behind a migration that cannot have it: after tableWait
// the migration gives way, and is tried again until LockTimeout.
func (r *migrationRun) applyMigrations(ctx context.Context, tx pgx.Tx) (MigrateResult, error) {
	from, err := sqlcgen.New(tx).SchemaVersion(ctx)
	if err != nil {
		return MigrateResult{}, fmt.Errorf("read the schema version: %w", err)
	}
	for since := time.Now(); ; {
		result, err := r.applyWatched(ctx, tx)
		result.From = from
		blocked, isBlocked := errors.AsType[*blockedError](err)
		if !isBlocked {
			return result, err
		}
		if time.Since(since)+tablePause > r.options.LockTimeout {
			return MigrateResult{}, fmt.Errorf("%w: %w; end them (select pg_terminate_backend(pid)) and migrate again", errBlocked, blocked)
		}
		r.log.Warn("A migration gives way and is tried again", "in", tablePause, "err", blocked)
		if err := r.endServerSessions(ctx, tx, blocked.pids); err != nil {
			return MigrateResult{}, err
		}
		pause := time.NewTimer(tablePause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return MigrateResult{}, ctx.Err()
		case <-pause.C:
		}
	}
}

// applyWatched applies the migrations, and cancels them with a *blockedError when one waits for a table for too long.
func (r *migrationRun) applyWatched(ctx context.Context, tx pgx.Tx) (MigrateResult, error) {
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var watching sync.WaitGroup
	watching.Go(func() { cancel(r.watchForBlockers(ctx, running.Done(), tx)) })
	result, err := applyMigrations(running, r.db, r.files)
	cancel(nil)
	watching.Wait()
	if cause := context.Cause(running); err != nil && !errors.Is(cause, context.Canceled) {
		return MigrateResult{}, cause
	}
	return result, err
}

// watchForBlockers returns a *blockedError once the migrations waited for somebody for tableWait, and nil when they end.
func (r *migrationRun) watchForBlockers(ctx context.Context, ended <-chan struct{}, tx pgx.Tx) error {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return nil
		case <-tick.C:
		}
		found, err := sqlcgen.New(tx).MigrationBlockers(ctx, r.name)
		if err != nil {
			return fmt.Errorf("look for what the migrations wait for: %w", err)
		}
		blocked := &blockedError{}
		var holders []string
		for _, s := range found {
			if s.Waited >= tableWait.Seconds() {
				blocked.pids = append(blocked.pids, s.Pid)
				holders = append(holders, describeSession(s.Pid, s.Role, s.Application, s.Seconds))
			}
		}
		if blocked.holders = strings.Join(holders, ", "); len(holders) > 0 {
			return blocked
		}
	}
}

// endServerSessions ends those of the servers' role that hold a table, where this role is a member of it. No server needs a
// table for as long as tableWait.
func (r *migrationRun) endServerSessions(ctx context.Context, tx pgx.Tx, pids []int32) error {
	if r.options.ServerRole == "" {
		return nil
	}
	ended, err := sqlcgen.New(tx).EndSessions(ctx, sqlcgen.EndSessionsParams{Pids: pids, Role: r.options.ServerRole})
	if err != nil {
		return fmt.Errorf("end sessions of role %q: %w", r.options.ServerRole, err)
	}
	if ended > 0 {
		r.log.Warn("Ended sessions of the servers' role that kept a migration from a table", "sessions", ended, "role", r.options.ServerRole)
	}
	return nil
}

// describeLockHolders names who has a lock, as far as this role may know.
func describeLockHolders(ctx context.Context, q *sqlcgen.Queries, id int64, table string) (string, error) {
	holders, err := q.MigrationLockHolders(ctx, sqlcgen.MigrationLockHoldersParams{ID: id, VersionTable: table})
	if err != nil {
		return "", fmt.Errorf("look for who has the lock: %w", err)
	}
	if len(holders) == 0 {
		return "a session that is gone by now", nil
	}
	described := make([]string, len(holders))
	for i, s := range holders {
		described[i] = describeSession(s.Pid, s.Role, s.Application, s.Seconds)
	}
	return strings.Join(described, ", "), nil
}

func describeSession(pid int32, role, application string, seconds float64) string {
	since := "" // which only members of the role may know
	if seconds >= 0 {
		since = fmt.Sprintf(", in a transaction for %s", time.Duration(seconds*float64(time.Second)).Round(time.Second))
	}
	return fmt.Sprintf("session %d of role %q (%s)%s", pid, role, application, since)
}
