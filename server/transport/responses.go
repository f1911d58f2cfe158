package transport

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
)

// respond writes the one answer to a request that is no stream: as an event all the same where the client takes nothing
// else.
func (h *Handler) respond(ctx context.Context, x *exchange, result any, f *Failure) *Failure {
	if accept := x.header["Accept"]; f == nil && !acceptsType(accept, "application/json") && acceptsType(accept, "text/event-stream") {
		return h.finishStream(ctx, h.newEventStream(x), result, nil)
	}
	claim, busy := h.claimAnswer(ctx, x.control, result)
	if busy != nil {
		result, f = nil, busy
	}
	defer claim.release()
	x.buffer.Reset()
	f = h.writeResponse(x.buffer, x.envelope.ID, result, f)
	claim.resize(int64(x.buffer.Cap()))
	x.record(f)
	status := http.StatusOK
	if f != nil && x.call.Modern {
		status = f.httpStatus()
	}
	h.sendBuffer(x, status, claim)
	return f
}

// reject writes a failure over whatever the buffer holds.
func (h *Handler) reject(x *exchange, f *Failure, status int) {
	x.buffer.Reset()
	_ = h.writeResponse(x.buffer, x.envelope.ID, nil, f)
	h.sendBuffer(x, status, nil)
}

// writeResponse writes a whole response into a buffer. A result that cannot be encoded is an internal error.
func (h *Handler) writeResponse(p *responseBuffer, id json.RawMessage, result any, f *Failure) *Failure {
	start := p.Len()
	if err := p.appendResponse(id, result, f); err != nil {
		h.config.Log.Error("An answer could not be encoded", "err", err)
		p.Truncate(start)
		f = Internal()
		_ = p.appendResponse(id, nil, f) // a code and a text have no way to fail
	}
	return f
}

// writeNotification writes a notification into a buffer. One that cannot be encoded costs the client nothing else.
func (h *Handler) writeNotification(p *responseBuffer, note mcp.JSONRPCNotification) bool {
	if err := p.encoder.Encode(note); err != nil {
		h.config.Log.Error("A notification could not be encoded", "method", note.Method, "err", err)
		return false
	}
	return true
}

// sendBuffer writes the buffer as the only content of a response.
func (h *Handler) sendBuffer(x *exchange, status int, claim *bodyClaim) {
	h.limitWrite(x.control)
	x.buffer.send(x.w, status, claim)
}
