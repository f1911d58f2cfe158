package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// The stacks, each started by the first scenario that wants it. Scenarios of one stack follow each
// other, because some break what all of them need; the stacks work beside each other.
var (
	// whole is Lectern as it is released.
	whole = lazily(testenv.StackOptions{})
	// crowded is for thousands of prompts, which would slow down every start elsewhere. Its controller has no
	// Lease to lose while the machine is busy.
	crowded = lazily(testenv.StackOptions{ControllerArgs: []string{"--leader-elect=false"}})
	// mortal has fault points, and takes over from a killed controller without waiting for its Lease.
	mortal = lazily(testenv.StackOptions{Tags: "faultpoints", ControllerArgs: []string{"--leader-elect=false", "--migrate=verify"}})
)

var started struct {
	sync.Mutex
	stacks []*testenv.Stack
}

func lazily(options testenv.StackOptions) func(*testing.T) *testenv.Stack {
	start := sync.OnceValues(func() (*testenv.Stack, error) {
		stack, err := testenv.StartStack(context.Background(), options)
		if err == nil {
			started.Lock()
			defer started.Unlock()
			started.stacks = append(started.stacks, stack)
		}
		return stack, err
	})
	return func(t *testing.T) *testenv.Stack {
		t.Helper()
		stack, err := start()
		require.NoError(t, err)
		return stack
	}
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctrl.SetLogger(logr.Discard()) // the clients' of the tests; the processes log to their files
	failed := m.Run()
	var found error
	for _, stack := range slices.Backward(started.stacks) {
		found = errors.Join(found, stack.Stop())
	}
	if failed == 0 && found == nil {
		found = goleak.Find()
	}
	if found != nil {
		fmt.Fprintln(os.Stderr, found)
		return 1
	}
	return failed
}

func TestWhole(t *testing.T) {
	t.Parallel()
	t.Run("scripts", scripts)
	t.Run("both servers tell", bothServersTell)
	t.Run("legacy era", legacyEra)
	t.Run("cycle comes to rest", cycleComesToRest)
	t.Run("nothing but includes", nothingButIncludes)
	t.Run("many made again", manyMadeAgain)
	t.Run("database restored", databaseRestored)
	t.Run("etcd restored", etcdRestored)
	t.Run("empty database", emptyDatabase)
	t.Run("second cluster", secondCluster)
}

func TestCrowded(t *testing.T) {
	t.Parallel()
	t.Run("thousand dependents", thousandDependents)
	t.Run("whole collection", wholeCollection)
	t.Run("catalog bounded", catalogBounded)
	t.Run("store away under load", storeAwayUnderLoad)
}

func TestMortal(t *testing.T) {
	t.Parallel()
	t.Run("comparison", comparison)
	t.Run("killed at every step", killedAtEveryStep)
	t.Run("changes killed at every step", changesKilledAtEveryStep)
	t.Run("crowd of agents", crowdOfAgents)
}
