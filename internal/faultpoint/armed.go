//go:build faultpoints

package faultpoint

import (
	"os"
	"syscall"
)

// Hit kills the process, as kill -9 would, when name is the one LECTERN_FAULTPOINT chooses.
func Hit(name Name) {
	if os.Getenv("LECTERN_FAULTPOINT") == string(name) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing after this point may run
	}
}
