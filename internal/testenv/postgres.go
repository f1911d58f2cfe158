package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// PostgresOptions say how a server is wanted. The zero value is what tests need.
type PostgresOptions struct {
	// Durable keeps fsync on, as the demo and the benchmarks want it.
	Durable bool
	// Port to listen on; any free one when zero.
	Port int
	// Settings are server parameters, such as "max_connections": "300".
	Settings map[string]string
}

// Postgres is a running server.
type Postgres struct {
	// URL reaches the server as its superuser. It stays the same over StopServer and StartServer.
	URL string
	// Major is the server's major version.
	Major int

	server postgresServer
	reaper *reaper
}

// postgresServer is one way to have Postgres.
type postgresServer interface {
	// start starts it on kept data and returns without waiting until it accepts connections.
	start(ctx context.Context) error
	// stop ends it; at once without writing a checkpoint, as a power cut would, when crash is set.
	stop(ctx context.Context, crash bool) error
	// pause makes it say nothing while it keeps all it has, unpause lets it go on.
	pause(ctx context.Context) error
	unpause(ctx context.Context) error
	// startFailure returns why it cannot become ready any more, nil while it may.
	startFailure() error
	// logTail are the end of its log.
	logTail(ctx context.Context) string
}

// startTimeout is for initdb and the first start on a machine that compiles something beside it.
const startTimeout = 2 * time.Minute

// StartPostgres gives a Postgres server: the one LECTERN_TEST_DATABASE_URL names, else one started
// from the binaries of this machine, from the npm package that carries them, or from docker. PG=15
// or PG=18 takes only that major version.
//
// The server has its own folder, port and password; any number may run beside each other.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	major, err := majorWanted(os.Getenv("PG"))
	if err != nil {
		return nil, err
	}
	if given := os.Getenv("LECTERN_TEST_DATABASE_URL"); given != "" {
		return openLentPostgres(ctx, given, major)
	}
	reaper, err := startReaper()
	if err != nil {
		return nil, err
	}
	p, err := launchPostgres(ctx, reaper, major, o)
	if err != nil {
		reaper.runCleanups()
		return nil, err
	}
	return p, nil
}

// openLentPostgres uses a server that is not ours to stop.
func openLentPostgres(ctx context.Context, given string, major int) (*Postgres, error) {
	p := &Postgres{URL: given}
	if err := p.readMajor(ctx); err != nil {
		return nil, fmt.Errorf("use LECTERN_TEST_DATABASE_URL: %w", err)
	}
	if major != 0 && p.Major != major {
		return nil, fmt.Errorf("LECTERN_TEST_DATABASE_URL is Postgres %d, but PG=%d asks for another; unset one of them", p.Major, major)
	}
	return p, nil
}

func launchPostgres(ctx context.Context, reaper *reaper, major int, o PostgresOptions) (*Postgres, error) {
	port := o.Port
	if port == 0 {
		var err error
		if port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	password := randomSecret()
	p := &Postgres{reaper: reaper, URL: (&url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, password),
		Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/postgres", RawQuery: "sslmode=disable",
	}).String()}
	var err error
	at := serverPlacement{port: port, password: password, settings: o.settings()}
	if p.server, err = createServer(ctx, reaper, at, postgresProviders(findInstalledBinaries(ctx), major), major); err != nil {
		return nil, err
	}
	if err := p.StartServer(ctx); err != nil {
		_ = p.server.stop(context.WithoutCancel(ctx), true)
		return nil, err
	}
	return p, p.readMajor(ctx)
}

const superuser = "postgres"

// serverPlacement is where a new server listens and who may enter.
type serverPlacement struct {
	port     int
	password string
	settings map[string]string
}

func (o PostgresOptions) settings() map[string]string {
	settings := map[string]string{"max_connections": "200", "log_min_messages": "warning", "timezone": "UTC"}
	if !o.Durable {
		settings["fsync"], settings["synchronous_commit"], settings["full_page_writes"] = "off", "off", "off"
	}
	maps.Copy(settings, o.Settings)
	return settings
}

// Stop ends the server and removes its data. It does nothing to a server that was only lent.
func (p *Postgres) Stop() {
	if p.server == nil {
		return
	}
	// What is about to be removed needs no checkpoint.
	_ = p.server.stop(context.Background(), true)
	p.reaper.runCleanups()
}

// errLent is for tests of failure that were given a server they must not break.
var errLent = errors.New("the server of LECTERN_TEST_DATABASE_URL cannot be stopped or started; unset it for this test")

// StopServer shuts the server down in order and keeps its data.
func (p *Postgres) StopServer(ctx context.Context) error {
	if p.server == nil {
		return errLent
	}
	return p.server.stop(ctx, false)
}

// CrashServer ends the server as a power cut would and keeps its data.
func (p *Postgres) CrashServer(ctx context.Context) error {
	if p.server == nil {
		return errLent
	}
	return p.server.stop(ctx, true)
}

// StartServer starts a stopped server on its data and port, and waits until it accepts connections.
func (p *Postgres) StartServer(ctx context.Context) error {
	if p.server == nil {
		return errLent
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.server.start(ctx); err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	return wait.Until(ctx, func(ctx context.Context) error {
		if ended := p.server.startFailure(); ended != nil {
			return wait.Permanent(ended)
		}
		return p.Exec(ctx, "select 1")
	})
}

// Exec runs SQL as the superuser on database postgres.
func (p *Postgres) Exec(ctx context.Context, sql string) error {
	return p.withConnection(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

func (p *Postgres) readMajor(ctx context.Context) error {
	var number int
	err := p.withConnection(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&number)
	})
	p.Major = number / 10000
	return err
}

func (p *Postgres) withConnection(ctx context.Context, use func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, p.URL)
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := use(conn); err != nil {
		return fmt.Errorf("ask Postgres: %w", err)
	}
	return nil
}
