package transport_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/transport"
)

// skillList is the result of a method that mcp-go does not know.
type skillList struct {
	mcp.Result
	Params json.RawMessage `json:"params"`
}

// TestDispatch_MethodsOfExtensions: what an extension adds is answered as the methods of the protocol are. The schemas
// of the protocol do not know it, so it goes over a pipe that is not checked.
func TestDispatch_MethodsOfExtensions(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) {
		c.Server.Extensions = map[string]any{"io.modelcontextprotocol/skills": map[string]any{}}
		c.Server.Methods["skills/list"] = transport.Method{Answer: func(_ context.Context, call *transport.Call) (any, error) {
			return &skillList{Params: call.Params}, nil
		}}
	})
	for name, tc := range map[string]struct {
		request request
		want    string
	}{
		"a newer client": {
			request{RPC: "skills/list", Params: map[string]any{"uri": 3, "cursor": []int{}}, Meta: map[string]any{mcp.MetaKeyClientInfo: nil}},
			`{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"workshop","version":"v0"}},"resultType":"complete",` +
				`"params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"cursor":[],"uri":3}}}`,
		},
		"an older client":      {request{RPC: "skills/list", Legacy: true}, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method skills/list not found"}}`},
		"params that are none": {request{Body: `{"jsonrpc":"2.0","id":1,"method":"skills/list","params":[]}`}, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method skills/list not found"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := replica.console(t, "")
			message := tc.request.Body
			if message == "" {
				message = tc.request.Message(t)
			}
			if _, err := c.Write([]byte(message + "\n")); err != nil {
				t.Fatal(err)
			}
			line, err := c.Lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want+"\n", line); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
