//go:build unix

package server

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// takeStdout gives the standard output to one caller. Whatever else this process writes there, by whatever library,
// goes to standard error from now on.
func takeStdout() (*os.File, error) {
	out, err := unix.FcntlInt(os.Stdout.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err == nil {
		err = unix.Dup2(int(os.Stderr.Fd()), int(os.Stdout.Fd()))
	}
	if err != nil {
		return nil, fmt.Errorf("take the standard output: %w", err)
	}
	return os.NewFile(uintptr(out), "stdout"), nil
}
