package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/pflag"
)

// Options say where the database is and how to reach it. Exactly one of URL, URLFile and Host is set.
type Options struct {
	// URL is a libpq connection string, with all of libpq's parameters (sslmode, sslrootcert ...).
	// A URL on the command line shows its password to everyone on the machine; URLFile does not.
	URL string
	// URLFile is read again before every connection, so that a rotated password needs no restart.
	URLFile string

	// Host to SSLMode are the same in parts.
	Host         string
	Port         uint16
	Database     string
	User         string
	PasswordFile string
	SSLMode      string

	// ListenURLFile is a connection string that reaches the server itself, for LISTEN beside a pooler.
	ListenURLFile string

	// PoolSize is the maximum number of connections, IdleTimeout how long one is kept unused,
	// ConnectTimeout how long opening one may take.
	PoolSize       int
	IdleTimeout    time.Duration
	ConnectTimeout time.Duration

	// ApplicationName is what pg_stat_activity shows.
	ApplicationName string
}

// The values of an Options that says nothing.
const (
	defaultPoolSize       = 20
	defaultIdleTimeout    = 30 * time.Second
	defaultConnectTimeout = 2 * time.Second
	defaultPort           = 5432
)

// AddFlags registers the --database-… flags.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.URLFile, "database-url-file", o.URLFile, "file with the connection string of the database; read again before every connection")
	fs.StringVar(&o.URL, "database-url", o.URL, "connection string of the database; prefer --database-url-file, a command line is no place for a password")
	fs.StringVar(&o.Host, "database-host", o.Host, "host of the database, instead of a connection string")
	fs.Uint16Var(&o.Port, "database-port", defaultPort, "port, with --database-host")
	fs.StringVar(&o.Database, "database-name", o.Database, "name of the database, with --database-host")
	fs.StringVar(&o.User, "database-user", o.User, "role to connect as, with --database-host")
	fs.StringVar(&o.PasswordFile, "database-password-file", o.PasswordFile, "file with the password, with --database-host; read again before every connection")
	fs.StringVar(&o.SSLMode, "database-sslmode", o.SSLMode, "TLS mode of libpq (disable, allow, prefer, require, verify-ca, verify-full), with --database-host")
	fs.StringVar(&o.ListenURLFile, "database-listen-url-file", o.ListenURLFile, "file with a connection string past any pooler, for LISTEN")
	fs.IntVar(&o.PoolSize, "database-pool-size", defaultPoolSize, "maximum number of connections")
	fs.DurationVar(&o.IdleTimeout, "database-idle-timeout", defaultIdleTimeout, "how long an unused connection is kept")
	fs.DurationVar(&o.ConnectTimeout, "database-connect-timeout", defaultConnectTimeout, "how long opening a connection may take")
}

// ErrNoDatabaseGiven says that no option names a database.
var ErrNoDatabaseGiven = errors.New("no database given: set --database-url-file, LECTERN_DATABASE_URL or --database-host")

// Validate returns what is missing or contradictory, in the words of the flags.
func (o *Options) Validate() error {
	given := 0
	for _, v := range []string{o.URL, o.URLFile, o.Host} {
		if v != "" {
			given++
		}
	}
	switch {
	case given == 0:
		return ErrNoDatabaseGiven
	case given > 1:
		return errors.New("more than one database given: set only one of --database-url-file, --database-url (LECTERN_DATABASE_URL) and --database-host")
	case o.Host != "" && (o.Database == "" || o.User == ""):
		return errors.New("--database-host also needs --database-name and --database-user")
	case o.Host == "" && (o.Database != "" || o.User != "" || o.PasswordFile != "" || o.SSLMode != ""):
		return errors.New("--database-name, --database-user, --database-password-file and --database-sslmode go with --database-host; a connection string has its own")
	case o.PoolSize < 0:
		return fmt.Errorf("--database-pool-size is %d; at least 1 connection is needed", o.PoolSize)
	case o.IdleTimeout < 0 || o.ConnectTimeout < 0:
		return errors.New("--database-idle-timeout and --database-connect-timeout cannot be negative")
	}
	return nil
}

// connString returns the connection string; it reads the files anew each time.
func (o *Options) connString() (string, error) {
	switch {
	case o.URLFile != "":
		return readSecret("--database-url-file", o.URLFile)
	case o.URL != "":
		return o.URL, nil
	}
	u := url.URL{Scheme: "postgres", Host: net.JoinHostPort(o.Host, strconv.Itoa(int(orDefault(o.Port, defaultPort)))), Path: "/" + o.Database}
	query := url.Values{}
	if strings.HasPrefix(o.Host, "/") { // a directory with the server's socket cannot stand in a URL's host
		u.Host = ""
		query.Set("host", o.Host)
		query.Set("port", strconv.Itoa(int(orDefault(o.Port, defaultPort))))
	}
	if o.SSLMode != "" {
		query.Set("sslmode", o.SSLMode)
	}
	u.RawQuery = query.Encode()
	u.User = url.User(o.User)
	if o.PasswordFile != "" {
		password, err := readSecret("--database-password-file", o.PasswordFile)
		if err != nil {
			return "", err
		}
		u.User = url.UserPassword(o.User, password)
	}
	return u.String(), nil
}

func readSecret(flag, path string) (string, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return "", fmt.Errorf("%s: %s is empty", flag, path)
	}
	return secret, nil
}

// connConfig returns what one connection needs.
func (o *Options) connConfig() (*pgx.ConnConfig, error) {
	s, err := o.connString()
	if err != nil {
		return nil, err
	}
	return o.parseConn(s)
}

// listenConfig returns what the listener's own connection needs.
func (o *Options) listenConfig() (*pgx.ConnConfig, error) {
	if o.ListenURLFile == "" {
		return o.connConfig()
	}
	s, err := readSecret("--database-listen-url-file", o.ListenURLFile)
	if err != nil {
		return nil, err
	}
	return o.parseConn(s)
}

func (o *Options) parseConn(s string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(s)
	if err != nil {
		return nil, fmt.Errorf("read the connection string: %w", err)
	}
	cfg.ConnectTimeout = orDefault(o.ConnectTimeout, defaultConnectTimeout)
	if o.ApplicationName != "" {
		cfg.RuntimeParams["application_name"] = o.ApplicationName
	}
	return cfg, nil
}

func (o *Options) poolConfig() (*pgxpool.Config, error) {
	s, err := o.connString()
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(s)
	if err != nil {
		return nil, fmt.Errorf("read the connection string: %w", err)
	}
	if cfg.ConnConfig, err = o.connConfig(); err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(orDefault(o.PoolSize, defaultPoolSize)) //nolint:gosec // Validate bounds it from below; nobody has 2^31 connections
	cfg.MaxConnIdleTime = orDefault(o.IdleTimeout, defaultIdleTimeout)
	tracer := otelpgx.NewTracer(otelpgx.WithSpanNameFunc(queryName), otelpgx.WithDisableAcquireTracer())
	cfg.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) error {
		fresh, err := o.connConfig()
		if err != nil {
			return err
		}
		fresh.Tracer = tracer
		*conn = *fresh
		return nil
	}
	return cfg, nil
}

// queryName returns the name a query has in queries/*.sql, which sqlc leaves in its first line.
func queryName(sql string) string {
	name, isNamed := strings.CutPrefix(sql, "-- name: ")
	if !isNamed {
		name = sql
	}
	name, _, _ = strings.Cut(name, " ")
	return name
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
