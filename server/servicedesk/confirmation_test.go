package servicedesk

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

type closing struct {
	Ticket string  `json:"ticket"`
	Note   *string `json:"note,omitempty"`
}

// desktop has a tool that a person confirms: what it would do it says, and how often it did it is counted.
type desktop struct {
	transporttest.Remote
	// state is that of the ticket now.
	state atomic.Pointer[string]
	done  atomic.Int64
}

func newStates(t *testing.T) SealedStates {
	t.Helper()
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keys, err := seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	return SealedStates{keys}
}

// serveDesktop serves the tool as the tools of this package are served.
func serveDesktop(t *testing.T) *desktop {
	t.Helper()
	d := &desktop{}
	d.state.Store(new("open"))
	s := &Service{states: newStates(t)}
	closeTicket := func(ctx context.Context, in closing) (*tool.Result[closing], error) {
		confirmed, err := tool.Confirm(ctx, tool.Question{Message: "Close ticket " + in.Ticket + "?", Shown: *d.state.Load()})
		if errors.Is(err, tool.ErrCannotAsk) {
			return nil, tool.NewInvalid("call again with the plan of a dry run")
		}
		if err != nil {
			return nil, err
		}
		if confirmed.Nonce == "" {
			t.Error("a confirmation has no nonce")
		}
		d.done.Add(1)
		return tool.NewResult("closed", in), nil
	}
	var tools []transport.Tool
	for _, name := range []string{"close_ticket", "close_another"} {
		made := tool.New(tool.Policy{Explain: func(context.Context, string, any, error) *tool.Error { return tool.NewInvalid("it failed") }},
			tool.Definition{Name: name, Title: "Close", ErrorPrefix: "Close"}, closeTicket)
		tools = append(tools, s.newTransportTool(made, false, func(given map[string]json.RawMessage) map[string]json.RawMessage { return given }))
	}
	d.Remote = transporttest.Serve(t, transport.New(transport.Config{
		Server: transport.Server{Info: mcp.Implementation{Name: "desktop", Version: "v0"}, Tools: tools}, Authenticator: auth.NewNone("anna"),
	}))
	return d
}

// person answers what a client asks.
type person struct {
	action mcp.ElicitationResponseAction
	asked  atomic.Pointer[string]
}

func (p *person) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.asked.Store(&r.Params.Message)
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: p.action, Content: map[string]any{}}}, nil
}

// TestConfirm_Client: the client of mcp-go asks its person, and a call goes on by a yes alone. A client that asks nobody is told what to
// do instead.
func TestConfirm_Client(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		person *person
		older  bool
		want   string
		done   int64
	}{
		"yes":                      {person: &person{action: mcp.ElicitationResponseActionAccept}, want: "closed", done: 1},
		"no":                       {person: &person{action: mcp.ElicitationResponseActionDecline}, want: "Close: DeclinedError: the person who was asked did not accept it; nothing was done"},
		"no answer":                {person: &person{action: mcp.ElicitationResponseActionCancel}, want: "Close: DeclinedError: the person who was asked did not accept it; nothing was done"},
		"nobody to ask":            {want: "Close: ValidationError: call again with the plan of a dry run"},
		"an older revision":        {person: &person{action: mcp.ElicitationResponseActionAccept}, older: true, want: "Close: ValidationError: call again with the plan of a dry run"},
		"nobody, older revision":   {older: true, want: "Close: ValidationError: call again with the plan of a dry run"},
		"an answer that means yes": {person: &person{action: "accept"}, want: "closed", done: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := serveDesktop(t)
			c, err := mcpclient.NewStreamableHttpClient(d.URL + "/mcp")
			require.NoError(t, err)
			t.Cleanup(func() { _ = c.Close() })
			if tc.person != nil {
				mcpclient.WithElicitationHandler(tc.person)(c)
			}
			require.NoError(t, c.Start(t.Context()))
			hello := mcp.InitializeRequest{}
			hello.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
			hello.Params.ProtocolVersion = mcp.ProtocolVersion20260728
			if tc.older {
				hello.Params.ProtocolVersion = "2025-11-25"
			}
			_, err = c.Initialize(t.Context(), hello)
			require.NoError(t, err)
			call := mcp.CallToolRequest{}
			call.Params.Name, call.Params.Arguments = "close_ticket", map[string]any{"ticket": "31"}
			result, err := c.CallTool(t.Context(), call)
			require.NoError(t, err)
			text, is := mcp.AsTextContent(result.Content[0])
			if !is || text.Text != tc.want || d.done.Load() != tc.done {
				t.Errorf("%+v, done %d times; want %q, and %d times", result.Content, d.done.Load(), tc.want, tc.done)
			}
			if asks := tc.person != nil && !tc.older; asks && (tc.person.asked.Load() == nil || *tc.person.asked.Load() != "Close ticket 31?") {
				t.Error("the person was not asked")
			}
		})
	}
}

