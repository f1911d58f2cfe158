package bridge

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// pipe is a client that started a bridge.
type pipe struct {
	in    *io.PipeWriter
	lines *bufio.Scanner
	out   *io.PipeReader
	ended chan error
}

// start bridges to a server that answers as told.
func start(t *testing.T, server *Server, handler http.HandlerFunc) *pipe {
	t.Helper()
	remote := httptest.NewServer(handler)
	t.Cleanup(func() {
		remote.CloseClientConnections()
		remote.Close()
	})
	client, err := NewClient("")
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	server.URL, server.Client = remote.URL+"/mcp", client
	return startBridge(t, server)
}

// startBridge bridges to a server until the test ends.
func startBridge(t *testing.T, server *Server) *pipe {
	t.Helper()
	fromClient, in := io.Pipe()
	out, toClient := io.Pipe()
	p := &pipe{in: in, out: out, lines: bufio.NewScanner(out), ended: make(chan error, 1)}
	p.lines.Buffer(nil, 2*maxAnswer)
	go func() {
		err := New(server, slog.New(slog.DiscardHandler)).Serve(t.Context(), fromClient, toClient)
		_ = toClient.Close()
		p.ended <- err
	}()
	t.Cleanup(func() {
		_ = in.Close()
		_ = out.Close()
		t.Logf("The bridge ended: %v", <-p.ended)
	})
	return p
}

