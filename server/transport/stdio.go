package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
)

// maxInFlight bounds the requests of one connection that are not answered yet, streams included.
const maxInFlight = 1024

// stdioConn is one client that started this program, or was started with it: every line is a message, and the
// server may send lines at any time.
type stdioConn struct {
	h         *Handler
	namespace string
	writer    *lineWriter
	// calling is the context of calls. That of streams, listening, ends first.
	calling, listening context.Context //nolint:containedctx // of what the client asks for while it is there
	stopListening      context.CancelFunc

	mu       sync.Mutex
	inFlight map[string]*inFlightRequest
	ending   bool
	running  sync.WaitGroup
	// version and level are what an older client negotiated and set; channel tells it of changes.
	version string
	client  mcp.Implementation
	level   mcp.LoggingLevel
	channel *subscriber
}

// inFlightRequest is a request that is not answered yet.
type inFlightRequest struct {
	cancel   context.CancelFunc
	canceled bool
	// record is the end of what the recorder began.
	record func(*Failure)
}

// ServeStdio answers a client line by line until in ends or ctx does. At the end of in all that was asked is
// answered; at that of ctx requests have two seconds. It returns an error when the client does not read,
// and closes in and out where they can be closed, which is what frees whoever waits for them.
func (h *Handler) ServeStdio(ctx context.Context, identity auth.Identity, namespace string, in io.Reader, out io.Writer) error {
	working, stop := context.WithCancel(auth.WithIdentity(context.WithoutCancel(ctx), identity))
	defer stop()
	listening, stopListening := context.WithCancel(working)
	defer stopListening()
	defer context.AfterFunc(h.subscriptions.stopping, stopListening)()
	p := &stdioConn{
		h: h, namespace: namespace, writer: newLineWriter(h, out), calling: working, listening: listening, stopListening: stopListening,
		inFlight: make(map[string]*inFlightRequest), level: mcp.LoggingLevelInfo,
	}
	read := make(chan error, 1)
	go func() { read <- p.readMessages(in) }()
	var err error
	select {
	case err = <-read:
	case <-ctx.Done():
	case <-p.writer.broken:
		err = p.writer.err
	}
	p.shutDown(ctx, stop, in, out)
	return err
}

