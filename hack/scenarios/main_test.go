package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/hack/local"
)

// patience bounds every wait for what must happen; it is long because machines are shared.
const patience = 90 * time.Second

// The stacks, each started by the first scenario that wants it.
var (
	// whole is Lectern as it is released.
	whole = lazily(local.StackOptions{})
	// mortal has fault points, and takes over from a killed controller without waiting for its Lease.
	mortal = lazily(local.StackOptions{Tags: "faultpoints", ControllerArgs: []string{"--leader-elect=false", "--migrate=verify"}})
)

var started struct {
	sync.Mutex
	stacks []*local.Stack
}

func lazily(options local.StackOptions) func(*testing.T) *local.Stack {
	start := sync.OnceValues(func() (*local.Stack, error) {
		stack, err := local.StartStack(context.Background(), options)
		if err == nil {
			started.Lock()
			defer started.Unlock()
			started.stacks = append(started.stacks, stack)
		}
		return stack, err
	})
	return func(t *testing.T) *local.Stack {
		t.Helper()
		stack, err := start()
		must(t, err)
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until try returns nil; its last error says what is still missing.
func eventually(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return local.Settle(ctx, try)
}
