package transporttest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Stream reads server-sent events.
type Stream struct {
	*bufio.Reader
	io.Closer
}

// Listen opens a subscriptions/listen stream for changes of the list of prompts.
func (r Remote) Listen(tb testing.TB, q Request) *Stream {
	tb.Helper()
	q.RPC = "subscriptions/listen"
	q.Params = map[string]any{"notifications": map[string]any{"promptsListChanged": true}}
	return r.OpenStream(tb, q)
}

// OpenStream opens the stream that answers a request.
func (r Remote) OpenStream(tb testing.TB, q Request) *Stream {
	tb.Helper()
	response := r.Open(tb, tb.Context(), q)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(response.Body)
		tb.Fatalf("no stream: %d %s", response.StatusCode, body)
	}
	tb.Cleanup(func() { _ = response.Body.Close() })
	return &Stream{Reader: bufio.NewReader(response.Body), Closer: response.Body}
}

// Next returns the data of the next event; empty at the end. Comments are for nobody.
func (s *Stream) Next(tb testing.TB) string {
	tb.Helper()
	for {
		if got := s.NextFrame(tb); !strings.HasPrefix(got, ":") {
			return got
		}
	}
}

// NextFrame returns the data of the next event, or the next comment; empty at the end. It waits as long as a
// test may.
func (s *Stream) NextFrame(tb testing.TB) string {
	tb.Helper()
	defer time.AfterFunc(Patience, func() { _ = s.Closer.Close() }).Stop()
	var got bytes.Buffer
	for {
		line, err := s.ReadString('\n')
		if errors.Is(err, io.EOF) && got.Len() == 0 {
			return ""
		}
		if err != nil {
			tb.Fatalf("nothing more comes on the stream: %v", err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return got.String()
		}
		if !strings.HasPrefix(line, "event: ") {
			got.WriteString(strings.TrimPrefix(line, "data: "))
		}
	}
}
