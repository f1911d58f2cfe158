package folder

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// isOpenForWriting reports whether some program has a file open for writing, where the file system says it: it gives no
// lease for reading then.
func isOpenForWriting(name string) bool {
	file, err := os.OpenFile(filepath.Clean(name), os.O_RDONLY|unix.O_NONBLOCK, 0) // to open a pipe is to wait for who writes to it
	if err != nil {
		return false
	}
	defer file.Close() //nolint:errcheck // only read; it gives the lease back
	_, err = unix.FcntlInt(file.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	return errors.Is(err, unix.EAGAIN)
}
