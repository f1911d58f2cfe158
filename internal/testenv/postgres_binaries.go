package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// ErrServerAlone is for programs of clients, of a server that has none beside it.
var ErrServerAlone = errors.New("the npm package of Postgres has the server and no program of clients")

// FindProgram returns the path of a program of clients, such as pg_dump, that is of the server's version: the one beside the server.
func (p *Postgres) FindProgram(name string) (string, error) {
	s, ok := p.server.(*installedServer)
	if !ok {
		return "", fmt.Errorf("no %s of the version of a server that is lent or in docker; install the server's binaries", name)
	}
	path := filepath.Join(filepath.Dir(s.program.path), name)
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return path, nil
	case s.alone:
		return "", fmt.Errorf("no %s of Postgres %d: %w", name, p.Major, ErrServerAlone)
	}
	return "", fmt.Errorf("no %s beside the server of Postgres %d: %w", name, p.Major, err)
}

// installedServer is a server run from binaries on this machine.
type installedServer struct {
	// alone says that the binaries came without programs of clients.
	alone   bool
	reaper  *reaper
	program program
	running *runningProgram
	paused  *pausedProcesses // nil while it runs
}

func (b binaries) createServer(ctx context.Context, r *reaper, at serverPlacement) (postgresServer, error) {
	dir, err := r.makeFolder("postgres")
	if err != nil {
		return nil, err
	}
	who, err := unprivilegedUser()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	secretFile := filepath.Join(dir, "password")
	if err := os.WriteFile(secretFile, []byte(at.password), 0o600); err != nil {
		return nil, fmt.Errorf("write the password for initdb: %w", err)
	}
	if who != nil {
		for _, path := range []string{data, secretFile} {
			if err := os.Chown(path, int(who.Uid), int(who.Gid)); err != nil {
				return nil, fmt.Errorf("give %s to the server's user: %w", path, err)
			}
		}
	}
	if err := b.runInitdb(ctx, data, secretFile, who); err != nil {
		return nil, err
	}
	return &installedServer{reaper: r, alone: b.alone, program: program{
		name: "postgres", path: filepath.Join(b.dir, "postgres"), dir: data, user: who,
		args: b.serverArguments(data, at), env: environmentWithoutPostgres(), log: filepath.Join(dir, "postgres.log"),
		// SIGQUIT ends the whole server and frees its shared memory, which SIGKILL would leave.
		quit: syscall.SIGQUIT,
	}}, nil
}

func (b binaries) runInitdb(ctx context.Context, data, secretFile string, who *syscall.Credential) error {
	initdb := exec.CommandContext(ctx, filepath.Join(b.dir, "initdb"),
		"--pgdata", data, "--username", superuser, "--pwfile", secretFile, "--auth", "scram-sha-256",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	initdb.Dir, initdb.Env = data, environmentWithoutPostgres()
	initdb.SysProcAttr = ownSession()
	initdb.SysProcAttr.Credential = who
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (b binaries) serverArguments(data string, at serverPlacement) []string {
	args := []string{"-D", data, "-p", strconv.Itoa(at.port)}
	settings := map[string]string{"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
	maps.Copy(settings, at.settings)
	for _, name := range sortedKeys(settings) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

func (s *installedServer) start(context.Context) (err error) {
	s.running, err = s.reaper.startProgram(s.program)
	return err
}

func (s *installedServer) stop(ctx context.Context, crash bool) error {
	if err := s.unpause(ctx); err != nil { // paused, it would not hear the signal
		return err
	}
	// SIGINT is Postgres's fast shutdown: sessions are cut, the data is left clean.
	signal := syscall.SIGINT
	if crash {
		signal = syscall.SIGQUIT
	}
	return s.running.stop(signal)
}

func (s *installedServer) startFailure() error {
	if s.running.isAlive() {
		return nil
	}
	return fmt.Errorf("server postgres ended while starting; the end of its log:\n%s", readLogTail(s.program.log))
}

func (s *installedServer) logTail(context.Context) string { return readLogTail(s.program.log) }

// unprivilegedUser returns whom to run Postgres as: nobody else, except that it refuses root.
func unprivilegedUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s has the id %q: %w", name, account.Uid, err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s has the group %q: %w", name, account.Gid, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("postgres refuses to run as root, and there is no user postgres or nobody to run it as; run as another user")
}

// environmentWithoutPostgres keeps libpq's PG* variables, and PG itself, from the server.
func environmentWithoutPostgres() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "PG") })
	return append(env, "LC_ALL=C")
}
