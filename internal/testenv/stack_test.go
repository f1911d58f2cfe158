package testenv

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestStack starts all of Lectern, kills and restarts a server, and expects nothing to be left.
func TestStack(t *testing.T) {
	ctx := t.Context()
	temp := makeReachableFolder(t)
	t.Setenv("TMPDIR", temp)
	s, err := StartStack(ctx, StackOptions{Env: []string{"LECTERN_LOG_LEVEL=debug"}})
	require.NoError(t, err)
	stopped := false
	defer func() {
		if !stopped {
			require.NoError(t, s.Stop())
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	s.Kill(Server2)
	<-s.Ended(Server2)
	if err := probeURL(ctx, client, s.ReadyURL(Server2)); err == nil {
		t.Error("a killed server answered")
	}
	require.NoError(t, s.WaitUntilReady(ctx, Server1))
	require.NoError(t, s.Restart(ctx, Server2))
	require.NoError(t, s.Restart(ctx, Controller))
	breakEverything(t, s)
	require.NoError(t, s.Repair(ctx))
	for _, name := range []string{Controller, Server1, Server2} {
		require.NoError(t, s.WaitUntilReady(ctx, name))
	}
	_, err = s.ControlPlane.Kubectl(ctx, "get", "prompts")
	require.NoError(t, err)
	require.NoError(t, s.Stop())
	stopped = true
	if left := listNames(t, temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// breakEverything leaves a stack as tests that fail half-way do.
func breakEverything(t *testing.T, s *Stack) {
	t.Helper()
	ctx := t.Context()
	s.Kill(Server2)
	require.NoError(t, s.Restart(ctx, Server1, "LECTERN_LOG_LEVEL=error"))
	_, err := s.ControlPlane.Kubectl(ctx, "delete", "crd", "--all")
	require.NoError(t, err)
	s.ControlPlane.StopServers()
	require.NoError(t, s.Postgres.Exec(ctx, "alter role "+s.database.serverRole+" nologin"))
	if s.Postgres.server != nil { // one that was lent cannot be stopped
		require.NoError(t, s.Postgres.StopServer(ctx))
	}
}

func TestStack_ProcessEnvironment(t *testing.T) {
	t.Setenv("LECTERN_ADDRESS", "0.0.0.0:1")
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	t.Setenv("PGHOST", "elsewhere")
	t.Setenv("KEPT", "yes")
	s := &Stack{options: StackOptions{Env: []string{"LECTERN_LOG_LEVEL=debug"}}}
	var got []string
	for _, entry := range s.processEnvironment([]string{"LECTERN_FAULTPOINT=x"}) {
		name, _, _ := strings.Cut(entry, "=")
		if name == "KEPT" || strings.HasPrefix(name, "LECTERN_") || strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "KUBERNETES_SERVICE_") {
			got = append(got, entry)
		}
	}
	want := []string{"KEPT=yes", "LECTERN_LOG_LEVEL=debug", "LECTERN_FAULTPOINT=x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFindCrash(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ log, want string }{
		"none":                {`{"msg":"panic: in a text, WARNING: DATA RACE"}` + "\n", ""},
		"a race":              {"{}\nWARNING: DATA RACE\nWrite at 0x0\n", "WARNING: DATA RACE\nWrite at 0x0\n"},
		"a panic":             {"{}\npanic: boom\n", "panic: boom\n"},
		"the runtime's":       {"fatal error: concurrent map writes\n", "fatal error: concurrent map writes\n"},
		"a panic of a caller": {`{"msg":"http: panic serving 127.0.0.1: boom"}`, `http: panic serving 127.0.0.1: boom"}`},
	} {
		if diff := cmp.Diff(tc.want, errorText(FindCrash([]byte(tc.log)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestStack_FindCrashes(t *testing.T) {
	t.Parallel()
	s := &Stack{Dir: t.TempDir(), processes: map[string]*stackProcess{Controller: {}, Server1: {}, Server2: {}}}
	require.NoError(t, os.WriteFile(s.LogPath(Controller), []byte("all is well\n"), 0o600))
	require.NoError(t, s.findCrashes())
	require.NoError(t, os.WriteFile(s.LogPath(Server1), []byte("{}\nWARNING: DATA RACE\nWrite at 0x0\n"), 0o600))
	if diff := cmp.Diff("server-1: WARNING: DATA RACE\nWrite at 0x0\n", errorText(s.findCrashes())); diff != "" {
		t.Error(diff)
	}
}

func TestRunningProgram_LogOfEarlyEnd(t *testing.T) {
	t.Parallel()
	g, err := startReaper()
	require.NoError(t, err)
	defer g.runCleanups()
	log := filepath.Join(t.TempDir(), "log")
	r, err := g.startProgram(program{name: "sh", path: "/bin/sh", args: []string{"-c", "echo port taken; exit 1"}, log: log})
	require.NoError(t, err)
	err = r.waitUntilReady(t.Context(), func(context.Context) error { return errors.New("not yet") })
	want := "sh ended while starting; the end of its log:\nport taken"
	if diff := cmp.Diff(want, errorText(err)); diff != "" {
		t.Error(diff)
	}
}

// TestStack_CheckRunning tells a process that ended by itself from one that was told to.
func TestStack_CheckRunning(t *testing.T) {
	t.Parallel()
	g, err := startReaper()
	require.NoError(t, err)
	defer g.runCleanups()
	s := &Stack{reaper: g, Dir: t.TempDir(), processes: map[string]*stackProcess{}}
	for name, script := range map[string]string{Controller: "echo lease lost; exit 1", Server1: "sleep 60"} {
		s.processes[name] = &stackProcess{program: program{name: name, path: "/bin/sh", args: []string{"-c", script}, log: s.LogPath(name)}}
		require.NoError(t, s.Launch(name))
	}
	<-s.Ended(Controller)
	want := "controller: process ended by itself (exit status 1); the end of its log:\nlease lost"
	if diff := cmp.Diff(want, errorText(s.CheckRunning(Controller))); diff != "" {
		t.Error(diff)
	}
	require.NoError(t, s.CheckRunning(Server1))
	s.Kill(Server1)
	require.NoError(t, s.CheckRunning(Server1))
}

func TestQuoteForShell(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(`'it'\''s; rm -rf /'`, quoteForShell("it's; rm -rf /")); diff != "" {
		t.Error(diff)
	}
}
