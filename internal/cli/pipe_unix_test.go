//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestValidateCommand_DoesNotOpenAPipe, since nobody may ever write to it.
func TestValidateCommand_DoesNotOpenAPipe(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a.yaml": start + "metadata: {name: a}\nspec: {text: x}\n"})
	pipe := filepath.Join(dir, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	hangs := time.AfterFunc(time.Minute, func() {
		t.Error("the pipe was opened")
		if writer, err := os.OpenFile(pipe, os.O_RDWR, 0); err == nil {
			_ = writer.Close()
		}
	})
	defer hangs.Stop()
	if printed, _ := run(t, ValidateCommand(), dir, "", "DIR"); printed != "DIR/pipe.yaml: cannot be read: it is not a regular file\n" {
		t.Errorf("got %q", printed)
	}
}