// ask calls the tool as a client that asks its person, and returns what comes back.
func (d *desktop) ask(t *testing.T, name string, arguments map[string]any, state, action string) (resultType, requestState, text string) {
	t.Helper()
	q := transporttest.CallTool(name, arguments)
	q.Meta = map[string]any{mcp.MetaKeyClientCapabilities: map[string]any{"elicitation": map[string]any{"form": map[string]any{}}}}
	if state != "" {
		q.Params["requestState"] = state
	}
	if action != "" {
		q.Params["inputResponses"] = map[string]any{"confirmation": map[string]any{"action": action, "content": map[string]any{}}}
	}
	var reply struct {
		Result struct {
			ResultType, RequestState string
			Content                  []struct{ Text string }
			InputRequests            map[string]struct{ Method string }
		}
	}
	body := d.Send(t, q).Body
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	if asked := reply.Result.InputRequests["confirmation"].Method; (reply.Result.ResultType == "input_required") != (asked == "elicitation/create") {
		t.Errorf("no question: %s", body)
	}
	if len(reply.Result.Content) > 0 {
		text = reply.Result.Content[0].Text
	}
	return reply.Result.ResultType, reply.Result.RequestState, text
}

// TestConfirm_State: a state that somebody changed, made up, or has from another call is none, and an answer to what was shown before is
// no answer to what is there now.
func TestConfirm_State(t *testing.T) {
	t.Parallel()
	d := serveDesktop(t)
	given := map[string]any{"ticket": "31"}
	kind, state, _ := d.ask(t, "close_ticket", given, "", "accept") // an answer that nobody asked for
	if kind != "input_required" || state == "" {
		t.Fatalf("asked nothing: %s", kind)
	}
	const refused = "Close: ValidationError: requestState is not of this call: call again without it"
	other := string("AB"[strings.Count(state[len(state)/2:len(state)/2+1], "A")]) // another letter
	for name, tc := range map[string]struct {
		tool      string
		arguments map[string]any
		state     string
	}{
		"changed":           {"close_ticket", given, state[:len(state)/2] + other + state[len(state)/2+1:]},
		"cut":               {"close_ticket", given, state[:len(state)-4]},
		"made up":           {"close_ticket", given, "eyJkaWdlc3QiOiIifQ"},
		"no base64":         {"close_ticket", given, "%%%"},
		"another tool":      {"close_another", given, state},
		"another argument":  {"close_ticket", map[string]any{"ticket": "32"}, state},
		"one argument more": {"close_ticket", map[string]any{"ticket": "31", "note": "x"}, state},
	} {
		if _, _, text := d.ask(t, tc.tool, tc.arguments, tc.state, "accept"); text != refused {
			t.Errorf("%s: %q", name, text)
		}
	}
	if kind, again, _ := d.ask(t, "close_ticket", given, state, ""); kind != "input_required" || again == state {
		t.Errorf("without an answer: %s", kind)
	}
	d.state.Store(new("on hold"))
	if kind, _, _ := d.ask(t, "close_ticket", given, state, "accept"); kind != "input_required" {
		t.Errorf("an answer to what was shown before: %s", kind)
	}
	d.state.Store(new("open"))
	if n := d.done.Load(); n != 0 {
		t.Errorf("done %d times by then", n)
	}
	if kind, _, text := d.ask(t, "close_ticket", given, state, "accept"); kind != "complete" || text != "closed" || d.done.Load() != 1 {
		t.Errorf("the answer: %s %s", kind, text)
	}
}

// TestSealedStates: a state opens for its caller alone.
func TestSealedStates(t *testing.T) {
	t.Parallel()
	states := newStates(t)
	anna := auth.WithIdentity(t.Context(), auth.Identity{Subject: "anna"})
	sealed, err := states.SealState(anna, "close_ticket", []byte("text"))
	require.NoError(t, err)
	opened, err := states.OpenState(anna, "close_ticket", sealed)
	if err != nil || string(opened) != "text" {
		t.Errorf("%q %v", opened, err)
	}
	for name, ctx := range map[string]context.Context{"another": auth.WithIdentity(t.Context(), auth.Identity{Subject: "ben"}), "nobody": t.Context()} {
		if opened, err := states.OpenState(ctx, "close_ticket", sealed); err == nil {
			t.Errorf("%s opened %q", name, opened)
		}
	}
	if _, err := states.SealState(t.Context(), "close_ticket", nil); err == nil {
		t.Error("a state was sealed for nobody")
	}
}
