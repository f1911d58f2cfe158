//go:build unix

package folder_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestOpen_Pipe: a pipe is not opened, since nobody may ever write to it.
func TestOpen_Pipe(t *testing.T) {
	t.Parallel()
	d := &harness{T: t, dir: t.TempDir(), store: memory.New(), log: &logbuffer.Buffer{}}
	d.write("greet.yaml", manifest("greet", "one"))
	require.NoError(d, syscall.Mkfifo(d.path("pipe.yaml"), 0o600))
	hangs := time.AfterFunc(time.Minute, func() {
		t.Error("the pipe was opened")
		if writer, err := os.OpenFile(d.path("pipe.yaml"), os.O_RDWR, 0); err == nil {
			_ = writer.Close()
		}
	})
	defer hangs.Stop()
	d.follow()
	d.soonServed("greet", "one")
	if d.log.Count("it is not a regular file") != 1 {
		t.Errorf("the log does not say so:\n%s", d.log.String())
	}
}