func (p *pipe) send(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (p *pipe) receive(t *testing.T) string {
	t.Helper()
	defer time.AfterFunc(30*time.Second, func() { _ = p.out.Close() }).Stop()
	if !p.lines.Scan() {
		t.Fatalf("nothing more comes: %v", p.lines.Err())
	}
	return p.lines.Text()
}

const ask = `{"jsonrpc":"2.0","id":7,"method":"prompts/list","params":{}}`

// TestBridge_Answers has servers answer in every way.
func TestBridge_Answers(t *testing.T) {
	t.Parallel()
	answerWith := func(status int, kind, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	const stream = "text/event-stream"
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    []string
	}{
		"JSON on several lines": {
			answerWith(200, "application/json; charset=utf-8", "{\n \"jsonrpc\": \"2.0\", \"id\": 7,\n \"result\": {\"a\": \"b\\nc\"}}\n"),
			[]string{`{"jsonrpc":"2.0","id":7,"result":{"a":"b\nc"}}`},
		},
		"a stream": {
			answerWith(200, stream, ": hello\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\nid: 1\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":7,\"result\":{}}\n\n"),
			[]string{`{"jsonrpc":"2.0","method":"notifications/progress"}`, `{"jsonrpc":"2.0","id":7,"result":{}}`},
		},
		"a stream with ends of Windows": {
			answerWith(200, stream, "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\r\n\r\n"),
			[]string{`{"jsonrpc":"2.0","id":7,"result":{}}`},
		},
		"a stream with two answers": {
			answerWith(200, stream, "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"second\":true}}\n\n"),
			[]string{`{"jsonrpc":"2.0","id":7,"result":{}}`},
		},
		"a stream without an answer": {
			answerWith(200, stream, ": hello\n\n"),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the server ended its answer without answering"}}`},
		},
		"a stream that ends in an event": {
			answerWith(200, stream, "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n"),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the server ended its answer without answering"}}`},
		},
		"a stream of something else": {
			answerWith(200, stream, "data: hello\n\n"),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the server answered with what is no message of JSON-RPC"}}`},
		},
		"an answer to somebody else": {
			answerWith(200, "application/json", `{"jsonrpc":"2.0","id":8,"result":{}}`),
			[]string{`{"jsonrpc":"2.0","id":8,"result":{}}`, `{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the server ended its answer without answering"}}`},
		},
		"an error with a status": {
			answerWith(404, "application/json", `{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no such method"}}`),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no such method"}}`},
		},
		"an error about what could not be read": {
			answerWith(400, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no JSON"}}`),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":-32700,"message":"no JSON"}}`},
		},
		"refused with a reason": {
			answerWith(403, "text/plain; charset=utf-8", "the token lacks a scope;\n needed are: a\n"),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":403,"message":"the server answered with status 403: the token lacks a scope; needed are: a"}}`},
		},
		"not now": {
			answerWith(503, "text/plain", "", "Retry-After", "2"),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":503,"message":"the server answered with status 503","data":{"retryAfterSeconds":2}}}`},
		},
		"a gateway's page": {
			answerWith(502, "text/html", "<html>inner things</html>"),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the server answered with status 502"}}`},
		},
		"a web page": {
			answerWith(200, "text/html", "<html>"),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the server answered with what is neither JSON nor a stream of events; is this the URL of an MCP endpoint?"}}`},
		},
		"a redirect": {
			answerWith(307, "text/plain", "", "Location", "http://127.0.0.1:1/"),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":307,"message":"the server answered with status 307, which would take the token elsewhere and is not followed; give the URL of the MCP endpoint itself"}}`},
		},
		"no answer to a request": {
			answerWith(202, "text/plain", ""),
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the server ended its answer without answering"}}`},
		},
		"JSON without end": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				for range maxAnswer/(1<<20) + 2 {
					_, _ = io.WriteString(w, strings.Repeat(" ", 1<<20))
				}
			},
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the answer of the server is longer than 16777216 bytes"}}`},
		},
		"an event without end": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", stream)
				for range maxAnswer/(1<<20) + 2 {
					_, _ = io.WriteString(w, "data: "+strings.Repeat("a", 1<<20)+"\n")
				}
				_, _ = io.WriteString(w, "\n")
			},
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"an event of the server is longer than 16777216 bytes"}}`},
		},
		"a connection that breaks": {
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the server cannot be reached"}}`},
		},
		"JSON that breaks off": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "{")
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			},
			[]string{`{"jsonrpc":"2.0","id":7,"error":{"code":502,"message":"the answer of the server ended too soon"}}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, &Server{}, tc.handler)
			p.send(t, ask)
			for _, want := range tc.want {
				if diff := cmp.Diff(want, p.receive(t)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
			require.NoError(t, p.in.Close())
			if p.lines.Scan() {
				t.Errorf("more came: %s", p.lines.Text())
			}
		})
	}
}

// TestBridge_Headers looks at what HTTP repeats of messages of each era.
func TestBridge_Headers(t *testing.T) {
	t.Parallel()
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`
	seen := make(chan string, 1)
	p := start(t, &Server{ReadToken: func() (string, error) { return "secret", nil }}, func(w http.ResponseWriter, r *http.Request) {
		h := r.Header
		body, _ := io.ReadAll(r.Body)
		seen <- fmt.Sprintf("%q %q %q %s", h.Get(versionHeader), h.Get(methodHeader), h.Get(nameHeader), h.Get("Authorization"))
		if !strings.Contains(string(body), `"id"`) {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}`)
	})
	for _, tc := range []struct{ line, want string }{
		{`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`, `"2026-07-28" "server/discover" "" Bearer secret`},
		{`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"a.b",` + meta + `}}`, `"2026-07-28" "prompts/get" "a.b" Bearer secret`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"größe",` + meta + `}}`, `"2026-07-28" "tools/call" "=?base64?Z3LDtsOfZQ==?=" Bearer secret`},
		{`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":" prompt://a/b",` + meta + `}}`, `"2026-07-28" "resources/read" "=?base64?IHByb21wdDovL2EvYg==?=" Bearer secret`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"=?base64?YQ==?=",` + meta + `}}`, `"2026-07-28" "tools/call" "=?base64?PT9iYXNlNjQ/WVE9PT89?=" Bearer secret`},
		{`{"jsonrpc":"2.0","id":1,"method":"a\r\nEvil: b","params":{` + meta + `}}`, `"2026-07-28" "=?base64?YQ0KRXZpbDogYg==?=" "" Bearer secret`},
		{`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}`, `"" "" "" Bearer secret`},
		{`{"jsonrpc":"2.0","method":"notifications/initialized"}`, `"2025-06-18" "" "" Bearer secret`},
		{`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"a.b"}}`, `"2025-06-18" "" "" Bearer secret`},
		{`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{` + meta + `}}`, `"2026-07-28" "server/discover" "" Bearer secret`},
	} {
		p.send(t, tc.line)
		if diff := cmp.Diff(tc.want, <-seen); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tc.line, diff)
		}
		if strings.Contains(tc.line, `"id"`) {
			p.receive(t)
		}
	}
}

// TestBridge_TokenRefused has a token replaced between its reading and its use.
func TestBridge_TokenRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tokens []string // one a reading, the last for ever
		want   string
		posts  int32
	}{
		"replaced meanwhile": {[]string{"old", "new"}, `{"jsonrpc":"2.0","id":7,"result":{}}`, 2},
		"the same as before": {[]string{"old"}, `{"jsonrpc":"2.0","id":7,"error":{"code":401,"message":"the server answered with status 401: get a new one"}}`, 1},
		"refused twice":      {[]string{"old", "older", "new"}, `{"jsonrpc":"2.0","id":7,"error":{"code":401,"message":"the server answered with status 401: get a new one"}}`, 2},
		"not to be read":     {[]string{""}, `{"jsonrpc":"2.0","id":7,"error":{"code":401,"message":"no token is there"}}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var readings, posts atomic.Int32
			server := &Server{ReadToken: func() (string, error) {
				token := tc.tokens[min(int(readings.Add(1)), len(tc.tokens))-1]
				if token == "" {
					return "", errors.New("no token is there")
				}
				return token, nil
			}}
			p := start(t, server, func(w http.ResponseWriter, r *http.Request) {
				posts.Add(1)
				if r.Header.Get("Authorization") != "Bearer new" {
					http.Error(w, "get a new one", http.StatusUnauthorized)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":7,"result":{}}`)
			})
			p.send(t, ask)
			if diff := cmp.Diff(tc.want, p.receive(t)); diff != "" || posts.Load() != tc.posts {
				t.Errorf("%d posts, not %d (-want +got)\n%s", posts.Load(), tc.posts, diff)
			}
		})
	}
}

