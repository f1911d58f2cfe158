package transport

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
)

// eventStream writes server-sent events. The response begins with the first one; after a failed write
// nothing more is written.
type eventStream struct {
	h       *Handler
	w       http.ResponseWriter
	control *http.ResponseController
	id      json.RawMessage
	begun   bool
	claim   *bodyClaim // of the answer, while that is written
	// record is that of the exchange.
	record func(*Failure)
	err    error
}

// newEventStream makes the stream of a request that may be answered by one.
func (h *Handler) newEventStream(x *exchange) *eventStream {
	return &eventStream{h: h, w: x.w, control: x.control, id: x.envelope.ID, record: x.record}
}

func (s *eventStream) notify(note mcp.JSONRPCNotification) (gone bool) {
	return s.writeEvent(func(p *responseBuffer) bool { return s.h.writeNotification(p, note) })
}

// writeKeepAlive writes a comment, once there is a stream to keep alive.
func (s *eventStream) writeKeepAlive() (gone bool) {
	if s.begun {
		s.write([]byte(": keep-alive\n\n"))
	}
	return s.err != nil
}

// finishStream ends a stream with the answer to its request.
func (h *Handler) finishStream(ctx context.Context, s *eventStream, result any, f *Failure) *Failure {
	claim, busy := h.claimAnswer(ctx, s.control, result)
	if busy != nil {
		result, f = nil, busy
	}
	defer claim.release()
	s.writeEvent(func(p *responseBuffer) bool {
		f = h.writeResponse(p, s.id, result, f)
		claim.resize(int64(p.Cap()))
		s.claim = claim
		s.record(f)
		return true
	})
	return f
}

func (s *eventStream) writeEvent(encode func(*responseBuffer) bool) (gone bool) {
	p := newResponseBuffer()
	defer p.release()
	p.WriteString("event: message\ndata: ")
	if !encode(p) {
		return s.err != nil
	}
	if p.Bytes()[p.Len()-1] == '\n' {
		p.Truncate(p.Len() - 1)
	}
	p.WriteString("\n\n")
	s.write(p.Bytes())
	return s.err != nil
}

func (s *eventStream) write(b []byte) {
	if s.err != nil {
		return
	}
	s.h.limitWrite(s.control)
	if !s.begun {
		s.begun = true
		header := s.w.Header()
		header.Set("Content-Type", "text/event-stream")
		header.Set("Cache-Control", "no-cache")
		header.Set("X-Accel-Buffering", "no")
		s.w.WriteHeader(http.StatusOK)
	}
	if s.err = s.claim.write(s.w, b); s.err == nil {
		s.err = s.control.Flush()
	}
}
