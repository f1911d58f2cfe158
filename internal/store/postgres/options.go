package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/store"
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
	// Password returns the password instead of PasswordFile. It is asked before every connection.
	Password func(ctx context.Context) (string, error)

	// CredentialsFolder has the files user and password, which replace what else says who connects. Both are read before every
	// connection, from one state of the folder.
	CredentialsFolder string
	// CAFile has the certificates that the server's must come from. It is read again before every connection. Where nothing says
	// another TLS mode it is verify-full.
	CAFile string

	// ListenURLFile is a connection string that reaches the server itself, for LISTEN and migrations beside a pooler.
	ListenURLFile string

	// PreparedStatements is PrepareAuto, which is meant by an empty one, too, PrepareAlways or PrepareNever.
	PreparedStatements string

	// PoolSize is the maximum number of connections, IdleTimeout how long one is kept unused, ConnectionLifetime how long one is
	// kept at all, give or take a tenth, ConnectTimeout how long opening one may take.
	PoolSize           int
	IdleTimeout        time.Duration
	ConnectionLifetime time.Duration
	ConnectTimeout     time.Duration

	// ChangeQuota bounds the open requests that RequestChange takes.
	ChangeQuota store.ChangeQuota

	// ApplicationName is what pg_stat_activity shows.
	ApplicationName string

	// Log is told when notifications are not heard, and what stands between this program and the database.
	Log *slog.Logger

	// tracer measures the statements of a store.
	tracer pgx.QueryTracer
}

// The values of an Options that says nothing.
const (
	defaultPoolSize       = 20
	defaultIdleTimeout    = 30 * time.Second
	defaultConnectTimeout = 2 * time.Second
	defaultPort           = 5432
	// defaultConnectionLifetime has every session of an old password gone well within the shortest time between two rotations.
	defaultConnectionLifetime = 5 * time.Minute
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
	fs.StringVar(&o.SSLMode, "database-sslmode", o.SSLMode, "TLS mode of libpq (disable, allow, prefer, require, verify-ca, verify-full), with --database-host; verify-full with --database-ca-file")
	fs.StringVar(&o.CAFile, "database-ca-file", o.CAFile, "file with the certificates that the database's must come from, for verify-full and verify-ca; read again before every connection")
	fs.StringVar(&o.CredentialsFolder, "database-credentials-folder", o.CredentialsFolder, "folder with the files user and password, as a mounted Secret has them, "+
		"instead of those of the other flags; both are read together before every connection")
	fs.StringVar(&o.ListenURLFile, "database-listen-url-file", o.ListenURLFile, "file with a connection string past any pooler, for LISTEN and for migrations")
	fs.StringVar(&o.PreparedStatements, "database-prepared-statements", PrepareAuto, "auto: prepare statements where no pooler is between; always, never: do not ask (always suits a pooler in session mode)")
	fs.IntVar(&o.PoolSize, "database-pool-size", defaultPoolSize, "maximum number of connections; the feed and LISTEN have one each beside them")
	fs.DurationVar(&o.IdleTimeout, "database-idle-timeout", defaultIdleTimeout, "how long an unused connection is kept")
	fs.DurationVar(&o.ConnectionLifetime, "database-connection-lifetime", defaultConnectionLifetime, "how long a connection is kept, give or take a tenth, so that new passwords are taken up")
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
	case o.CredentialsFolder != "" && (o.User != "" || o.hasPassword()):
		return errors.New("--database-credentials-folder has the user and the password: leave out --database-user, --database-password-file and --database-password-secret")
	case o.Host != "" && (o.Database == "" || o.User == "" && o.CredentialsFolder == ""):
		return errors.New("--database-host also needs --database-name, and --database-user or --database-credentials-folder")
	case o.Host == "" && (o.Database != "" || o.User != "" || o.hasPassword() || o.SSLMode != ""):
		return errors.New("--database-name, --database-user, --database-password-file, --database-password-secret and --database-sslmode go with --database-host; a connection string has its own")
	case o.PasswordFile != "" && o.Password != nil:
		return errors.New("set only one of --database-password-file and --database-password-secret")
	case o.CAFile != "" && o.SSLMode == "disable":
		return errors.New("--database-ca-file verifies the database's certificate, and --database-sslmode=disable asks for none: leave out one of them")
	case !slices.Contains([]string{"", PrepareAuto, PrepareAlways, PrepareNever}, o.PreparedStatements):
		return fmt.Errorf("--database-prepared-statements is %q; it can be %s, %s or %s", o.PreparedStatements, PrepareAuto, PrepareAlways, PrepareNever)
	case o.PoolSize < 0:
		return fmt.Errorf("--database-pool-size is %d; at least 1 connection is needed", o.PoolSize)
	case o.IdleTimeout < 0 || o.ConnectTimeout < 0 || o.ConnectionLifetime < 0:
		return errors.New("--database-idle-timeout, --database-connection-lifetime and --database-connect-timeout cannot be negative")
	}
	return nil
}

