package audit

import (
	"errors"
	"os"
	"syscall"
)

// keepSize is FALLOC_FL_KEEP_SIZE.
const keepSize = 1

// reserveRoom has the file system promise room for length bytes from an offset, and leaves the file's size. A file system that cannot
// promise says nothing.
func reserveRoom(file *os.File, offset, length int64) error {
	err := syscall.Fallocate(int(file.Fd()), keepSize, offset, length)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
}
