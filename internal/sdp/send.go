package sdp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 16 << 20

// result is an answer, and its bytes where a file was asked for.
type result struct {
	answer
	file []byte
	// spec is the call that was sent at a time, and over at another.
	spec            *call
	sentAt, endedAt time.Time
}

// asAttempt returns what a lookup of the write needs.
func (r result) asAttempt() *Attempt {
	return &Attempt{Method: r.spec.method, Path: r.spec.path.text, Record: r.spec.record, SentAt: r.sentAt, EndedAt: r.endedAt}
}

// do sends a call, and sends it again as decideRetry says. Its error is an *Error.
func (c *Client) do(ctx context.Context, spec *call) (result, error) {
	if spec.path.bad {
		return result{}, invalidInput(spec.op, "an id is a whole number")
	}
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.Multiplier, pauses.RandomizationFactor = c.config.Retry.First, 2, 0.25
	pauses.Reset()
	sent, otherTokens := 0, 0
	for attempt := 1; ; attempt++ {
		sent++
		got, token, failed := c.sendOnce(ctx, spec, sent)
		if failed == nil {
			return got, nil
		}
		if failed.Kind == KindTokenRefused && otherTokens < maxOtherTokens {
			// It was not carried out, so a write may be sent once more too.
			otherTokens++
			if failed.cause = c.config.Tokens.Refused(ctx, token); failed.cause == nil {
				attempt--
				continue
			}
		}
		next := decideRetry(failed, attempt, c.config.Retry, pauses.NextBackOff())
		if failed.Kind == KindThrottled && failed.Status != 0 {
			failed.RetryAfter = next.wait
			c.config.Limiter.Pause(ctx, next.wait)
		}
		if deadline, bounded := ctx.Deadline(); !next.again || bounded && time.Until(deadline) < next.wait {
			return result{}, failed
		}
		if err := sleepContext(ctx, next.wait); err != nil {
			return result{}, failed
		}
	}
}

// maxOtherTokens is how often a call is sent with another token than the one that was refused: the first other one may be dead as
// soon as it is there.
const maxOtherTokens = 2

// nextAttempt is what is done after a failure.
type nextAttempt struct {
	again bool
	wait  time.Duration
}

// decideRetry decides whether a failed call is sent again, and after which wait: reads and writes that were not carried out, when
// waiting may help. pause is what the backoff says; a Retry-After counts instead.
func decideRetry(failed *Error, attempt int, policy RetryPolicy, pause time.Duration) nextAttempt {
	next := nextAttempt{wait: pause}
	if failed.RetryAfter > 0 {
		next.wait = failed.RetryAfter
	}
	next.again = failed.transient && failed.IsRetrySafe() && attempt < policy.Attempts && next.wait <= policy.Longest
	return next
}

// sendOnce sends a call once.
func (c *Client) sendOnce(ctx context.Context, spec *call, number int) (result, redact.Secret, *Error) {
	if err := c.config.Limiter.Wait(ctx); err != nil {
		return result{}, redact.Secret{}, waitFailure(spec, err)
	}
	token, err := c.config.Tokens.Token(ctx)
	if err != nil {
		return result{}, redact.Secret{}, &Error{Op: spec.op, Kind: KindNoToken, reason: "there is no token now", cause: err}
	}
	bounded, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	// Once there is a connection, a request may go out even if this side gives up.
	var connected atomic.Bool
	request, err := c.newRequest(httptrace.WithClientTrace(bounded, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}), spec)
	if err != nil {
		failed, _ := errors.AsType[*Error](err)
		return result{}, token, failed
	}
	request.Header.Set(c.config.Edition.authorization(token.Reveal()))
	if stopped := guardWrite(ctx, request, spec); stopped != nil {
		return result{}, token, stopped
	}

	seen := Observation{Op: spec.op, Method: spec.method, Template: spec.path.template, Path: spec.path.text, Sent: spec.sentInput, Attempt: number, SentAt: time.Now()}
	got, failed := c.roundTrip(request, spec, redact.New(token))
	seen.Took = time.Since(seen.SentAt)
	got.spec, got.sentAt, got.endedAt = spec, seen.SentAt, seen.SentAt.Add(seen.Took)
	if failed != nil && failed.Status == 0 {
		failed = connectionFailure(ctx, spec, failed.cause, connected.Load())
	}
	if failed != nil && failed.Kind == KindIndeterminate {
		failed.Attempt = got.asAttempt()
	}
	if c.config.Observe != nil {
		seen.Status, seen.Codes, seen.Answered = got.status, got.summarizeStatuses().codes, got.body.text
		if failed != nil {
			seen.Status, seen.Kind = failed.Status, failed.Kind
		}
		c.config.Observe(ctx, seen)
	}
	return got, token, failed
}

