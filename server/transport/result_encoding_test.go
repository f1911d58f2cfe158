package transport

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"
)

// written writes itself as its string is encoded.
type written string

func (w written) AppendJSON(b []byte) []byte {
	text, err := json.Marshal(string(w))
	if err != nil {
		panic(err)
	}
	return append(b, text...)
}

// TestAppendResponse_ToolResults: a result that writes a part of itself is on the wire what the encoder makes of one that does not.
func TestAppendResponse_ToolResults(t *testing.T) {
	t.Parallel()
	const structured = "a <b> & \u2028"
	info := mcp.Implementation{Name: "lectern", Version: "v<0>"}
	text := mcp.NewTextContent("one \"<\n>\"\x01")
	noted := text
	noted.Annotations = &mcp.Annotations{}
	for name, result := range map[string]toolResult{
		"one text":            {Content: []mcp.Content{text}, ResultType: mcp.ResultTypeComplete, Meta: newServerMeta(&info)},
		"two texts":           {Content: []mcp.Content{text, mcp.NewTextContent("two")}},
		"no content":          {Content: []mcp.Content{}},
		"another meta":        {Content: []mcp.Content{text}, Meta: &mcp.Meta{AdditionalFields: map[string]any{"a": "<"}}},
		"an error":            {Content: []mcp.Content{text}, IsError: true},
		"an image":            {Content: []mcp.Content{mcp.NewImageContent("aGk=", "image/png")}},
		"an annotated text":   {Content: []mcp.Content{noted}},
		"a state to go on by": {Content: []mcp.Content{text}, RequestState: "s"},
	} {
		own, plain := result, result
		own.StructuredContent, plain.StructuredContent = written(structured), structured
		var got, want string
		for into, r := range map[*string]*toolResult{&got: &own, &want: &plain} {
			p := newResponseBuffer()
			if err := p.appendResponse(json.RawMessage("7"), r, nil); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			*into = p.String()
			p.release()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-encoded +own):\n%s", name, diff)
		}
	}
}
