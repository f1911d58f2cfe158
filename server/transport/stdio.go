package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
)

// maxUnderway bounds the requests of one pipe that are not answered yet, streams included.
const maxUnderway = 1024

// pipe is one client that started this program, or was started with it: every line is a message, and the
// server may send lines at any time.
type pipe struct {
	h         *Handler
	namespace string
	lines     *lines
	// working is the context of calls. That of streams, listening, ends first.
	working, listening context.Context //nolint:containedctx // of what the client asks for while it is there
	deafen             context.CancelFunc

	mu       sync.Mutex
	underway map[string]*underway
	ending   bool
	running  sync.WaitGroup
	// version and level are what an older client negotiated and set; channel tells it of changes.
	version string
	level   mcp.LoggingLevel
	channel *session
}

// underway is a request that is not answered yet.
type underway struct {
	cancel   context.CancelFunc
	canceled bool
}

// ServeStdio answers a client line by line until in ends or ctx does. At the end of in all that was asked is
// answered; at that of ctx requests have two seconds. It returns an error when the client does not read,
// and closes in and out where they can be closed, which is what frees whoever waits for them.
func (h *Handler) ServeStdio(ctx context.Context, identity auth.Identity, namespace string, in io.Reader, out io.Writer) error {
	working, stop := context.WithCancel(auth.WithIdentity(context.WithoutCancel(ctx), identity))
	defer stop()
	listening, deafen := context.WithCancel(working)
	defer deafen()
	defer context.AfterFunc(h.streams.stopping, deafen)()
	p := &pipe{
		h: h, namespace: namespace, lines: newLines(h, out), working: working, listening: listening, deafen: deafen,
		underway: make(map[string]*underway), level: mcp.LoggingLevelInfo,
	}
	read := make(chan error, 1)
	go func() { read <- p.read(in) }()
	var err error
	select {
	case err = <-read:
	case <-ctx.Done():
	case <-p.lines.broken:
		err = p.lines.err
	}
	p.end(ctx, stop, in, out)
	return err
}

// end lets requests under way end, and then has them given up.
func (p *pipe) end(ctx context.Context, stop func(), in io.Reader, out io.Writer) {
	p.mu.Lock()
	p.ending = true
	p.mu.Unlock()
	p.deafen()
	over := make(chan struct{})
	go func() { p.running.Wait(); close(over) }()
	select {
	case <-over:
	case <-p.lines.broken:
	case <-ctx.Done():
		late := time.NewTimer(min(p.h.config.Farewell, p.h.config.Patience))
		defer late.Stop()
		select {
		case <-over:
		case <-p.lines.broken:
		case <-late.C:
		}
	}
	stop()
	for _, end := range []any{in, out} {
		if closer, ok := end.(io.Closer); ok {
			_ = closer.Close() // nothing more is to come, nor to go
		}
	}
}

// read takes messages until there are no more.
func (p *pipe) read(in io.Reader) error {
	reader := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := readLine(reader, p.h.config.BodyLimit)
		switch {
		case errors.Is(err, errLongLine):
			_ = p.lines.answer(nil, nil, tooLarge("line", p.h.config.BodyLimit))
		case len(line) > 0:
			p.message(line)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			return nil
		case err != nil && !errors.Is(err, errLongLine):
			return fmt.Errorf("read from the client: %w", err)
		}
	}
}

// message takes one line. What it is about does not depend on what comes after it.
func (p *pipe) message(line []byte) {
	started := time.Now()
	e := &envelope{}
	switch f := decode(line, e); {
	case f != nil:
		_ = p.lines.answer(e.ID, nil, f)
	case e.isRequest():
		p.request(e, line, started)
	case mcp.MCPMethod(e.Method) == mcp.MethodNotificationCancelled:
		p.cancel(line)
	}
}

// cancel ends a request under way, which is not answered then.
func (p *pipe) cancel(line []byte) {
	var canceled struct {
		Params struct {
			RequestID rawID `json:"requestId"`
		} `json:"params"`
	}
	if decodeParams(line, &canceled) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.underway[string(canceled.Params.RequestID)]; u != nil {
		u.canceled = true
		u.cancel()
	}
}

// request answers a request: initialize before the next line is looked at, all others beside each other.
func (p *pipe) request(e *envelope, line []byte, started time.Time) {
	isModern := mcp.IsModernProtocol(e.version)
	call := &Call{Namespace: p.namespace, Duplex: true}
	method, f := p.h.dispatch.read(e, call, isModern, line)
	if !isModern {
		call.Version = p.negotiated()
	}
	if f == nil && isModern {
		f = call.Meta.checkModern(method != nil)
	}
	ctx := p.working
	if call.isListen() {
		ctx = p.listening
	}
	ctx, u, refused := p.begin(ctx, e.ID)
	if refused != nil {
		_ = p.lines.answer(e.ID, nil, refused)
		return
	}
	ctx = context.WithValue(ctx, callKey{}, call)
	ctx, record := p.h.config.Recorder.Start(ctx, call, nil, call.Meta.trace(), started)
	answer := func(body []byte) {
		defer p.running.Done()
		defer u.cancel()
		record(p.answer(ctx, method, call, e.ID, u, f, body))
	}
	if !isModern && p.isImmediate(call) {
		answer(line)
		return
	}
	go answer(nil)
}

// begin notes a request as under way. Two of one id could not be told apart.
func (p *pipe) begin(ctx context.Context, id rawID) (context.Context, *underway, *Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ending:
		return nil, nil, Unavailable("the server is ending", 1)
	case p.underway[string(id)] != nil:
		return nil, nil, invalidRequest(fmt.Sprintf("a request with the id %s is under way: give each its own", id))
	case len(p.underway) >= maxUnderway:
		return nil, nil, tooMany(fmt.Sprintf("%d requests are under way, which is all there may be: wait for an answer", maxUnderway))
	}
	ctx, cancel := context.WithCancel(ctx)
	u := &underway{cancel: cancel}
	p.underway[string(id)] = u
	p.running.Add(1)
	return ctx, u, nil
}

// answer has a request answered, unless it is canceled.
func (p *pipe) answer(ctx context.Context, method *row, call *Call, id rawID, u *underway, f *Failure, body []byte) *Failure {
	var result any
	switch {
	case f != nil:
	case p.isImmediate(call):
		result, f = p.immediately(ctx, method, call, body)
	case call.isListen():
		result, f = p.h.follow(ctx, call, id, p.lines)
	default:
		result, f = p.perform(ctx, method, call)
	}
	p.mu.Lock()
	canceled := u.canceled
	delete(p.underway, string(id)) // before the client knows, who may use it again
	p.mu.Unlock()
	if canceled {
		return Canceled()
	}
	f = p.lines.answer(id, result, f)
	if initialized, ok := result.(*mcp.InitializeResult); ok && f == nil {
		p.connect(initialized.ProtocolVersion)
	}
	return f
}

// perform has a request answered, and what its handler tells meanwhile written.
func (p *pipe) perform(ctx context.Context, method *row, call *Call) (any, *Failure) {
	if method != nil && method.talks {
		defer call.notifying(p.lines, p.h.config.KeepAlive, p.logLevel()).close()
	}
	return p.h.dispatch.dispatch(ctx, method, call)
}
