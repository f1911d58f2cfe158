package transport

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
)

// takeRequest takes one message from what its sender may ask, or returns the failure of one too many. It is a failure of
// JSON-RPC, and over HTTP of a success: clients make an error of the connection of any other status, and show neither what
// is wrong nor when to try again.
func (h *Handler) takeRequest(ctx context.Context, identity *auth.Identity, method string) *Failure {
	kind := auth.PromptRequest
	if method == string(mcp.MethodCompletionComplete) {
		kind = auth.CompletionRequest
	}
	if wait := h.config.Rates.Take(identity, kind); wait > 0 {
		h.config.Rates.DelayRefusal(ctx, identity)
		return TooManyRequests(wait)
	}
	return nil
}

// TooManyRequests is the failure of a call whose caller asks too often, and has to wait.
func TooManyRequests(wait time.Duration) *Failure {
	seconds := auth.RetrySeconds(wait)
	return retryableFailure(codeTooMany, fmt.Sprintf("too many requests of this caller; try again in %d s", seconds), seconds)
}

// acceptNotification answers a notification or a response. None changes anything here, and one that cancels must not: it names
// a request by its id, and ids of different callers are alike. It counts as a request all the same, as it costs one; there is
// no id to answer one too many under, so that is said by the status.
func (h *Handler) acceptNotification(ctx context.Context, x *exchange) {
	wait := h.config.Rates.Take(&x.identity, auth.PromptRequest)
	if wait > 0 {
		h.config.Rates.DelayRefusal(ctx, &x.identity)
	}
	h.limitWrite(x.control)
	if wait > 0 {
		x.w.Header().Set("Retry-After", strconv.Itoa(auth.RetrySeconds(wait)))
		http.Error(x.w, TooManyRequests(wait).Message, http.StatusTooManyRequests)
		return
	}
	x.w.WriteHeader(http.StatusAccepted)
}
