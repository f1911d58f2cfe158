package folder

import (
	"bytes"
	"os"
	"path/filepath"
	"time"
)

const (
	// writersPeriod is how long a file that was taken away is waited with: a program may be about to open it, which found
	// it by its name while it had that.
	writersPeriod = 10 * time.Millisecond
	// writersTimeout is how long a program may keep such a file open for writing before it is put back.
	writersTimeout = 500 * time.Millisecond
)

// readAfterWriters reads a file that was taken away from its name and had this content, once no program has it open for
// writing: what such a program writes, it saves there and nowhere else. It returns at once when the content is another one,
// and an error when a program keeps the file open.
func readAfterWriters(name string, content []byte) ([]byte, error) {
	tick := time.NewTicker(writersPeriod / 4)
	defer tick.Stop()
	for begun := time.Now(); ; <-tick.C {
		isOpen := isOpenForWriting(name)
		now, err := os.ReadFile(filepath.Clean(name))
		if err != nil || !bytes.Equal(now, content) {
			return now, err
		}
		switch waited := time.Since(begun); {
		case !isOpen && waited >= writersPeriod:
			return now, nil
		case waited >= writersTimeout:
			return nil, errMoved
		}
	}
}