// TestBridge_Cancel has the client cancel a stream: the server sees its end, and the client no answer.
func TestBridge_Cancel(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan struct{}), make(chan struct{})
	p := start(t, &Server{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), "notifications/cancelled"):
			t.Error("a cancellation was posted")
		case strings.Contains(string(body), methodListen):
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
			require.NoError(t, http.NewResponseController(w).Flush())
			close(begun)
			<-r.Context().Done()
			close(ended)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":7,"result":{}}`)
		}
	})
	p.send(t, `{"jsonrpc":"2.0","id":"stream","method":"subscriptions/listen","params":{}}`)
	<-begun
	p.send(t, `{"jsonrpc":"2.0","id":"stream","method":"prompts/list","params":{}}`)
	if got, want := p.receive(t), `{"jsonrpc":"2.0","id":"stream","error":{"code":-32600,"message":"a request with this id is not answered yet"}}`; got != want {
		t.Error(got)
	}
	p.send(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"stream"}}`)
	<-ended
	p.send(t, ask)
	if got, want := p.receive(t), `{"jsonrpc":"2.0","id":7,"result":{}}`; got != want {
		t.Error(got)
	}
}

// TestBridge_Ends: at the end of what the client says, calls are answered and streams end.
func TestBridge_Ends(t *testing.T) {
	t.Parallel()
	begun, goOn := make(chan struct{}, 2), make(chan struct{})
	p := start(t, &Server{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), methodListen) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(http.StatusOK)
			require.NoError(t, http.NewResponseController(w).Flush())
			begun <- struct{}{}
			<-r.Context().Done()
			close(goOn)
			return
		}
		begun <- struct{}{}
		<-goOn // the stream has ended by then
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":7,"result":{}}`)
	})
	p.send(t, `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{}}`)
	p.send(t, ask)
	<-begun
	<-begun
	require.NoError(t, p.in.Close())
	if got, want := p.receive(t), `{"jsonrpc":"2.0","id":7,"result":{}}`; got != want {
		t.Error(got)
	}
	if p.lines.Scan() {
		t.Errorf("more came: %s", p.lines.Text())
	}
	err := <-p.ended
	p.ended <- err
	require.NoError(t, err)
}

