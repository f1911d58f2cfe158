package postgres

import (
	"context"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// SetCallTimeout lets a test wait less long for a database that does not answer.
func (s *Store) SetCallTimeout(d time.Duration) { s.callTimeout = d }

// SetLongTransaction lets a test wait less long for transactions to be long.
func (s *Store) SetLongTransaction(d time.Duration) { s.longTransaction = d }

// SetRankLimit lets a test have many hits of few prompts.
func (s *Store) SetRankLimit(n int) { s.rankLimit = n }

// ExplainUnstored says why a request was not stored.
func (s *Store) ExplainUnstored(ctx context.Context, request store.ChangeRequest) error {
	return s.explainUnstored(ctx, request)
}

// HoldConnection takes a connection of the pool until ctx ends.
func (s *Store) HoldConnection(ctx context.Context, held func()) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	held()
	<-ctx.Done()
	return nil
}

// OnConnection uses a connection of the pool behind the store's back.
func (s *Store) OnConnection(ctx context.Context, use func(*pgx.Conn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return use(conn.Conn())
}

// SetSearchTimes lets a test wait less or longer for a search, and for its turn.
func (s *Store) SetSearchTimes(timeout, wait time.Duration) {
	s.searches.timeout, s.searches.wait = timeout, wait
}

// SetAnswerTimeout lets a test wait less or longer for the answer that tells a slow search from a silent server.
func (s *Store) SetAnswerTimeout(d time.Duration) { s.searches.answer = d }

// SetProbeTimeout lets a test wait less or longer for a notification before it counts as not heard.
func (s *Store) SetProbeTimeout(d time.Duration) { s.listener.probeTimeout = d }

// ApplyMigrations migrates without asking for the encoding, as earlier releases did.
func ApplyMigrations(ctx context.Context, o Options) error {
	cfg, err := o.connConfig(ctx)
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close() //nolint:errcheck // everything asked for was answered
	files, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return err
	}
	_, err = applyMigrations(ctx, db, files)
	return err
}

// CountSearches counts the statements of searches and lists from now on.
func (s *Store) CountSearches() *atomic.Int64 {
	counted := &countedStatements{statements: statements{pool: s.pool, movedOn: s.dropConnections, replan: true}}
	s.replanned = sqlcgen.New(counted)
	return &counted.count
}

type countedStatements struct {
	statements
	count atomic.Int64
}

func (c *countedStatements) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	c.count.Add(1)
	return c.statements.Query(ctx, sql, args...)
}

// QualifyTables names the schema of tables in a statement.
var QualifyTables = qualifyTables

// MigrateWith migrates by other files than the program's.
var MigrateWith = migrateWith

// What bounds the wakes of those who listen.
const (
	WakesPerSecond, WakeBurst = wakesPerSecond, wakeBurst
	WakePause                 = wakePause
)

// CredentialAttempts is how often a folder of credentials is read whose state goes away meanwhile.
const CredentialAttempts = credentialAttempts

// ReadCredentials reads a folder of --database-credentials-folder.
func ReadCredentials(folder string) (user, password string, err error) {
	who, err := readCredentials(folder)
	return who.user, who.password, err
}

// SendFeedNotification wakes those who listen to the feed.
func (s *Store) SendFeedNotification(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "notify "+feedChannel)
	return err
}

// NewTracer returns what measures the statements of a store.
func NewTracer(t testing.TB) pgx.QueryTracer {
	t.Helper()
	metrics, err := newQueryMetrics()
	if err != nil {
		t.Fatal(err)
	}
	return newQueryTracer(metrics)
}

// EnsureVersionTable makes the table of versions, as a migration of a blank database begins.
func EnsureVersionTable(ctx context.Context, o Options) error {
	cfg, err := o.listenConfig(ctx)
	if err != nil {
		return err
	}
	run := newMigrationRun(cfg, nil, MigrateOptions{}, nil)
	defer run.db.Close() //nolint:errcheck // everything asked for was answered
	return run.ensureVersionTable(ctx)
}
