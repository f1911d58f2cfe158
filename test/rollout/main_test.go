//go:build !race

package rollout

import (
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/testenv/leak"
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard()) // the clients' of the tests; the processes log to their files
	leak.Main(m)
}
