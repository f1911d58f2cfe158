//go:build unix

package audit

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks a file for as long as it is open; locked is false when another process has it.
func lockFile(file *os.File) (locked bool, err error) {
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
