package transport_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHandler_Methods: what mcp-go serves reaches it with what it needs, in both eras.
func TestHandler_Methods(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	const cached = `"cacheScope":"private",`
	completes := func(ref map[string]any) map[string]any {
		return map[string]any{
			"ref": ref, "argument": map[string]any{"name": "tone", "value": "br"},
			"context": map[string]any{"arguments": map[string]any{"other": "7"}},
		}
	}
	for name, tc := range map[string]struct {
		request request
		want    string
	}{
		"resources/list": {
			request{RPC: "resources/list"},
			`{` + cached + `"resources":[{"name":"panic","uri":"test://panic"},{"name":"static","uri":"test://static"}],"resultType":"complete","ttlMs":0}`,
		},
		"resources/templates/list": {
			request{RPC: "resources/templates/list", Params: map[string]any{"cursor": ""}},
			`{` + cached + `"resourceTemplates":[{"name":"template","uriTemplate":"test://{id}/data"}],"resultType":"complete","ttlMs":0}`,
		},
		"resources/read": {
			request{RPC: "resources/read", Params: map[string]any{"uri": "test://static"}},
			`{` + cached + `"contents":[{"text":"static","uri":"test://static"}],"resultType":"complete","ttlMs":0}`,
		},
		"resources/read through a template": {
			request{RPC: "resources/read", Params: map[string]any{"uri": "test://7/data"}},
			`{` + cached + `"contents":[{"text":"from a template","uri":"test://7/data"}],"resultType":"complete","ttlMs":0}`,
		},
		"completion of a prompt": {
			request{RPC: "completion/complete", Params: completes(map[string]any{"type": "ref/prompt", "name": "it.greeting"})},
			`{"completion":{"values":["it.greeting","tone","br","7"]},"resultType":"complete"}`,
		},
		"completion of a resource": {
			request{RPC: "completion/complete", Params: completes(map[string]any{"type": "ref/resource", "uri": "test://{id}/data"})},
			`{"completion":{"values":["test://{id}/data","tone","br"]},"resultType":"complete"}`,
		},
		"tools/call": {
			callTool("refuse", map[string]any{}), `400 -32021 sampling is needed`,
		},
		"a tool that fails":        {callTool("fail", nil), "200 -32603 internal error"},
		"a tool that is not there": {callTool("burn", nil), `400 -32602 no such tool as "burn"; tools/list has those there are for you`},
		"a resource that is not there": {
			request{RPC: "resources/read", Params: map[string]any{"uri": "other://x"}}, "400 -32602 no such resource, or not yours to read",
		},
		"a resource a handler does not have": {
			request{RPC: "resources/read", Params: map[string]any{"uri": "test://absent/data"}}, "400 -32602 no such resource, or not yours to read",
		},
		"a prompt asks back": {
			request{RPC: "prompts/get", Params: map[string]any{"name": "ask"}},
			`{"inputRequests":{"where":{"method":"roots/list"}},"messages":null,"requestState":"asked","resultType":"input_required"}`,
		},
		"and is answered": {
			request{RPC: "prompts/get", Params: map[string]any{
				"name": "ask", "arguments": map[string]any{"topic": "roots"}, "requestState": "asked",
				"inputResponses": map[string]any{"where": map[string]any{"roots": []any{}}},
			}},
			`{"description":"roots","messages":[],"resultType":"complete"}`,
		},
	} {
		for _, legacy := range []bool{false, true} {
			if legacy && strings.Contains(name, "asks back") {
				continue // there is no way to ask them
			}
			t.Run(fmt.Sprintf("%s legacy=%t", name, legacy), func(t *testing.T) {
				t.Parallel()
				q, want := tc.request, tc.want
				if q.Legacy = legacy; legacy {
					want = strings.NewReplacer("400 ", "200 ", cached, "", `"resultType":"complete",`, "", `,"resultType":"complete"`, "", `,"ttlMs":0`, "").Replace(want)
				}
				if diff := cmp.Diff(want, replica.Send(t, q).Result(t)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	}
}

// TestToolsCall_PassesArgumentsAsWritten is mcp-go bug 17 for arguments: what the client wrote is what the handler sees, in
// numbers that a float cannot hold, and so are _meta and the answers to earlier questions.
func TestToolsCall_PassesArgumentsAsWritten(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	const arguments = `{"id": 9007199254740993, "deep": [{"a": 1e400}], "text": "<&>"}`
	q := request{RPC: "tools/call", Params: map[string]any{
		"name": "echo", "arguments": json.RawMessage(arguments), "requestState": "sealed",
		"inputResponses": map[string]any{"who": map[string]any{"action": "decline"}},
	}, Meta: map[string]any{"com.example/any": "thing"}}
	q.Params["arguments"] = json.RawMessage(strings.Replace(arguments, "1e400", "1e4", 1))
	var got struct {
		Result struct{ Content []struct{ Text string } }
	}
	reply := replica.Send(t, q)
	if err := json.Unmarshal([]byte(reply.Body), &got); err != nil || len(got.Result.Content) != 1 {
		t.Fatalf("%d %s", reply.Status, reply.Body)
	}
	compact := `{"id":9007199254740993,"deep":[{"a":1e4}],"text":"\u003c\u0026\u003e"}`
	want := `{"arguments":` + compact + `,"meta":{"com.example/any":"thing","io.modelcontextprotocol/clientCapabilities":{},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"},"io.modelcontextprotocol/protocolVersion":"2026-07-28"},` +
		`"name":"echo","raw":` + compact + `,"responses":{"who":{"action":"decline"}},"state":"sealed"}`
	if diff := cmp.Diff(want, got.Result.Content[0].Text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestReadParams_Refusals are checked before mcp-go sees them, in our words.
func TestReadParams_Refusals(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	completion := func(params map[string]any) request { return request{RPC: "completion/complete", Params: params} }
	for name, tc := range map[string]struct {
		request request
		want    string
	}{
		"no tool":                   {request{RPC: "tools/call"}, "-32602 params.name is missing: it is the name of a tool"},
		"a tool that is a number":   {request{RPC: "tools/call", Params: map[string]any{"name": 3}}, "-32602 params.name cannot be a JSON number"},
		"arguments that are a list": {request{RPC: "tools/call", Params: map[string]any{"name": "echo", "arguments": []int{}}}, "-32602 params.arguments is an object, not a JSON array"},
		"arguments that are deep": {
			request{RPC: "tools/call", Params: map[string]any{"name": "echo", "arguments": map[string]any{"a": json.RawMessage(deep(100))}}},
			"-32602 params.arguments is nested more than 100 levels deep",
		},
		"_meta that is very deep": {
			request{RPC: "tools/call", Params: map[string]any{"name": "echo"}, Meta: map[string]any{"a": json.RawMessage(deep(9_000))}},
			"-32602 params._meta is nested more than 100 levels deep",
		},
		"a state that is a number": {
			request{RPC: "tools/call", Params: map[string]any{"name": "echo", "requestState": 3}}, "-32602 params.requestState cannot be a JSON number",
		},
		"responses that are text": {
			request{RPC: "tools/call", Params: map[string]any{"name": "echo", "inputResponses": "x"}}, "-32602 params.inputResponses is an object, not a JSON string",
		},
		"a progress token that is an object": {
			request{RPC: "tools/call", Params: map[string]any{"name": "echo"}, Meta: map[string]any{"progressToken": map[string]any{}}},
			"-32602 _meta.progressToken must be a string or a number, of at most 256 bytes",
		},
		"a progress token that each event repeats": {
			request{RPC: "tools/call", Params: map[string]any{"name": "echo"}, Meta: map[string]any{"progressToken": strings.Repeat("x", 255)}},
			"-32602 _meta.progressToken must be a string or a number, of at most 256 bytes",
		},
		"a log level nobody knows": {
			request{RPC: "tools/call", Params: map[string]any{"name": "echo"}, Meta: map[string]any{"io.modelcontextprotocol/logLevel": "loud"}},
			`-32602 _meta.io.modelcontextprotocol/logLevel is not one of ["debug","info","notice","warning","error","critical","alert","emergency"]`,
		},
		"no resource":               {request{RPC: "resources/read"}, "-32602 params.uri is missing: it is the URI of a resource"},
		"a resource that is a list": {request{RPC: "resources/read", Params: map[string]any{"uri": []int{}}}, "-32602 params.uri cannot be a JSON array"},
		"nothing to complete":       {completion(nil), `-32602 params.ref is {"type": "ref/prompt", "name": …} or {"type": "ref/resource", "uri": …}`},
		"no argument to complete": {
			completion(map[string]any{"ref": map[string]any{"type": "ref/prompt", "name": "x"}}),
			"-32602 params.argument.name is missing: it is the name of the argument to complete",
		},
		"a value that is a number": {
			completion(map[string]any{"argument": map[string]any{"name": "x", "value": 3}}), "-32602 params.argument.value cannot be a JSON number",
		},
		"a cursor of a list with one page": {
			request{RPC: "tools/list", Params: map[string]any{"cursor": "eA=="}},
			"-32602 this cursor was not given out here; list again from the start, without one",
		},
	} {
		for _, legacy := range []bool{false, true} {
			if legacy && tc.request.Meta != nil {
				continue
			}
			t.Run(fmt.Sprintf("%s legacy=%t", name, legacy), func(t *testing.T) {
				t.Parallel()
				q, status := tc.request, "400 "
				if q.Legacy = legacy; legacy {
					status = "200 "
				}
				if diff := cmp.Diff(status+tc.want, replica.Send(t, q).Failure(t)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	}
}

// TestCheckHeaders_MirrorTheBody: what a gateway routes by is what is called.
func TestCheckHeaders_MirrorTheBody(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	in := func(q request, header map[string]string) request {
		q.Header = header
		return q
	}
	mirror := callTool("mirror", map[string]any{"region": "eu"})
	read := request{RPC: "resources/read", Params: map[string]any{"uri": "test://static"}}
	for name, tc := range map[string]struct {
		request request
		want    string
	}{
		"a tool's name is missing": {in(callTool("echo", nil), map[string]string{"Mcp-Name": ""}), `400 -32020 header mismatch: Mcp-Name: missing required header for method "tools/call"`},
		"another tool's name":      {in(callTool("echo", nil), map[string]string{"Mcp-Name": "fail"}), `400 -32020 header mismatch: Mcp-Name: header value "fail" does not match body value "echo"`},
		"another resource's URI":   {in(read, map[string]string{"Mcp-Name": "test://other"}), `400 -32020 header mismatch: Mcp-Name: header value "test://other" does not match body value "test://static"`},
		"an argument is not mirrored": {
			mirror, `400 -32020 header mismatch: Mcp-Param-Region: missing header for parameter "region"`,
		},
		"an argument is mirrored wrongly": {
			in(mirror, map[string]string{"Mcp-Param-Region": "us"}), `400 -32020 header mismatch: Mcp-Param-Region: header value "us" does not match body value`,
		},
		"an absent argument is mirrored": {
			in(callTool("mirror", nil), map[string]string{"Mcp-Param-Region": "us"}),
			`400 -32020 header mismatch: Mcp-Param-Region: unexpected header for absent or null parameter "region"`,
		},
		"an argument is mirrored": {
			in(mirror, map[string]string{"Mcp-Param-Region": "eu"}), `{"content":[{"text":"mirrored","type":"text"}],"resultType":"complete"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, replica.Send(t, tc.request).Result(t)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestDispatch_KeepsCallsOfOneIDApart is mcp-go bug 18: clients count from one, and each gets the answer to what it asked, in the
// words of its revision.
func TestDispatch_KeepsCallsOfOneIDApart(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	var asking sync.WaitGroup
	for i := range 100 {
		asking.Go(func() {
			q := callTool("echo", map[string]any{"who": i})
			q.Legacy = i%2 == 0
			reply := replica.Send(t, q)
			if want := fmt.Sprintf(`\"arguments\":{\"who\":%d}`, i); !strings.Contains(reply.Body, want) {
				t.Errorf("%d got %s", i, reply.Body)
			}
			if strings.Contains(reply.Body, "resultType") == q.Legacy {
				t.Errorf("legacy=%t: %s", q.Legacy, reply.Body)
			}
		})
	}
	asking.Wait()
}

// TestDispatch_AnswersPanicsOfHandlers is mcp-go bug 13 for all that mcp-go calls.
func TestDispatch_AnswersPanicsOfHandlers(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	for name, q := range map[string]request{
		"a tool":     callTool("panic", nil),
		"a resource": {RPC: "resources/read", Params: map[string]any{"uri": "test://panic"}},
		"a completion": {RPC: "completion/complete", Params: map[string]any{
			"ref": map[string]any{"type": "ref/prompt", "name": "panic"}, "argument": map[string]any{"name": "a", "value": ""},
		}},
	} {
		for _, legacy := range []bool{false, true} {
			if q.Legacy = legacy; replica.Send(t, q).Failure(t) != "200 -32603 internal error" {
				t.Errorf("%s, legacy=%t: %s", name, legacy, replica.Send(t, q).Failure(t))
			}
		}
	}
}
