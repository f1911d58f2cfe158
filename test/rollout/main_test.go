package rollout

import (
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"go.uber.org/goleak"
	ctrl "sigs.k8s.io/controller-runtime"
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard()) // the clients' of the tests; the processes log to their files
	failed := m.Run()
	if failed == 0 {
		if found := goleak.Find(); found != nil {
			fmt.Fprintln(os.Stderr, found)
			failed = 1
		}
	}
	os.Exit(failed)
}
