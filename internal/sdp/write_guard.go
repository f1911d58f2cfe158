package sdp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// WriteGuard is asked right before a write is sent, which may be long after it was begun: it waits for its turn, a token and a
// connection, and its process may be stopped meanwhile.
type WriteGuard struct {
	// Deadline is when it is too late, by the clock of the wall and by that of the process.
	Deadline time.Time
	// Mark ends the texts that are written.
	Mark string
	// Seen is when the record that is changed was updated last, as it was read before; nil where that is not known.
	Seen *Time
	// BeforeSend is told how what is about to be sent is looked up. With an error it is not sent.
	BeforeSend func(context.Context, WriteTrace) error
}

type writeGuardKey struct{}

// WithWriteGuard returns ctx for calls that write. What the guard stops is an Error of KindCanceled: nothing was sent.
func WithWriteGuard(ctx context.Context, guard *WriteGuard) context.Context {
	return context.WithValue(ctx, writeGuardKey{}, guard)
}

// errTooLate says that a write was not sent, since its deadline is past.
var errTooLate = errors.New("the deadline of the write is past")

// isPast reports whether it is too late. A process that is stopped, and a machine that sleeps, are each seen by one of the clocks.
func (g *WriteGuard) isPast() bool {
	now := time.Now()
	return !g.Deadline.IsZero() && (!now.Before(g.Deadline) || !now.Round(0).Before(g.Deadline.Round(0)))
}

// guardWrite has a write be sent as the guard of ctx allows: it is asked now, and once more when the connection takes the body.
func guardWrite(ctx context.Context, request *http.Request, spec *call) *Error {
	g, has := ctx.Value(writeGuardKey{}).(*WriteGuard)
	if !has || !spec.isWrite() {
		return nil
	}
	stopped := func(cause error) *Error {
		return &Error{Op: spec.op, Kind: KindCanceled, reason: "the call was given up before it was sent", cause: cause}
	}
	if g.isPast() {
		return stopped(errTooLate)
	}
	if g.BeforeSend != nil {
		if err := g.BeforeSend(ctx, g.traceOf(spec)); err != nil {
			return stopped(err)
		}
	}
	if g.isPast() {
		return stopped(errTooLate)
	}
	open := request.GetBody
	switch {
	case open != nil:
	case request.Method == http.MethodDelete:
		// It is read as a body would be, and leaves none: net/http looks whether there is one. A PUT would become chunked by that.
		request.Body, open = http.NoBody, func() (io.ReadCloser, error) { return http.NoBody, nil }
	default:
		return nil
	}
	request.Body = &guardedBody{request.Body, g}
	request.GetBody = func() (io.ReadCloser, error) {
		body, err := open()
		return &guardedBody{body, g}, err
	}
	return nil
}

// guardedBody is read when a connection is there, before anything leaves: what is read is small, and goes with the headers.
type guardedBody struct {
	io.ReadCloser
	guard *WriteGuard
}

// Read implements io.Reader.
func (b *guardedBody) Read(into []byte) (int, error) {
	if b.guard.isPast() {
		return 0, errTooLate
	}
	return b.ReadCloser.Read(into)
}
