package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxAnswer bounds an answer, or an event of a stream, in bytes. A rendered prompt has up to 1 MiB.
	maxAnswer = 16 << 20
	// maxReason bounds what is told of a refusal's text, in bytes.
	maxReason = 500
	// silenceTimeout is how long a server may say nothing: it writes a comment to silent streams every 15 s.
	silenceTimeout = 2 * time.Minute
)

// Server is the MCP server, and how it is reached.
type Server struct {
	// URL of the endpoint.
	URL string
	// ReadToken returns the bearer token as it is now. Nil sends none.
	ReadToken func() (string, error)
	// Client sends requests. It follows no redirect, or the token may go elsewhere.
	Client *http.Client
	// Silence is how long the server may say nothing; 2 minutes when zero.
	Silence time.Duration
}

// exchange sends a message and hands each message of the answer to deliver. Where the token was refused and is another one
// now, it is sent again. The error is a *failure, or the context's.
func (s *Server) exchange(ctx context.Context, m *message, version string, deliver func(line []byte, a *answer) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	response, err := s.post(ctx, m, version)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body := newWatchedBody(response.Body, s.silence(), func() { stop(errSilent) })
	defer body.stopWatch()
	if err := readAnswers(response, body, deliver); err != nil {
		if errors.Is(context.Cause(ctx), errSilent) {
			return &failure{Code: http.StatusGatewayTimeout, Message: fmt.Sprintf("the server said nothing for %s", s.silence())}
		}
		return err
	}
	return nil
}

// post sends a message, once more if the token was refused and is another one now.
func (s *Server) post(ctx context.Context, m *message, version string) (*http.Response, error) {
	token, err := s.currentToken()
	if err != nil {
		return nil, err
	}
	response, err := s.postOnce(ctx, m, version, token)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	replaced, err := s.currentToken()
	if err != nil || replaced == token {
		return response, nil //nolint:nilerr // the refusal says more than that there is no token any more
	}
	_ = response.Body.Close()
	return s.postOnce(ctx, m, version, replaced)
}

func (s *Server) currentToken() (string, error) {
	if s.ReadToken == nil {
		return "", nil
	}
	token, err := s.ReadToken()
	if err != nil {
		return "", &failure{Code: http.StatusUnauthorized, Message: err.Error()}
	}
	return token, nil
}

func (s *Server) postOnce(ctx context.Context, m *message, version, token string) (*http.Response, error) {
	// Nothing of the body is kept once it was sent: a stream may last.
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(m.line))
	if err != nil {
		return nil, &failure{Code: http.StatusBadGateway, Message: "the request cannot be made", inner: err}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("User-Agent", "lectern-connect")
	m.setHeaders(request.Header, version)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.Client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &failure{Code: http.StatusBadGateway, Message: "the server cannot be reached", inner: err}
	}
	return response, nil
}

func (s *Server) silence() time.Duration {
	if s.Silence == 0 {
		return silenceTimeout
	}
	return s.Silence
}

// readAnswers reads a response by its kind.
func readAnswers(response *http.Response, body io.Reader, deliver func([]byte, *answer) error) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode == http.StatusAccepted:
		return nil
	case kind == "text/event-stream" && response.StatusCode == http.StatusOK:
		return readEvents(body, maxAnswer, func(content []byte) error { return deliverAnswer(content, deliver) })
	}
	content, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	switch {
	case err != nil:
		return &failure{Code: http.StatusBadGateway, Message: "the answer of the server ended too soon", inner: err}
	case len(content) > maxAnswer:
		return &failure{Code: http.StatusBadGateway, Message: fmt.Sprintf("the answer of the server is longer than %d bytes", maxAnswer)}
	case kind == "application/json":
		return deliverAnswer(content, deliver)
	}
	return newRefusal(response, content)
}

func deliverAnswer(content []byte, deliver func([]byte, *answer) error) error {
	line, a := parseAnswer(content)
	if line == nil {
		return &failure{Code: http.StatusBadGateway, Message: "the server answered with what is no message of JSON-RPC"}
	}
	return deliver(line, a)
}

// newRefusal returns what an answer says that is no message: the status, and the server's own words.
func newRefusal(response *http.Response, content []byte) *failure {
	f := &failure{Code: response.StatusCode, Message: fmt.Sprintf("the server answered with status %d", response.StatusCode)}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		if reason := strings.Join(strings.Fields(strings.ToValidUTF8(string(content[:min(len(content), maxReason)]), "")), " "); reason != "" {
			f.Message += ": " + reason
		}
	}
	switch code := response.StatusCode; {
	case code >= 300 && code < 400:
		f.Message += ", which would take the token elsewhere and is not followed; give the URL of the MCP endpoint itself"
	case code == http.StatusOK:
		f.Code = http.StatusBadGateway
		f.Message = "the server answered with what is neither JSON nor a stream of events; is this the URL of an MCP endpoint?"
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		f.Data = map[string]int{"retryAfterSeconds": seconds}
	}
	return f
}

var errSilent = errors.New("the server is silent")

// watchedBody calls a function when nothing was read for a while.
type watchedBody struct {
	io.Reader
	silence time.Duration
	timer   *time.Timer
}

func newWatchedBody(body io.Reader, silence time.Duration, onSilence func()) *watchedBody {
	return &watchedBody{Reader: body, silence: silence, timer: time.AfterFunc(silence, onSilence)}
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.timer.Reset(w.silence)
	}
	return n, err
}

func (w *watchedBody) stopWatch() { w.timer.Stop() }
