package postgres_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// writerProcess is a process that appends rows, in a folder that those after it have, too.
type writerProcess struct {
	*testing.T
	binary, folder, keyFile, url string
	// kept are the rows that were said to be kept, by all processes.
	kept map[string]int
}

func newWriterProcess(t *testing.T, database postgres.Options) *writerProcess {
	t.Helper()
	binary, err := testenv.BuildAuditWriter(t.Context(), "faultpoints")
	require.NoError(t, err)
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keyFile := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keyFile, keyset.Text(), 0o600))
	return &writerProcess{T: t, binary: binary, folder: t.TempDir(), keyFile: keyFile, url: pgtest.AsServerRole(t, database).URL, kept: map[string]int{}}
}

// run appends rows, and kills the process at a fault point, or once it said of so many rows that they are kept. It reports whether the
// process was killed.
func (p *writerProcess) run(prefix string, rows int, point faultpoint.Name, killAfter int) (killed bool) {
	p.Helper()
	ctx, cancel := context.WithCancel(p.Context())
	defer cancel()
	command := exec.CommandContext(ctx, p.binary, "--database-url="+p.url, "--folder="+p.folder, "--seal-key-file="+p.keyFile,
		fmt.Sprintf("--rows=%d", rows), "--prefix="+prefix)
	command.Env = append(os.Environ(), "LECTERN_FAULTPOINT="+string(point))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	require.NoError(p, err)
	require.NoError(p, command.Start())
	said := 0
	for lines := bufio.NewScanner(out); lines.Scan(); said++ {
		p.kept[lines.Text()] = 1
		if said == killAfter && killAfter > 0 {
			require.NoError(p, command.Process.Kill())
		}
	}
	err = command.Wait()
	exit, isExit := errors.AsType[*exec.ExitError](err)
	if err != nil && (!isExit || !exit.Sys().(syscall.WaitStatus).Signaled()) {
		p.Fatalf("the process failed: %v", err)
	}
	return err != nil
}

// TestAudit_Killed kills a process that writes the audit at each place between a row and the database, and as it comes: what it said is
// kept arrives, and nothing arrives twice. One row may arrive of which it had no time to say so.
func TestAudit_Killed(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	p := newWriterProcess(t, f.owner)
	unsaid := 0
	for _, point := range faultpoint.AuditPoints() {
		if !p.run(string(point), 25, point, 0) {
			t.Errorf("nothing was killed at %s", point)
		}
		unsaid++
	}
	for n := range 12 {
		if p.run(fmt.Sprintf("round-%d", n), 5000, "", 1+37*n) {
			unsaid++
		}
	}
	if p.run("last", 0, "", 0) {
		t.Fatal("the last process was killed")
	}
	got, extra := map[string]int{}, 0
	for _, target := range queryStrings(t, f.admin, "select target from mcp_tool_usage") {
		got[target]++
	}
	for target, times := range got {
		if p.kept[target] == 0 {
			extra++
			delete(got, target)
		}
		if times != 1 {
			t.Errorf("%s is there %d times", target, times)
		}
	}
	t.Logf("%d rows were said to be kept by processes of which %d were killed; %d more are there", len(p.kept), unsaid, extra)
	if diff := cmp.Diff(p.kept, got); diff != "" {
		t.Errorf("rows that were said to be kept, and those there are (-want +got)\n%s", diff)
	}
	left, err := os.ReadDir(p.folder)
	require.NoError(t, err)
	if len(left) != 0 {
		t.Errorf("%d segments are left", len(left))
	}
	v, err := openStore(t, f.owner).VerifyAudit(t.Context(), 10)
	require.NoError(t, err)
	if len(v.Problems) > 0 || v.Rows != int64(len(p.kept)+extra) {
		t.Errorf("verified %+v", v)
	}
}
