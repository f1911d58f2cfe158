package transport

import (
	"encoding/json"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
)

// events writes server-sent events. The response begins with the first one; after a failed write
// nothing more is written.
type events struct {
	h       *Handler
	w       http.ResponseWriter
	control *http.ResponseController
	id      json.RawMessage
	begun   bool
	err     error
}

// events are those of a request that may be answered by a stream.
func (h *Handler) events(x *exchange) *events {
	return &events{h: h, w: x.w, control: x.control, id: x.envelope.ID}
}

func (s *events) note(note mcp.JSONRPCNotification) (gone bool) {
	return s.event(func(p *page) bool { return s.h.writeNotification(p, note) })
}

// idle writes a comment, once there is a stream to keep alive.
func (s *events) idle() (gone bool) {
	if s.begun {
		s.write([]byte(": keep-alive\n\n"))
	}
	return s.err != nil
}

// finish ends a stream with the answer to its request.
func (h *Handler) finish(s *events, result any, f *Failure) *Failure {
	s.event(func(p *page) bool {
		f = h.writeResponse(p, s.id, result, f)
		return true
	})
	return f
}

func (s *events) event(encode func(*page) bool) (gone bool) {
	p := newPage()
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

func (s *events) write(b []byte) {
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
	if _, s.err = s.w.Write(b); s.err == nil {
		s.err = s.control.Flush()
	}
}
