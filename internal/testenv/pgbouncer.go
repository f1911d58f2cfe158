package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// The pool modes of a Pgbouncer.
const (
	// PoolTransactions gives each transaction any session; PoolSessions gives a client a session of its own.
	PoolTransactions = "transaction"
	PoolSessions     = "session"
)

// Pgbouncer is a running pgbouncer in front of one server, with the settings it has when nothing is set but where the
// server is and who may enter.
type Pgbouncer struct {
	host    string
	reaper  *reaper
	running *runningProgram
}

// StartPgbouncer starts the machine's pgbouncer in a pool mode, with sessions of the server for each database and role. The
// urls are those it is asked for later: all of one server, with the passwords of their roles.
func StartPgbouncer(ctx context.Context, mode string, sessions int, urls ...string) (*Pgbouncer, error) {
	path, err := findPgbouncer()
	if err != nil {
		return nil, err
	}
	reaper, err := startReaper()
	if err != nil {
		return nil, err
	}
	b := &Pgbouncer{reaper: reaper}
	if err := b.launch(ctx, path, mode, sessions, urls); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

// findPgbouncer looks where distributions put it, which is in no user's path.
func findPgbouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer", "/usr/local/bin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no pgbouncer on this machine; install it (Debian and Ubuntu: apt-get install pgbouncer; macOS: brew install pgbouncer)")
}

func (b *Pgbouncer) launch(ctx context.Context, path, mode string, sessions int, urls []string) error {
	dir, err := b.reaper.makeFolder("pgbouncer")
	if err != nil {
		return err
	}
	port, err := FreePort()
	if err != nil {
		return err
	}
	b.host = loopbackAddress(port)
	server, users, err := parseServer(urls)
	if err != nil {
		return err
	}
	config := strings.Join([]string{
		"[databases]", fmt.Sprintf("* = host=%s port=%s", server.Hostname(), server.Port()),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprintf("listen_port = %d", port), "unix_socket_dir =",
		"auth_type = scram-sha-256", "auth_file = " + filepath.Join(dir, "users"),
		"pool_mode = " + mode, fmt.Sprintf("default_pool_size = %d", sessions), "max_client_conn = 500", "",
	}, "\n")
	who, err := unprivilegedUser()
	if err != nil {
		return err
	}
	for name, content := range map[string]string{"users": users, "pgbouncer.ini": config} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return fmt.Errorf("write the files of pgbouncer: %w", err)
		}
		if who == nil {
			continue
		}
		if err := os.Chown(file, int(who.Uid), int(who.Gid)); err != nil {
			return fmt.Errorf("give %s to the user of pgbouncer: %w", file, err)
		}
	}
	b.running, err = b.reaper.startProgram(program{
		name: "pgbouncer", path: path, args: []string{filepath.Join(dir, "pgbouncer.ini")}, dir: dir, user: who,
		env: environmentWithoutPostgres(), log: filepath.Join(dir, "pgbouncer.log"),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return b.running.waitUntilReady(ctx, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, b.Route(urls[0]))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// parseServer returns where the server of urls is, and its roles as pgbouncer reads them.
func parseServer(urls []string) (server *url.URL, users string, err error) {
	for _, text := range urls {
		if server, err = url.Parse(text); err != nil {
			return nil, "", fmt.Errorf("read the URL of a database: %w", err)
		}
		password, _ := server.User.Password()
		users += fmt.Sprintf("%q %q\n", server.User.Username(), password)
	}
	return server, users, nil
}

// Route returns the URL by which the same database is reached through pgbouncer.
func (b *Pgbouncer) Route(to string) string { return replaceHost(to, b.host).String() }

// Stop ends pgbouncer and removes its files.
func (b *Pgbouncer) Stop() error {
	err := b.running.stop(syscall.SIGTERM) // at once
	b.reaper.runCleanups()
	return err
}
