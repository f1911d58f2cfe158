package audit

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/server/transport"
)

// heldRows is a Writer that keeps rows of calls.
type heldRows struct{ usage []*audit.ToolUsage }

func (h *heldRows) Append(rows ...audit.Row) error {
	for _, row := range rows {
		h.usage = append(h.usage, row.(*audit.ToolUsage))
	}
	return nil
}

func (*heldRows) Sync() error { return nil }

func TestRecorder_Arguments(t *testing.T) {
	t.Parallel()
	var held heldRows
	schema := json.RawMessage(`{"properties":{"request_id":{"type":"string"},"comment":{"type":"string"}}}`)
	r := NewRecorder(Config{
		Writer: &held, Writes: []string{"set_request_status"}, Unlisted: []string{"plan"},
		Schemas: map[string]json.RawMessage{"set_request_status": schema, "get_request": schema},
	})
	for name, tc := range map[string]struct{ tool, want string }{
		"a tool that writes takes a plan that it does not show": {"set_request_status", `{"request_id":"31","comment":"text of 11 characters","plan":"text of 6 characters","name of 6 characters":"value of 3 characters"}`},
		"a tool that reads takes none":                          {"get_request", `{"request_id":"31","comment":"text of 11 characters","name of 4 characters":"value of 6 characters","name of 6 characters":"value of 3 characters"}`},
	} {
		t.Run(name, func(t *testing.T) {
			held.usage = nil
			call := &transport.Call{
				Method: string(mcp.MethodToolsCall), Name: tc.tool,
				RawArguments: json.RawMessage(`{"request_id":"31","comment":"She is away","plan":"sealed","secret":"abc"}`),
			}
			_, end := r.Begin(t.Context(), call, nil, transport.Trace{}, time.Now())
			end(nil)
			var got []string
			for _, row := range held.usage {
				got = append(got, string(row.Payload.Redacted))
			}
			if diff := cmp.Diff([]string{tc.want}, got); diff != "" {
				t.Errorf("other arguments are kept (-want +got)\n%s", diff)
			}
		})
	}
}
