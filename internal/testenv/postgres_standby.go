package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// errNoBinaries is for tests that need two servers with the same data.
var errNoBinaries = errors.New("a standby needs the server's binaries on this machine, not docker or a server that is lent; install them (Debian and Ubuntu: apt-get install postgresql)")

// StartStandby starts a second server that follows this one, which is stopped for a moment to be copied.
func (p *Postgres) StartStandby(ctx context.Context) (*Postgres, error) {
	primary, ok := p.server.(*installedServer)
	if !ok {
		return nil, errNoBinaries
	}
	reaper, err := startReaper()
	if err != nil {
		return nil, err
	}
	standby, err := p.copyServer(ctx, reaper, primary)
	if err == nil {
		err = standby.StartServer(ctx)
	}
	if err != nil {
		reaper.runCleanups()
		return nil, err
	}
	return standby, nil
}

// copyServer makes a standby of a server with its data as they are now.
func (p *Postgres) copyServer(ctx context.Context, reaper *reaper, primary *installedServer) (*Postgres, error) {
	dir, err := reaper.makeFolder("standby")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	if err := p.StopServer(ctx); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	// With owners and rights: the server's user is not this one.
	out, err := exec.CommandContext(ctx, "cp", "-a", primary.program.dir, data).CombinedOutput()
	if started := p.StartServer(ctx); err != nil || started != nil {
		return nil, fmt.Errorf("copy the primary: %w\n%s", errors.Join(err, started), out)
	}
	if err := os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o600); err != nil {
		return nil, fmt.Errorf("make the copy a standby: %w", err)
	}
	at, err := url.Parse(p.URL)
	if err != nil {
		return nil, fmt.Errorf("read the URL of the primary: %w", err)
	}
	program := primary.program
	if program.user != nil {
		if err := os.Chown(filepath.Join(data, "standby.signal"), int(program.user.Uid), int(program.user.Gid)); err != nil {
			return nil, fmt.Errorf("give the copy to the server's user: %w", err)
		}
	}
	password, _ := at.User.Password()
	program.dir, program.log = data, filepath.Join(dir, "postgres.log")
	program.args = slices.Clone(program.args)
	program.args[1], program.args[3] = data, strconv.Itoa(port) // -D data -p port
	program.args = append(program.args, "-c", fmt.Sprintf("primary_conninfo=host=%s port=%s user=%s password=%s", at.Hostname(), at.Port(), at.User.Username(), password))
	at.Host = loopbackAddress(port)
	return &Postgres{URL: at.String(), Major: p.Major, server: &installedServer{reaper: reaper, program: program}, reaper: reaper}, nil
}

// CatchUp waits until a standby has all that its primary committed until now, written out yet or not: these servers commit
// asynchronously.
func (p *Postgres) CatchUp(ctx context.Context, primary *Postgres) error {
	var committed string
	err := primary.withConnection(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "select pg_current_wal_insert_lsn()::text").Scan(&committed)
	})
	if err != nil {
		return err
	}
	return wait.Until(ctx, func(ctx context.Context) error {
		return p.withConnection(ctx, func(conn *pgx.Conn) error {
			var replayed string
			var caughtUp bool
			err := conn.QueryRow(ctx, "select at::text, at >= $1::text::pg_lsn from pg_last_wal_replay_lsn() at", committed).Scan(&replayed, &caughtUp)
			if err == nil && !caughtUp {
				err = fmt.Errorf("the standby is at %s, the primary at %s", replayed, committed)
			}
			return err
		})
	})
}

// Promote makes a standby the primary.
func (p *Postgres) Promote(ctx context.Context) error {
	return p.Exec(ctx, "select pg_promote(true, 60)")
}
