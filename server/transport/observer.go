package transport

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Observer sees requests begin and end: metrics, spans, the request log.
type Observer interface {
	// Start is called with the checked call before it is answered, and its end with the failure
	// the answer was, or nil. A stream ends when it is closed.
	Start(ctx context.Context, call *Call, header http.Header, trace Trace, started time.Time) (context.Context, func(*Failure))
}

// Trace is the W3C trace context of a request's _meta: JSON values as the client sent them.
type Trace struct {
	Parent, State json.RawMessage
}

type noObserver struct{}

func (noObserver) Start(ctx context.Context, _ *Call, _ http.Header, _ Trace, _ time.Time) (context.Context, func(*Failure)) {
	return ctx, func(*Failure) {}
}
