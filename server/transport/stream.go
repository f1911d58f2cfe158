package transport

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// streams are the open subscriptions/listen streams.
type streams struct {
	serial atomic.Uint64
	mu     sync.Mutex
	open   map[*session]struct{}
	// stopping ends every stream, those to come included.
	stopping context.Context
	stop     context.CancelFunc
}

func newStreams() *streams {
	ctx, stop := context.WithCancel(context.Background())
	return &streams{open: make(map[*session]struct{}), stopping: ctx, stop: stop}
}

// Stop ends every open stream with its final result. New ones end at once.
func (h *Handler) Stop() { h.streams.stop() }

// Streams counts the open ones.
func (h *Handler) Streams() int {
	h.streams.mu.Lock()
	defer h.streams.mu.Unlock()
	return len(h.streams.open)
}

// NotifyPromptsChanged tells every stream that asked for it, and that concerned allows, that the list
// of prompts changed. The context is the stream's: it has the caller's identity.
func (h *Handler) NotifyPromptsChanged(concerned func(ctx context.Context, namespace string) bool) {
	h.streams.mu.Lock()
	sessions := make([]*session, 0, len(h.streams.open))
	for s := range h.streams.open {
		sessions = append(sessions, s)
	}
	h.streams.mu.Unlock()
	for _, s := range sessions {
		if filter, active := s.SubscriptionFilter(); active && filter.PromptsListChanged && concerned(s.ctx, s.namespace) {
			s.promptsChanged()
		}
	}
}

// session is one stream to mcp-go. It implements ClientSession and SessionWithSubscriptionFilter.
type session struct {
	ctx       context.Context //nolint:containedctx // the stream's, for who is told of changes
	id        string
	namespace string
	// notes takes what mcp-go sends: the acknowledgement.
	notes chan mcp.JSONRPCNotification
	// changed holds at most one: a list that changed twice is fetched once.
	changed chan struct{}

	mu     sync.Mutex
	filter mcp.SubscriptionFilter
	active bool
}

func (*session) Initialize()         {}
func (*session) Initialized() bool   { return true }
func (s *session) SessionID() string { return s.id }

func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notes }

func (s *session) SetSubscriptionFilter(filter mcp.SubscriptionFilter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filter, s.active = filter, !filter.IsEmpty()
}

func (s *session) SubscriptionFilter() (mcp.SubscriptionFilter, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.filter, s.active
}

func (s *session) promptsChanged() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *streams) add(ctx context.Context, namespace string) *session {
	session := &session{
		ctx:       ctx,
		id:        "listen-" + strconv.FormatUint(s.serial.Add(1), 10),
		namespace: namespace,
		notes:     make(chan mcp.JSONRPCNotification, 4),
		changed:   make(chan struct{}, 1),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[session] = struct{}{}
	return session
}

func (s *streams) remove(session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, session)
}

// ended is what HandleMessage answers when a stream is over.
type ended struct {
	result  any
	failure *Failure
}

// listen serves a subscriptions/listen request: mcp-go blocks in it for as long as the stream is
// open, on a goroutine of its own; this one is the only writer.
func (h *Handler) listen(ctx context.Context, x *exchange) *Failure {
	if !accepts(x.header["Accept"], "text/event-stream") {
		h.limitWrite(x.control)
		http.Error(x.w, "Accept must admit text/event-stream", http.StatusNotAcceptable)
		return invalidRequest("a stream was not accepted")
	}
	// A deadline that passes while nothing is read would look like a client that left.
	_ = x.control.SetReadDeadline(time.Time{})
	x.release()
	x.envelope = envelope{ID: x.envelope.ID}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.streams.stopping, cancel)()
	session := h.streams.add(ctx, x.namespace)
	defer h.streams.remove(session)

	over := make(chan ended, 1)
	go func() {
		result, f := h.dispatch.dispatch(h.config.Server.WithContext(ctx, session), &x.call, nil)
		over <- ended{result: result, failure: f}
	}()

	// Nothing is sent before the acknowledgement, whatever changes meanwhile.
	s := &events{w: x.w, control: x.control, limitWrite: h.limitWrite, id: x.envelope.ID}
	select {
	case ack := <-session.notes:
		s.begin()
		s.note(ack)
		end := h.stream(session, s, over, cancel)
		s.finish(end)
		return end.failure
	case end := <-over:
		select {
		case ack := <-session.notes: // it ended at once, in order
			s.begin()
			s.note(ack)
			s.finish(end)
			return end.failure
		default:
			x.page = newPage()
			return h.respond(x, end.result, end.failure)
		}
	}
}

// stream writes events until mcp-go is done. What was sent before the end is written before it.
func (h *Handler) stream(session *session, s *events, over <-chan ended, cancel func()) ended {
	alive := time.NewTicker(h.config.KeepAlive)
	defer alive.Stop()
	for {
		select {
		case note := <-session.notes:
			s.note(note)
		case <-session.changed:
			s.promptsChanged()
		case <-alive.C:
			s.comment()
		case end := <-over:
			for {
				select {
				case note := <-session.notes:
					s.note(note)
				case <-session.changed:
					s.promptsChanged()
				default:
					return end
				}
			}
		}
		if s.err != nil {
			cancel() // the client is gone; mcp-go lets go of the request
		}
	}
}

// events writes server-sent events. After an error it writes nothing more.
type events struct {
	w          http.ResponseWriter
	control    *http.ResponseController
	limitWrite func(*http.ResponseController)
	id         json.RawMessage
	err        error
}

func (s *events) begin() {
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Accel-Buffering", "no")
	s.w.WriteHeader(http.StatusOK)
}

// note writes a notification tagged with the id of the stream, as the client wrote it.
func (s *events) note(note mcp.JSONRPCNotification) {
	if note.Params.Meta == nil {
		note.Params.Meta = make(map[string]any, 1)
	}
	note.Params.Meta[mcp.MetaKeySubscriptionID] = s.id
	s.event(func(p *page) error { return p.encoder.Encode(note) })
}

func (s *events) promptsChanged() {
	s.note(mcp.JSONRPCNotification{
		JSONRPC:      mcp.JSONRPC_VERSION,
		Notification: mcp.Notification{Method: mcp.MethodNotificationPromptsListChanged},
	})
}

func (s *events) finish(end ended) {
	if result, ok := end.result.(mcp.SubscriptionsListenResult); ok {
		result.EnsureResultMeta().SetSubscriptionID(s.id)
		end.result = result
	}
	s.event(func(p *page) error { return p.answer(s.id, end.result, end.failure) })
}

func (s *events) comment() { s.write([]byte(": keep-alive\n\n")) }

func (s *events) event(encode func(*page) error) {
	p := newPage()
	defer p.release()
	p.WriteString("event: message\ndata: ")
	if err := encode(p); err != nil {
		s.err = err
		return
	}
	if p.Bytes()[p.Len()-1] == '\n' {
		p.Truncate(p.Len() - 1)
	}
	p.WriteString("\n\n")
	s.write(p.Bytes())
}

func (s *events) write(b []byte) {
	if s.err != nil {
		return
	}
	s.limitWrite(s.control)
	if _, s.err = s.w.Write(b); s.err == nil {
		s.err = s.control.Flush()
	}
}