// shutDown lets requests under way end, and then has them given up.
func (p *stdioConn) shutDown(ctx context.Context, stop func(), in io.Reader, out io.Writer) {
	p.mu.Lock()
	p.ending = true
	p.mu.Unlock()
	p.stopListening()
	over := make(chan struct{})
	go func() { p.running.Wait(); close(over) }()
	select {
	case <-over:
	case <-p.writer.broken:
	case <-ctx.Done():
		late := time.NewTimer(min(p.h.config.DrainTimeout, p.h.config.WriteTimeout))
		defer late.Stop()
		select {
		case <-over:
		case <-p.writer.broken:
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

// readMessages takes messages until there are no more.
func (p *stdioConn) readMessages(in io.Reader) error {
	reader := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := readLine(reader, p.h.config.BodyLimit)
		switch {
		case errors.Is(err, errLongLine):
			_ = p.writer.respond(nil, nil, tooLarge("line", p.h.config.BodyLimit), recordNothing)
		case len(line) > 0:
			p.serveLine(line)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			return nil
		case err != nil && !errors.Is(err, errLongLine):
			return fmt.Errorf("read from the client: %w", err)
		}
	}
}

// serveLine takes one line. What it is about does not depend on what comes after it. A long one waits for room.
func (p *stdioConn) serveLine(line []byte) {
	started := time.Now()
	e := &envelope{}
	f := decodeMessage(line, e)
	switch {
	case f != nil:
		_ = p.writer.respond(e.ID, nil, f, recordNothing)
	case e.isRequest():
		p.serveRequest(e, cap(line), started)
	case mcp.MCPMethod(e.Method) == mcp.MethodNotificationCancelled:
		p.cancelRequest(e)
	}
}

// cancelRequest ends a request under way, which is not answered then.
func (p *stdioConn) cancelRequest(e *envelope) {
	if id := e.Params.RequestID; len(id) == 0 || !isID(id) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.inFlight[requestKey(e.Params.RequestID)]; u != nil {
		u.canceled = true
		u.cancel()
	}
}

// serveRequest answers a request: initialize before the next line is looked at, all others beside each other. Size is what
// the line takes.
func (p *stdioConn) serveRequest(e *envelope, size int, started time.Time) {
	isModern := mcp.IsModernProtocol(e.version)
	call := &Call{Namespace: p.namespace, Narrowing: p.h.config.StdioNarrowing, Duplex: true}
	method, f := p.h.dispatch.readCall(e, call, isModern)
	if !isModern {
		call.Version, call.client = p.negotiatedVersion()
	}
	changesConnection := p.isConnectionRequest(call)
	switch {
	case f != nil:
	case isModern:
		f = call.Meta.checkModern(method != nil)
	case changesConnection && method == nil: // of resources, which are followed by no route
		if f = e.checkParams(); f == nil {
			f = call.readURI(&e.Params)
		}
	}
	var claim *bodyClaim
	ctx := p.calling
	switch {
	case call.isListen():
		ctx = p.listening
		call.notifications = slices.Clone(call.notifications)
	case f == nil && size > smallBody:
		if claim = p.h.largeBodies.claim(ctx, int64(size), nil); claim == nil {
			f = busyFailure()
		}
	}
	id := slices.Clone(e.ID) // a stream that lasts keeps nothing else of the message
	ctx, u, refused := p.trackRequest(ctx, id)
	if refused != nil {
		claim.release()
		_, end := p.h.beginRecord(p.calling, call, nil, started)
		_ = p.writer.respond(id, nil, refused, end)
		return
	}
	ctx = context.WithValue(ctx, callKey{}, call)
	ctx, observed := p.h.config.Observer.Start(ctx, call, nil, call.Meta.traceContext(), started)
	ctx, u.record = p.h.beginRecord(ctx, call, nil, started)
	answer := func() {
		defer p.running.Done()
		defer u.cancel()
		defer claim.release()
		observed(p.answerRequest(ctx, method, call, id, u, f))
	}
	if changesConnection {
		answer()
		return
	}
	go answer()
}

// trackRequest notes a request as under way. Two of one id could not be told apart.
func (p *stdioConn) trackRequest(ctx context.Context, id json.RawMessage) (context.Context, *inFlightRequest, *Failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ending:
		return nil, nil, Unavailable("the server is ending", 1)
	case p.inFlight[requestKey(id)] != nil:
		return nil, nil, invalidRequest(fmt.Sprintf("a request with the id %s is under way: give each its own", id))
	case len(p.inFlight) >= maxInFlight:
		return nil, nil, tooMany(fmt.Sprintf("%d requests are under way, which is all there may be: wait for an answer", maxInFlight))
	}
	ctx, cancel := context.WithCancel(ctx)
	u := &inFlightRequest{cancel: cancel}
	p.inFlight[requestKey(id)] = u
	p.running.Add(1)
	return ctx, u, nil
}

// answerRequest has a request answered, unless it is canceled.
func (p *stdioConn) answerRequest(ctx context.Context, method *route, call *Call, id json.RawMessage, u *inFlightRequest, f *Failure) *Failure {
	var result any
	switch {
	case f != nil:
	case p.isConnectionRequest(call):
		result, f = p.answerConnectionRequest(ctx, method, call)
	case call.isListen():
		result, f = p.h.serveSubscription(ctx, call, id, p.writer)
	default:
		result, f = p.callMethod(ctx, method, call)
	}
	p.mu.Lock()
	canceled := u.canceled
	delete(p.inFlight, requestKey(id)) // before the client knows, who may use it again
	p.mu.Unlock()
	if canceled {
		u.record(Canceled())
		return Canceled()
	}
	f = p.writer.respond(id, result, f, u.record)
	if initialized, ok := result.(*mcp.InitializeResult); ok && f == nil {
		p.startNotifications(initialized.ProtocolVersion)
	}
	return f
}

// callMethod has a request answered, and what its handler tells meanwhile written.
func (p *stdioConn) callMethod(ctx context.Context, method *route, call *Call) (any, *Failure) {
	if method != nil && method.talks {
		defer call.startNotifier(p.writer, p.h.config.KeepAlive, p.logLevel()).close()
	}
	return p.h.dispatch.dispatch(ctx, method, call)
}
