package transport

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// backlog is how many notifications of a call may wait to be written before its handler does. Half of it
// is for handlers that send from several goroutines at once.
const backlog = 64

// callSession is one call to mcp-go, for handlers that tell how far they are. It implements ClientSession
// and SessionWithLogging. What writes is started by the first notification: most calls send none.
type callSession struct {
	call  *Call
	level mcp.LoggingLevel
	// out is nil where the client accepts nothing but an answer.
	out   outlet
	alive time.Duration
	begin sync.Once
	notes chan mcp.JSONRPCNotification
	// taken holds one for whoever waits for room; over is closed by the end of the call, written when all
	// is.
	taken         chan struct{}
	over, written chan struct{}
}

func (*callSession) Initialize()       {}
func (*callSession) Initialized() bool { return true }
func (*callSession) SessionID() string { return "call" }

// SetLogLevel is for whoever keeps the level of a client; a call does not.
func (*callSession) SetLogLevel(mcp.LoggingLevel) {}

// GetLogLevel is that of an older client. Newer ones give one with each call, and mcp-go minds it.
func (s *callSession) GetLogLevel() mcp.LoggingLevel { return s.level }

// NotificationChannel waits until there is room, since mcp-go drops what it cannot send at once.
func (s *callSession) NotificationChannel() chan<- mcp.JSONRPCNotification {
	if s.out == nil {
		return make(chan mcp.JSONRPCNotification, 1)
	}
	s.begin.Do(func() {
		s.notes = make(chan mcp.JSONRPCNotification, backlog)
		s.taken = make(chan struct{}, 1)
		s.over, s.written = make(chan struct{}), make(chan struct{})
		go s.write()
	})
	for len(s.notes) >= backlog/2 {
		select {
		case <-s.taken:
			s.oneTaken() // others may wait as well
		case <-s.written:
			return s.notes
		}
	}
	return s.notes
}

func (s *callSession) oneTaken() {
	select {
	case s.taken <- struct{}{}:
	default:
	}
}

// write writes until the call is over, and then what was sent before.
func (s *callSession) write() {
	defer close(s.written)
	alive := time.NewTicker(s.alive)
	defer alive.Stop()
	for {
		select {
		case note := <-s.notes:
			s.oneTaken()
			s.pass(note)
		case <-alive.C:
			s.out.idle()
		case <-s.over:
			for {
				select {
				case note := <-s.notes:
					s.oneTaken()
					s.pass(note)
				default:
					return
				}
			}
		}
	}
}

// pass writes what a client asked for: progress, where it says how far, under the token of its request, log
// messages at a level, and nothing else during a call.
func (s *callSession) pass(note mcp.JSONRPCNotification) {
	asked := s.call.passed
	switch mcp.MCPMethod(note.Method) {
	case mcp.MethodNotificationProgress:
		if len(asked.progressToken) == 0 || len(note.Params.AdditionalFields) == 0 {
			return
		}
		note.Params.AdditionalFields = maps.Clone(note.Params.AdditionalFields)
		note.Params.AdditionalFields["progressToken"] = asked.progressToken // mcp-go passes numbers through a float
	case mcp.MethodNotificationMessage:
		if s.call.Modern && !asked.logs {
			return
		}
	default:
		return
	}
	s.out.note(note)
}

// finish waits until what the handler sent is written.
func (s *callSession) finish() {
	begun := true
	s.begin.Do(func() { begun = false })
	if begun {
		close(s.over)
		<-s.written
	}
}

// exchangeCall answers a call whose handler may send notifications: as events, then.
func (h *Handler) exchangeCall(ctx context.Context, x *exchange) *Failure {
	// A deadline that passes while the handler works would look like a client that left.
	_ = x.control.SetReadDeadline(time.Time{})
	out := h.events(x)
	var admitted outlet
	if accepts(x.header["Accept"], "text/event-stream") {
		admitted = out
	}
	result, f := h.perform(ctx, &x.call, x.page.Bytes(), admitted, mcp.LoggingLevelInfo)
	if out.begun {
		return h.finish(out, result, f)
	}
	return h.respond(x, result, f)
}

// perform has a call answered, and what its handler sends meanwhile written.
func (h *Handler) perform(ctx context.Context, call *Call, body []byte, out outlet, level mcp.LoggingLevel) (any, *Failure) {
	if call.passed == nil { // no handler that could send anything
		return h.dispatch.dispatch(ctx, call, body)
	}
	session := &callSession{call: call, level: level, out: out, alive: h.config.KeepAlive}
	defer session.finish()
	return h.dispatch.dispatch(h.config.Server.WithContext(ctx, session), call, body)
}