// roundTrip is a function as an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBridge_Silence: a server that says nothing is given up, one that writes comments is not. No network is between, so that
// time passes only when both wait.
func TestBridge_Silence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const silence = 300 * time.Millisecond
		p := startBridge(t, &Server{Silence: silence, URL: "http://server.test/mcp", Client: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body, answer := io.Pipe()
			go func() {
				for range 30 {
					<-time.After(silence - 1)
					_, _ = io.WriteString(answer, ": keep-alive\n\n")
				}
				_, _ = io.WriteString(answer, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n")
				<-r.Context().Done()
				_ = answer.CloseWithError(r.Context().Err())
			}()
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: body, Request: r}, nil
		})}})
		p.send(t, ask)
		for _, want := range []string{
			`{"jsonrpc":"2.0","method":"notifications/progress"}`,
			`{"jsonrpc":"2.0","id":7,"error":{"code":504,"message":"the server said nothing for 300ms"}}`,
		} {
			if diff := cmp.Diff(want, p.receive(t)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		}
	})
}

// TestBridge_Bounds: a long line is skipped, and no more is in flight than may be.
func TestBridge_Bounds(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	var posted sync.WaitGroup
	posted.Add(maxInFlight)
	p := start(t, &Server{}, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		posted.Done()
		<-goOn
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(strings.Replace(string(body), `"method":"ping"`, `"result":{}`, 1)))
	})
	p.send(t, strings.Repeat("a", maxLine+2))
	if got, want := p.receive(t), `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the line is longer than 4194304 bytes"}}`; got != want {
		t.Error(got)
	}
	for i := range maxInFlight {
		p.send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, i))
	}
	posted.Wait()
	p.send(t, `{"jsonrpc":"2.0","id":"more","method":"ping"}`)
	if got, want := p.receive(t), `{"jsonrpc":"2.0","id":"more","error":{"code":429,"message":"256 messages are not answered yet; wait for one"}}`; got != want {
		t.Error(got)
	}
	close(goOn)
	seen := map[string]bool{}
	for range maxInFlight {
		seen[p.receive(t)] = true
	}
	if len(seen) != maxInFlight {
		t.Errorf("%d different answers", len(seen))
	}
}

func TestServer_Check(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body, kind string
		status     int
		want       string
	}{
		"good":       {`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"lectern","version":"v1"}}}}`, "application/json", 200, "lectern v1"},
		"an error":   {`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}`, "application/json", 404, "no such method"},
		"refused":    {"get a new one", "text/plain", 401, "the server answered with status 401: get a new one"},
		"a web page": {"<html>", "text/html", 200, "the server answered with what is neither JSON nor a stream of events; is this the URL of an MCP endpoint?"},
		"nothing":    {"", "text/plain", 202, "the server did not answer the request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tc.kind)
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer remote.Close()
			client, err := NewClient("")
			require.NoError(t, err)
			defer client.CloseIdleConnections()
			got, err := (&Server{URL: remote.URL, Client: client}).Check(context.Background())
			if err != nil {
				got = err.Error()
			}
			if (err == nil) != (name == "good") || got != tc.want {
				t.Errorf("%q, not %q", got, tc.want)
			}
		})
	}
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://a.example":                    "https://a.example/mcp",
		"http://lectern.lectern.svc/mcp/x?a=b": "http://lectern.lectern.svc/mcp/x?a=b",
		"lectern":                              "that is not the URL of an MCP endpoint, such as https://lectern.example.org/mcp",
		"ftp://a":                              "that is not the URL of an MCP endpoint, such as https://lectern.example.org/mcp",
		"https://a/mcp?a=b&Access%5FToken=c":   "the URL of an MCP endpoint has no access_token: what is in a URL ends up in logs; a token is given by --token-file",
		"https://token@a":                      "the URL of an MCP endpoint has no user and no fragment; a token is given by --token-file",
	} {
		got, err := ParseURL(text)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
	}
}
