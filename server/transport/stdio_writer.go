package transport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

var (
	errLongLine = errors.New("the line is too long")
	errStalled  = errors.New("the client does not read")
)

// readLine returns the next line without its end, and without blanks around it. A line over the limit is
// skipped. The last one need not end.
func readLine(r *bufio.Reader, limit int64) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || int64(len(line))+int64(len(part)) > limit+1; long {
			line = nil
		} else {
			line = appendPart(line, part, limit)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case long:
			return nil, errLongLine
		default:
			return clipLine(bytes.TrimSpace(line), len(line)), err
		}
	}
}

// clipLine returns a line that does not keep much more in memory than it has. Size is that of the line with its blanks.
func clipLine(line []byte, size int) []byte {
	if 2*len(line) < size {
		return bytes.Clone(line)
	}
	return line
}

// appendPart appends to a line that grows by doubling, up to its limit: append takes smaller steps, and leaves more behind.
func appendPart(line, part []byte, limit int64) []byte {
	if need := len(line) + len(part); need > cap(line) && len(line) > 0 {
		line = append(make([]byte, 0, max(need, min(2*cap(line), int(limit)+1))), line...)
	}
	return append(line, part...)
}

// lineWriter writes messages as lines, one after the other. Where the client does not read, whoever writes is
// freed after a while, and then nobody writes any more.
type lineWriter struct {
	h   *Handler
	out io.Writer
	// turn holds one: whoever took it writes.
	turn   chan struct{}
	broken chan struct{}
	once   sync.Once
	// err is why, once broken is closed.
	err error
}

func newLineWriter(h *Handler, out io.Writer) *lineWriter {
	l := &lineWriter{h: h, out: out, turn: make(chan struct{}, 1), broken: make(chan struct{})}
	l.turn <- struct{}{}
	return l
}

func (l *lineWriter) notify(note mcp.JSONRPCNotification) (gone bool) {
	p := newResponseBuffer()
	defer p.release()
	if !l.h.writeNotification(p, note) {
		return l.writeKeepAlive()
	}
	return l.write(p.Bytes())
}

// writeKeepAlive does nothing: who holds the other end of a pipe knows that it is there.
func (l *lineWriter) writeKeepAlive() (gone bool) {
	select {
	case <-l.broken:
		return true
	default:
		return false
	}
}

// respond writes the answer to a request, after record was told of it; without an id it is to whoever sent what could not be read.
func (l *lineWriter) respond(id json.RawMessage, result any, f *Failure, record func(*Failure)) *Failure {
	p := newResponseBuffer()
	defer p.release()
	f = l.h.writeResponse(p, id, result, f)
	record(f)
	p.WriteByte('\n')
	l.write(p.Bytes())
	return f
}

func (l *lineWriter) write(line []byte) (gone bool) {
	select {
	case <-l.broken:
		return true
	case <-l.turn:
	}
	if l.writeKeepAlive() {
		return true
	}
	watch := time.AfterFunc(l.h.config.WriteTimeout, func() { l.breakOff(errStalled) })
	_, err := l.out.Write(line)
	watch.Stop()
	if err != nil {
		l.breakOff(fmt.Errorf("write to the client: %w", err))
		return true
	}
	l.turn <- struct{}{}
	return false
}

func (l *lineWriter) breakOff(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.broken)
	})
}