// roundTrip sends a request and reads its answer. Without an answer the failure has Status 0 and its cause, and is not yet
// classified.
func (c *Client) roundTrip(request *http.Request, spec *call, secrets *redact.Redactor) (result, *Error) {
	response, err := c.config.HTTP.Do(request)
	if err != nil {
		return result{}, &Error{cause: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if len(body) > maxAnswer {
		failed := &Error{Op: spec.op, Kind: KindUnavailable, Status: response.StatusCode, reason: "the answer is longer than 16 MiB"}
		if spec.isWrite() {
			failed.Kind = KindIndeterminate
		}
		return result{}, failed
	}
	if err != nil {
		body = append(body, "\x00cut off"...) // no JSON any more
	}
	got := result{answer: readAnswer(response.StatusCode, response.Header, body, time.Now())}
	isNamed := response.Header.Get("Content-Disposition") != ""
	if spec.wantsBytes && err == nil && got.status == http.StatusOK && (isNamed || got.content != contentHTML && len(got.statuses) == 0) {
		got.file = body
		return got, nil
	}
	kind := got.classify(spec.isWrite())
	if kind == "" {
		return got, nil
	}
	failed := got.failure(spec.op, kind, secrets)
	failed.transient = kind == KindThrottled || kind == KindUnavailable
	return got, failed
}

// waitFailure is the error of a call that got no turn.
func waitFailure(spec *call, err error) *Error {
	if tooLong, is := errors.AsType[*WaitError](err); is {
		return &Error{Op: spec.op, Kind: KindThrottled, RetryAfter: tooLong.RetryAfter, reason: "the rate limit of the connection is used up", cause: err}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Op: spec.op, Kind: KindCanceled, reason: "the call was given up before it was sent", cause: err}
	}
	return &Error{Op: spec.op, Kind: KindUnavailable, reason: "no turn could be taken", cause: err}
}

// connectionFailure is the error of a call that got no answer. A write may have been carried out as soon as there was a connection.
func connectionFailure(ctx context.Context, spec *call, cause error, connected bool) *Error {
	e := &Error{Op: spec.op, Kind: KindUnavailable, transient: true, reason: reasonOfConnection(cause), cause: safeCause(cause)}
	_, notAllowed := errors.AsType[*egress.NotAllowedError](cause)
	switch {
	case errors.Is(cause, errTooLate):
		return &Error{Op: spec.op, Kind: KindCanceled, reason: "the call was given up before it was sent", cause: errTooLate}
	case notAllowed:
		e.Kind, e.transient, e.reason = KindNotAllowed, false, "credentials may not go there"
	case spec.isWrite() && connected:
		e.Kind, e.reason = KindIndeterminate, reasonOf(KindIndeterminate, 0)+": "+e.reason
	case ctx.Err() != nil:
		e.Kind, e.transient, e.cause = KindCanceled, false, ctx.Err()
	}
	return e
}

// reasonOfConnection says what is wrong with a connection without quoting an error, which may quote a server.
func reasonOfConnection(err error) string {
	if failed, is := errors.AsType[net.Error](err); is && failed.Timeout() {
		return "SDP did not answer in time"
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return "the certificate of SDP is not trusted"
	}
	if _, is := errors.AsType[x509.UnknownAuthorityError](err); is {
		return "the certificate of SDP is not trusted"
	}
	if _, is := errors.AsType[*net.DNSError](err); is {
		return "the name of SDP's host is not resolved"
	}
	if failed, is := errors.AsType[*net.OpError](err); is && failed.Op == "dial" {
		return "SDP's host does not accept the connection"
	}
	return "the connection broke before SDP answered"
}

// safeCause returns what may be shown of an error of net/http, whose texts quote URLs, which hold the input of a read, and answers,
// which may hold anything.
func safeCause(err error) error {
	if refused, is := errors.AsType[*egress.NotAllowedError](err); is {
		return refused
	}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	if number, is := errors.AsType[syscall.Errno](err); is {
		return number
	}
	return nil
}
