package bridge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
)

const (
	// maxLine bounds a message of the client, in bytes: servers take no longer ones.
	maxLine = 4 << 20
	// maxInFlight bounds the messages that the server has not answered, streams included.
	maxInFlight = 256
)

// Bridge is one client on a pipe. It is used once.
type Bridge struct {
	server *Server
	log    *slog.Logger
	writer *lineWriter

	running sync.WaitGroup

	mu sync.Mutex
	// inFlight are requests by their id, and count how many messages there are, notifications included.
	inFlight map[string]*inFlightRequest
	count    int
	// version is what an older client agreed on.
	version string
	ending  bool
}

// inFlightRequest is a message that the server has not answered, a notification included.
type inFlightRequest struct {
	*message
	cancel context.CancelFunc
	// lasts is set where it is answered when somebody ends it.
	lasts bool
}

// New makes a bridge to a server. What goes wrong without the client being told, the log is.
func New(server *Server, log *slog.Logger) *Bridge {
	return &Bridge{server: server, log: log, inFlight: map[string]*inFlightRequest{}}
}

// Serve carries messages until in ends or ctx does. At the end of in all that was asked is answered, but streams end. It
// returns an error when in cannot be read or out not be written. A read of in may outlast it when ctx ends.
func (b *Bridge) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer b.running.Wait()
	defer b.endMessages()
	defer stop()
	b.writer = newLineWriter(out)
	read := make(chan error, 1)
	go func() { read <- b.readMessages(ctx, in) }()
	select {
	case <-ctx.Done():
		return nil
	case <-b.writer.broken:
		return fmt.Errorf("write to the client: %w", b.writer.err)
	case err := <-read:
		b.endStreams()
		answered := make(chan struct{})
		go func() { b.running.Wait(); close(answered) }()
		select {
		case <-answered:
		case <-ctx.Done():
		case <-b.writer.broken:
		}
		return err
	}
}

// endMessages takes no more messages.
func (b *Bridge) endMessages() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ending = true
}

// endStreams ends what lasts: its client is gone.
func (b *Bridge) endStreams() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.inFlight {
		if one.lasts {
			one.cancel()
		}
	}
}

func (b *Bridge) readMessages(ctx context.Context, in io.Reader) error {
	reader := bufio.NewReaderSize(in, 64<<10)
	for ctx.Err() == nil {
		line, err := readLine(reader, maxLine)
		switch {
		case errors.Is(err, errLongLine):
			f := &failure{Code: -32600, Message: fmt.Sprintf("the line is longer than %d bytes", maxLine)}
			_ = b.writer.writeLine(encodeFailure(nil, f))
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read from the client: %w", err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			b.takeMessage(ctx, parseMessage(line))
		}
	}
	return nil
}

// takeMessage carries a message on its own. What an older client agrees on at first is waited for: the headers of later
// messages say it.
func (b *Bridge) takeMessage(ctx context.Context, m *message) {
	switch {
	case m.Method == methodCancelled:
		b.cancelRequest(m.Params.RequestID)
		return
	case m.isResponse():
		return // servers ask nothing
	}
	ctx, cancel := context.WithCancel(ctx)
	one := &inFlightRequest{message: m, cancel: cancel, lasts: m.Method == methodListen}
	if f := b.trackMessage(one); f != nil {
		cancel()
		_ = b.writer.writeLine(encodeFailure(m.ID, f))
		return
	}
	carry := func() {
		defer cancel()
		defer b.untrackMessage(one)
		b.carryMessage(ctx, one)
	}
	if m.Method == methodInitialize {
		carry()
		return
	}
	go carry()
}

// cancelRequest closes the request's response, which is how HTTP cancels, and has it answered no more.
func (b *Bridge) cancelRequest(id json.RawMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.inFlight[string(id)]; one != nil {
		one.cancel()
		delete(b.inFlight, string(id))
	}
}

func (b *Bridge) trackMessage(one *inFlightRequest) *failure {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.ending:
		return &failure{Code: http.StatusServiceUnavailable, Message: "lectern connect is ending"}
	case b.count >= maxInFlight:
		return &failure{Code: http.StatusTooManyRequests, Message: fmt.Sprintf("%d messages are not answered yet; wait for one", maxInFlight)}
	}
	if one.isRequest() {
		if b.inFlight[string(one.ID)] != nil {
			return &failure{Code: -32600, Message: "a request with this id is not answered yet"}
		}
		b.inFlight[string(one.ID)] = one
	}
	b.count++
	b.running.Add(1)
	return nil
}

// freeID lets the client use the id of a request again. It is called before the answer is written.
func (b *Bridge) freeID(one *inFlightRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one.isRequest() && b.inFlight[string(one.ID)] == one {
		delete(b.inFlight, string(one.ID))
	}
}

func (b *Bridge) untrackMessage(one *inFlightRequest) {
	b.freeID(one)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count--
	b.running.Done()
}

// carryMessage sends a message and writes what comes back. A request that the server leaves without an answer gets one here.
func (b *Bridge) carryMessage(ctx context.Context, one *inFlightRequest) {
	b.mu.Lock()
	version := b.version
	b.mu.Unlock()
	answered := false
	err := b.server.exchange(ctx, one.message, version, func(line []byte, a *answer) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if one.isRequest() && a.answers(one.ID) {
			if answered {
				return nil
			}
			answered = true
			b.noteVersion(one.message, a)
			line = withID(line, a, one.ID)
			b.freeID(one)
		}
		return b.writer.writeLine(line)
	})
	if ctx.Err() == nil && !answered {
		b.reportFailure(one, err)
	}
}

// reportFailure tells the client, where it waits, and the log why there is no answer.
func (b *Bridge) reportFailure(one *inFlightRequest, err error) {
	f, is := errors.AsType[*failure](err)
	switch {
	case is:
	case err == nil && !one.isRequest():
		return
	case err == nil:
		f = &failure{Code: http.StatusBadGateway, Message: "the server ended its answer without answering"}
	default:
		return // the client does not read
	}
	if one.isRequest() {
		b.freeID(one)
		_ = b.writer.writeLine(encodeFailure(one.ID, f))
	}
	log := b.log
	if f.inner != nil {
		log = log.With("err", f.inner)
	}
	log.Warn("The server did not answer a message", "method", one.Method, "code", f.Code, "reason", f.Message)
}

// noteVersion keeps what an older client agreed on.
func (b *Bridge) noteVersion(m *message, a *answer) {
	if m.Method != methodInitialize || a.Result == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.version = a.Result.ProtocolVersion
}
