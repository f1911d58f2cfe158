package prompts

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lectern-dev/lectern/internal/testenv/golden"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

// UpdateGolden is for the tests of the tools too.
var UpdateGolden = golden.Update

// everyTool is a service that offers all there are; it is asked for their definitions only.
func everyTool() *Service {
	return New(Config{
		Authorizer: auth.NewNone("anna"), Version: "v0",
		Library: struct{ Library }{}, Changes: struct{ Changes }{},
	})
}

// listed are the definitions of the tools as tools/list has them, in the order of their names.
func listed(t *testing.T) []mcp.Tool {
	t.Helper()
	var tools []mcp.Tool
	for _, tool := range everyTool().Server().Tools {
		tools = append(tools, tool.Definition)
	}
	slices.SortFunc(tools, func(a, b mcp.Tool) int { return strings.Compare(a.Name, b.Name) })
	return tools
}

// TestTools_Definitions: what clients are shown changes only on purpose (go test -update).
func TestTools_Definitions(t *testing.T) {
	t.Parallel()
	const golden = "testdata/tools.json"
	raw, err := json.Marshal(listed(t))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, append(raw, '\n'), "", "  "); err != nil {
		t.Fatal(err)
	}
	if *UpdateGolden {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestTools_TokensOfDefinitions: of the 4,500 tokens that all tools of a caller may take, the tools on prompts leave
// nearly half to those on tickets, and more where a caller may not write; with output schemas and hints it is
// 8,000.
func TestTools_TokensOfDefinitions(t *testing.T) {
	t.Parallel()
	var shown, whole float64
	for _, listed := range listed(t) {
		model := map[string]any{
			"name": listed.Name, "title": listed.Title, "description": listed.Description, "inputSchema": listed.RawInputSchema,
		}
		for at, value := range map[*float64]any{&shown: model, &whole: listed} {
			raw, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			*at += float64(utf8.RuneCount(raw)) / tool.CharactersPerToken
		}
	}
	t.Logf("%.0f tokens shown to a model, %.0f for the whole list", shown, whole)
	if shown > 2400 || whole > 4200 {
		t.Errorf("%.0f tokens are shown to a model, of 2400; %.0f are in the whole list, of 4200", shown, whole)
	}
}

func TestTools_DefinitionsAreComplete(t *testing.T) {
	t.Parallel()
	for _, tool := range listed(t) {
		a := tool.Annotations
		if tool.Title == "" || tool.Description == "" || a.ReadOnlyHint == nil || a.DestructiveHint == nil || a.IdempotentHint == nil || a.OpenWorldHint == nil {
			t.Errorf("%s: title, description or a hint is missing", tool.Name)
		}
		compiled(t, tool.RawOutputSchema)
		compiled(t, tool.RawInputSchema)
		var input struct {
			AdditionalProperties *bool
			Properties           map[string]struct{ Description string }
		}
		if err := json.Unmarshal(tool.RawInputSchema, &input); err != nil {
			t.Fatal(err)
		}
		if input.AdditionalProperties == nil || *input.AdditionalProperties {
			t.Errorf("%s takes arguments nobody described", tool.Name)
		}
		for name, property := range input.Properties {
			if property.Description == "" {
				t.Errorf("%s: argument %s is not described", tool.Name, name)
			}
		}
	}
}

func compiled(t *testing.T, raw json.RawMessage) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return schema
}
