package transport

import (
	"context"
	"net/http"
	"time"
)

// Recorder keeps what became of calls.
type Recorder interface {
	// Begin is called with a call as far as it could be read, before it is answered, and returns the context it is answered in. End is
	// called once, with the failure the answer is, or nil, before the first byte of the answer is written, and where nobody takes it any
	// more. A nil end keeps nothing. The header is nil on a pipe; the name of the client is that of ClientInfo.
	Begin(ctx context.Context, call *Call, header http.Header, trace Trace, started time.Time) (_ context.Context, end func(*Failure))
}

// beginRecord has the recorder of the handler begin, if there is one. The end can be called in any case.
func (h *Handler) beginRecord(ctx context.Context, call *Call, header http.Header, started time.Time) (context.Context, func(*Failure)) {
	if h.config.Recorder == nil {
		return ctx, recordNothing
	}
	ctx, end := h.config.Recorder.Begin(ctx, call, header, call.Meta.traceContext(), started)
	if end == nil {
		end = recordNothing
	}
	return ctx, end
}

func recordNothing(*Failure) {}
