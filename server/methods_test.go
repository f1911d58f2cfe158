package server

import (
	"net/http"
	"strings"
	"testing"
)

// TestMethods_NullIsAbsent: of every argument that is optional.
func TestMethods_NullIsAbsent(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := start(t, author, withTools(author))
	const template = `"ref":{"type":"ref/resource","uri":"prompt://{namespace}/{name}"}`
	for _, call := range []struct{ rpc, params string }{
		{"prompts/list", `{"cursor":null}`},
		{"resources/list", `{"cursor":null}`},
		{"resources/templates/list", `{"cursor":null}`},
		{"tools/list", `{"cursor":null}`},
		{"prompts/get", `{"name":"it.greeting","arguments":null}`},
		{"prompts/get", `{"name":"it.greeting","arguments":{"a":null}}`},
		{"tools/call", `{"name":"list_prompts","arguments":null}`},
		{"completion/complete", `{` + template + `,"argument":{"name":"name","value":"g"},"context":null}`},
		{"completion/complete", `{` + template + `,"argument":{"name":"name","value":"g"},"context":{"arguments":null}}`},
		{"completion/complete", `{` + template + `,"argument":{"name":"namespace","value":"i"},"context":{"arguments":{"name":null}}}`},
	} {
		reply := replica.Send(t, request{RPC: call.rpc, Legacy: true, Body: `{"jsonrpc":"2.0","id":1,"method":"` + call.rpc + `","params":` + call.params + `}`})
		if reply.Status != http.StatusOK || !strings.Contains(reply.Body, `"result"`) {
			t.Errorf("%s %s: %d %s", call.rpc, call.params, reply.Status, reply.Body)
		}
	}
}
