package bridge

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"
)

var errLongLine = errors.New("the line is too long")

// readLine returns the next line without its end. One over the limit is skipped. The last one need not end; io.EOF comes
// after it.
func readLine(reader *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := reader.ReadSlice('\n')
		if long = long || len(line)+len(part) > limit+1; !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case long && (err == nil || errors.Is(err, io.EOF)):
			return nil, errLongLine
		case errors.Is(err, io.EOF) && len(line) > 0:
			return bytes.TrimRight(line, "\r\n"), nil
		default:
			return bytes.TrimRight(line, "\r\n"), err
		}
	}
}

// lineWriter writes whole lines, one after the other, until one cannot be written.
type lineWriter struct {
	mu     sync.Mutex
	out    io.Writer
	err    error
	broken chan struct{}
}

func newLineWriter(out io.Writer) *lineWriter {
	return &lineWriter{out: out, broken: make(chan struct{})}
}

func (w *lineWriter) writeLine(line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if _, w.err = w.out.Write(append(line, '\n')); w.err != nil {
		close(w.broken)
	}
	return w.err
}
