package access

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// sharedWorld is what all tests look at, made by the first that wants it.
var sharedWorld = sync.OnceValues(func() (*world, error) { return newWorld(context.Background()) })

// started are the stacks that there are.
var started []*testenv.Stack

// stops end what else was started.
var stops []func()

func getWorld(t *testing.T) *world {
	t.Helper()
	w, err := sharedWorld()
	require.NoError(t, err)
	return w
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	leak.Main(m, func() (failed error) {
		for _, stack := range started {
			failed = errors.Join(failed, stack.Stop())
		}
		for _, stop := range stops {
			stop()
		}
		return failed
	})
}
