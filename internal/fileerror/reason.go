// Package fileerror says in messages why a file cannot be used.
//
// It knows nothing of what is in files. Its invariant: what it returns has no path, which a message has in words of its own.
package fileerror

import (
	"errors"
	"io/fs"
	"os"
)

// ReasonOf returns an error of the file system without the path, which stands beside it.
func ReasonOf(err error) string {
	if inner, is := errors.AsType[*fs.PathError](err); is {
		return inner.Err.Error()
	}
	if inner, is := errors.AsType[*os.LinkError](err); is {
		return inner.Err.Error()
	}
	return err.Error()
}
