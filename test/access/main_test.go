package access

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// sharedWorld is what all tests look at, made by the first that wants it.
var sharedWorld = sync.OnceValues(func() (*world, error) { return newWorld(context.Background()) })

// started are the stacks that there are.
var started []*testenv.Stack

func getWorld(t *testing.T) *world {
	t.Helper()
	w, err := sharedWorld()
	require.NoError(t, err)
	return w
}

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	ctrl.SetLogger(logr.Discard())
	failed := m.Run()
	var found error
	for _, stack := range started {
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