func (o *Options) hasPassword() bool { return o.PasswordFile != "" || o.Password != nil }

// connString returns the connection string; it reads the files anew each time.
func (o *Options) connString(ctx context.Context) (string, error) {
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
	if o.hasPassword() {
		password, err := o.readPassword(ctx)
		if err != nil {
			return "", err
		}
		u.User = url.UserPassword(o.User, password)
	}
	return u.String(), nil
}

func (o *Options) readPassword(ctx context.Context) (string, error) {
	if o.Password == nil {
		return readSecret("--database-password-file", o.PasswordFile)
	}
	password, err := o.Password(ctx)
	if err != nil {
		return "", fmt.Errorf("--database-password-secret: %w", err)
	}
	return password, nil
}

// readSecret returns the text of a file, without the white space and the byte order mark that editors put around it.
func readSecret(flag, path string) (string, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	secret, err := trimSecret(content, path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	return secret, nil
}

func trimSecret(content []byte, path string) (string, error) {
	secret := strings.TrimSpace(strings.TrimPrefix(string(content), "\ufeff"))
	if !utf8.ValidString(secret) || strings.IndexByte(secret, 0) >= 0 {
		return "", fmt.Errorf("%s is not UTF-8 text; save it as UTF-8 (Windows PowerShell writes UTF-16 unless told -Encoding utf8)", path)
	}
	if secret == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret, nil
}

// connConfig returns what one connection needs.
func (o *Options) connConfig(ctx context.Context) (*pgx.ConnConfig, error) {
	s, err := o.connString(ctx)
	if err != nil {
		return nil, err
	}
	return o.parseConn(s)
}

// listenConfig returns what the listener's own connection needs.
func (o *Options) listenConfig(ctx context.Context) (*pgx.ConnConfig, error) {
	if o.ListenURLFile == "" {
		return o.connConfig(ctx)
	}
	s, err := readSecret("--database-listen-url-file", o.ListenURLFile)
	if err != nil {
		return nil, err
	}
	return o.parseConn(s)
}

func (o *Options) parseConn(s string) (*pgx.ConnConfig, error) {
	s, err := o.addCertificates(s)
	if err != nil {
		return nil, err
	}
	cfg, err := pgx.ParseConfig(s)
	if err != nil {
		return nil, fmt.Errorf("read the connection string: %w", err)
	}
	if o.CredentialsFolder != "" {
		who, err := readCredentials(o.CredentialsFolder)
		if err != nil {
			return nil, err
		}
		cfg.User, cfg.Password = who.user, who.password
	}
	cfg.ConnectTimeout = orDefault(o.ConnectTimeout, defaultConnectTimeout)
	// These two a pooler keeps apart for each client, and no other setting; nothing is set later.
	cfg.RuntimeParams["client_encoding"] = "UTF8"
	if o.ApplicationName != "" {
		cfg.RuntimeParams["application_name"] = o.ApplicationName
	}
	return cfg, nil
}

func (o *Options) poolConfig(ctx context.Context, size int, idleTimeout time.Duration, settings *startSettings) (*pgxpool.Config, error) {
	s, err := o.connString(ctx)
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(s)
	if err != nil {
		return nil, fmt.Errorf("read the connection string: %w", err)
	}
	if cfg.ConnConfig, err = o.connConfig(ctx); err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(size) //nolint:gosec // Validate bounds it from below; nobody has 2^31 connections
	cfg.MaxConnIdleTime = idleTimeout
	cfg.MaxConnLifetime = orDefault(o.ConnectionLifetime, defaultConnectionLifetime)
	cfg.MaxConnLifetimeJitter = cfg.MaxConnLifetime / 10
	cfg.HealthCheckPeriod = min(cfg.HealthCheckPeriod, max(cfg.MaxConnLifetime/5, time.Millisecond)) // it ends those that are too old
	cfg.BeforeConnect = func(ctx context.Context, conn *pgx.ConnConfig) error {
		fresh, err := o.connConfig(ctx)
		if err != nil {
			return err
		}
		if err := settings.apply(ctx, fresh); err != nil {
			return err
		}
		fresh.Tracer, fresh.OnNotification = o.tracer, ignoreNotification
		*conn = *fresh
		return nil
	}
	return cfg, nil
}

// namePrefix is in front of the name of a query.
const namePrefix = "-- name: "

// queryName returns the name a query has in queries/*.sql, which sqlc leaves in its first line.
func queryName(sql string) string {
	name, isNamed := strings.CutPrefix(sql, namePrefix)
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

// Fingerprint returns 16 hexadecimal digits that tell databases apart by where they are, whoever connects.
func (o *Options) Fingerprint(ctx context.Context) (string, error) {
	config, err := o.connConfig(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s:%d/%s", config.Host, config.Port, config.Database))
	return hex.EncodeToString(sum[:8]), nil
}
