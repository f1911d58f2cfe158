package egress

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// TestMain waits until no goroutine of a test is left.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := wait.Until(context.Background(), func(context.Context) error { return goleak.Find() }); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
