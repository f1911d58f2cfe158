package fileerror

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestReasonOf(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "none")
	_, opened := os.Open(name)
	for _, err := range []error{opened, os.Rename(name, name+"2"), fmt.Errorf("wrapped: %w", opened)} {
		if got := ReasonOf(err); got != "no such file or directory" {
			t.Errorf("%v: got %q", err, got)
		}
	}
}
