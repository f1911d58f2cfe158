package transport_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// flawedMessages are requests a decoder would read as something else, with the failure they are answered by.
func flawedMessages() map[string]struct{ body, want string } {
	call := func(arguments string) string {
		return `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":` + arguments + `}}`
	}
	get := func(arguments string) string {
		return `{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"ask","requestState":"asked","arguments":` + arguments + `}}`
	}
	failure := func(id string, code int, message string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%s}}`, id, code, quoted(message))
	}
	const invalidParams, invalidRequest = -32602, -32600
	return map[string]struct{ body, want string }{
		"a text that is not UTF-8": {
			call("{\"content\":\"caf\xe9\"}"), failure("7", invalidParams, `params.arguments.content is not UTF-8: its byte 4 is 0xe9; send text as UTF-8`),
		},
		"half of a pair in metadata": {
			call(`{"metadata":{"a":["x","\ud800"]}}`),
			failure("7", invalidParams, `params.arguments.metadata.a[1] has half of a surrogate pair, \ud800, as its byte 1: write both halves, or the character itself`),
		},
		"half of a pair in the argument of a prompt": {
			get(`{"topic":"\udfff"}`),
			failure("7", invalidParams, `params.arguments.topic has half of a surrogate pair, \udfff, as its byte 1: write both halves, or the character itself`),
		},
		"half of a pair before the id": {
			`{"params":{"name":"\ud800"},"jsonrpc":"2.0","method":"prompts/get","id":7}`,
			failure("7", invalidParams, `params.name has half of a surrogate pair, \ud800, as its byte 1: write both halves, or the character itself`),
		},
		"an id that is not UTF-8": {
			"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"ping\"}", failure("null", invalidRequest, "id must be a string or a number, of at most 256 bytes"),
		},
		"half of a pair in the id": {
			`{"jsonrpc":"2.0","id":"\ud800","method":"ping"}`,
			failure("null", invalidRequest, `id has half of a surrogate pair, \ud800, as its byte 1: write both halves, or the character itself`),
		},
		"half of a pair in the method": {
			`{"jsonrpc":"2.0","id":7,"method":"pin\ud800"}`,
			failure("7", invalidRequest, `method has half of a surrogate pair, \ud800, as its byte 4: write both halves, or the character itself`),
		},
		"two ids":             {`{"jsonrpc":"2.0","id":7,"id":8,"method":"ping"}`, failure("null", invalidRequest, `the message has "id" twice; leave one out`)},
		"two cases of method": {`{"jsonrpc":"2.0","id":7,"method":"ping","Method":"tools/list"}`, failure("null", invalidRequest, `the message has both "method" and "Method", which differ by case alone; leave one out`)},
		"two names": {
			`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","name":"fail"}}`, failure("7", invalidParams, `params has "name" twice; leave one out`),
		},
		"two cases of a name": {
			`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","NAME":"fail"}}`,
			failure("7", invalidParams, `params has both "name" and "NAME", which differ by case alone; leave one out`),
		},
		"two cases in _meta": {
			`{"jsonrpc":"2.0","id":7,"method":"ping","params":{"_meta":{"progressToken":1,"progresstoken":2}}}`,
			failure("7", invalidParams, `params._meta has both "progressToken" and "progresstoken", which differ by case alone; leave one out`),
		},
		"two cases of a tool's argument": {
			call(`{"content":"a","Content":"b"}`), failure("7", invalidParams, `params.arguments has both "content" and "Content", which differ by case alone; leave one out`),
		},
		"a tool's argument twice": {call(`{"content":"a","\u0063ontent":"b"}`), failure("7", invalidParams, `params.arguments has "content" twice; leave one out`)},
		"twice in metadata":       {call(`{"metadata":{"a":{"b":1,"b":2}}}`), failure("7", invalidParams, `params.arguments.metadata.a has "b" twice; leave one out`)},
		"two cases in what is completed": {
			`{"jsonrpc":"2.0","id":7,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","Name":"b"}}}`,
			failure("7", invalidParams, `params.ref has both "name" and "Name", which differ by case alone; leave one out`),
		},
		"the argument of a prompt twice": {
			get(`{"topic":"a","topic":"b"}`), failure("7", invalidParams, `params.arguments has "topic" twice; leave one out`),
		},
		"a batch": {
			`[{"jsonrpc":"2.0","id":7,"method":"ping"},{"jsonrpc":"2.0","id":8,"method":"ping"}]`,
			failure("null", invalidRequest, "a message is one JSON object of JSON-RPC; send the messages of a batch one by one, batches are not supported"),
		},
		"UTF-16": {
			"\xff\xfe{\x00\"\x00", failure("null", -32700, "the message is UTF-16; send UTF-8"),
		},
		"more values than there may be": {
			call(`{"metadata":{"a":[` + strings.Repeat("{},", 20_000) + `{}]}}`),
			failure("7", invalidParams, "params.arguments.metadata.a[16375] brings the message to more than 16384 values; send fewer"),
		},

		"two cases of the argument of a prompt": {get(`{"Topic":"a","topic":"b"}`), `{"jsonrpc":"2.0","id":7,"result":{"description":"b","messages":[]}}`},
		"two cases in metadata":                 {call(`{"metadata":{"Ticket":1,"ticket":2}}`), ""},
		"whole pairs and escapes":               {get(`{"topic":"\ud83d\ude00\u0041é"}`), `{"jsonrpc":"2.0","id":7,"result":{"description":"😀Aé","messages":[]}}`},
	}
}

