package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
)

// busySeconds is after how long whoever found no room for a body may ask again.
const busySeconds = 5

// longPast is a deadline that ends whatever is being read.
var longPast = time.Unix(1, 0)

// requestBody is a body, which is not changed once it was read: what is read of a message are slices of it.
type requestBody struct {
	content []byte
	claim   *bodyClaim
}

// release forgets the body and gives its room back.
func (b *requestBody) release() {
	b.claim.release()
	*b = requestBody{}
}

// readBody reads the body of a request, of which no more is in memory than was admitted.
func (h *Handler) readBody(r *http.Request, x *exchange) (*Failure, int) {
	length, from := r.ContentLength, io.Reader(r.Body)
	if length > h.config.BodyLimit {
		return tooLarge("body", h.config.BodyLimit), http.StatusRequestEntityTooLarge
	}
	if length < 0 { // it is not announced: anything up to the limit may come
		length, from = h.config.BodyLimit, http.MaxBytesReader(x.w, r.Body, h.config.BodyLimit)
	}
	drop := func() { _ = x.control.SetReadDeadline(longPast) }
	first := min(length, smallBody)
	if x.body.claim = h.smallBodies.claim(r.Context(), first, drop); x.body.claim == nil {
		return x.refuseBusy()
	}
	// The next request sets its own deadline, and a stream lifts it. A ResponseRecorder in a test has none.
	_ = x.control.SetReadDeadline(time.Now().Add(h.config.WriteTimeout))
	x.body.content = make([]byte, 0, first)
	ended, err := x.body.fill(from)
	if err == nil && !ended && first < length {
		if wait := h.config.Rates.Wait(&x.identity, auth.PromptRequest); wait > 0 {
			return x.refuseUnread(TooManyRequests(wait), http.StatusTooManyRequests, auth.RetrySeconds(wait))
		}
		if !h.claimLarge(r.Context(), &x.body, length, drop) {
			return x.refuseBusy()
		}
		_ = x.control.SetReadDeadline(time.Now().Add(h.config.WriteTimeout))
		err = x.body.fillUp(from, length, r.ContentLength < 0)
	}
	if err != nil {
		return x.refuseBody(err, h.config.BodyLimit)
	}
	if x.body.claim.finishReading(int64(cap(x.body.content))); x.body.claim.dropped { // too late
		_ = x.control.SetReadDeadline(time.Now().Add(h.config.WriteTimeout))
	}
	return nil, 0
}

// claimLarge waits for room for a body that is not small, in place of the room it had until then.
func (h *Handler) claimLarge(ctx context.Context, b *requestBody, length int64, drop func()) bool {
	small := b.claim
	small.finishReading(small.size) // who waits here makes no progress
	b.claim = h.largeBodies.claim(ctx, length, drop)
	small.release()
	return b.claim != nil
}

// fill reads as much as there is room for, and reports whether that was all.
func (b *requestBody) fill(from io.Reader) (ended bool, err error) {
	for len(b.content) < cap(b.content) {
		n, err := from.Read(b.content[len(b.content):cap(b.content)])
		b.content = b.content[:len(b.content)+n]
		b.claim.noteProgress(int64(len(b.content)))
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			return false, err
		}
	}
	return false, nil
}

// fillUp reads the rest of a body of some length, or of one that has no end known and at most that length.
func (b *requestBody) fillUp(from io.Reader, length int64, endless bool) error {
	ended := false
	for size := int64(cap(b.content)); !ended && size < length; {
		if size *= 4; !endless || size > length {
			size = length
		}
		b.content = append(make([]byte, 0, size), b.content...)
		var err error
		if ended, err = b.fill(from); err != nil {
			return err
		}
	}
	if endless && !ended { // the end, or one byte too many
		if _, err := from.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// refuseBody says why a body could not be read.
func (x *exchange) refuseBody(err error, limit int64) (*Failure, int) {
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return tooLarge("body", limit), http.StatusRequestEntityTooLarge
	}
	if x.body.claim.wasDropped() {
		x.w.Header().Set("Connection", "close")
		return Unavailable("the body made no progress while others waited, and was dropped; send it again", 1), http.StatusRequestTimeout
	}
	return &Failure{Code: mcp.PARSE_ERROR, Message: "the body did not arrive whole"}, http.StatusBadRequest
}

// refuseBusy sends away a body there is no room for, unread.
func (x *exchange) refuseBusy() (*Failure, int) {
	return x.refuseUnread(busyFailure(), http.StatusServiceUnavailable, busySeconds)
}

// refuseUnread sends away a body without reading what is left of it, until some seconds later.
func (x *exchange) refuseUnread(f *Failure, status, seconds int) (*Failure, int) {
	header := x.w.Header()
	header.Set("Connection", "close")
	header.Set("Retry-After", strconv.Itoa(seconds))
	_ = x.control.SetReadDeadline(longPast)
	return f, status
}

func busyFailure() *Failure {
	return Unavailable(fmt.Sprintf("other requests take all the memory there is for requests; try again in %d s", busySeconds), busySeconds)
}

func tooLarge(what string, limit int64) *Failure {
	return invalidRequest(fmt.Sprintf("the %s is larger than %d bytes (%d MiB); send less", what, limit, limit>>20))
}