// quoted is a text in JSON as it is on the wire.
func quoted(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestHandler_RefusesFlawedMessages over HTTP and on a pipe, in the same words. Want is empty where any result will do.
func TestHandler_RefusesFlawedMessages(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) {
		server := c.Server
		for i := range server.Tools {
			server.Tools[i].ArgumentBytes = 1 << 20
		}
		c.Server = server
	})
	for name, tc := range flawedMessages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			matches := func(how, got string) {
				if got != tc.want && (tc.want != "" || !strings.Contains(got, `"result":`)) {
					t.Errorf("%s: got %s, want %s", how, got, tc.want)
				}
			}
			matches("over HTTP", replica.Send(t, request{Body: tc.body, Legacy: true}).Body)
			c := replica.console(t, "")
			c.Say(t, tc.body)
			matches("on a pipe", c.Next(t))
		})
	}
}

// TestHandler_TakesAnyID that JSON-RPC allows, and sends it back as it came.
func TestHandler_TakesAnyID(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	for _, id := range []string{`1.0`, `1`, `-0`, `1e3`, `1.5E-7`, `9007199254740993`, `""`, `"1.0"`, `"\u0041/é"`} {
		message, want := `{"jsonrpc":"2.0","id":`+id+`,"method":"ping"}`, `{"jsonrpc":"2.0","id":`+id+`,"result":{}}`
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/mcp", strings.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		w := &plainWriter{header: http.Header{}}
		replica.endpoint.ServeHTTP(w, r) // the official schema has whole numbers only
		same(t, want, w.written.String())
		out := &sink{}
		require.NoError(t, replica.endpoint.ServeStdio(t.Context(), auth.Identity{Subject: "local:anna"}, "", strings.NewReader(message), out))
		same(t, want+"\n", out.written.String())
	}
}

// plainWriter keeps what is answered.
type plainWriter struct {
	header  http.Header
	written strings.Builder
}

func (w *plainWriter) Header() http.Header         { return w.header }
func (w *plainWriter) WriteHeader(int)             {}
func (w *plainWriter) Write(b []byte) (int, error) { return w.written.Write(b) }

// TestServeStdio_CancelsByNumber: 1 and 1.0 are one id, however a client writes it.
func TestServeStdio_CancelsByNumber(t *testing.T) {
	t.Parallel()
	probe := newProbe()
	replica := workshop(t, func(c *transport.Config) { c.Server = everything(probe) })
	c := replica.console(t, "")
	c.Say(t, `{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"wait"}}`)
	<-probe.begun
	c.Say(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"a request with the id 1 is under way: give each its own"}}`, c.Next(t))
	c.Say(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	<-probe.ended
}

// TestServeStdio_SkipsAByteOrderMark before the first message.
func TestServeStdio_SkipsAByteOrderMark(t *testing.T) {
	t.Parallel()
	out, asked := &sink{}, "\ufeff"+`{"jsonrpc":"2.0","id":1,"method":"ping"}`
	require.NoError(t, workshop(t).endpoint.ServeStdio(t.Context(), auth.Identity{Subject: "local:anna"}, "", strings.NewReader(asked), out))
	same(t, `{"jsonrpc":"2.0","id":1,"result":{}}`+"\n", out.written.String())
}

// TestServeHTTP_AnswersByEventsAlone where a client takes nothing else; failures have a status of their own.
func TestServeHTTP_AnswersByEventsAlone(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	only := map[string]string{"Accept": "text/event-stream"}
	got := replica.Send(t, request{RPC: "ping", Legacy: true, Header: only})
	same(t, "text/event-stream", got.Header.Get("Content-Type"))
	same(t, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n", got.Body)
	same(t, "200 -32601 Method x not found", replica.Send(t, request{RPC: "x", Legacy: true, Header: only}).Failure(t))
	got = replica.Send(t, request{RPC: "ping", Legacy: true, Header: map[string]string{"Accept": "application/json"}})
	same(t, `{"jsonrpc":"2.0","id":1,"result":{}}`, got.Body)
}
