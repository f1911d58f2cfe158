package prompts_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// prettyMetadata is metadata of the largest size there may be, and as people write it: indented, a value a line.
func prettyMetadata(t *testing.T) string {
	t.Helper()
	list := make([]int, (prompt.MaxMetadata-len(`{"a":[]}`)+1)/2)
	compact, err := json.Marshal(map[string]any{"a": list})
	if err != nil || len(compact) > prompt.MaxMetadata || len(compact) < prompt.MaxMetadata-2 {
		t.Fatalf("%d bytes: %v", len(compact), err)
	}
	pretty, err := json.MarshalIndent(map[string]any{"a": list}, "", "    ")
	if err != nil || len(pretty) < 4*len(compact) {
		t.Fatalf("%d bytes: %v", len(pretty), err)
	}
	return string(pretty)
}

// TestLargeArguments: whatever is legal is taken however it is written, and what is too large is refused by its size.
func TestLargeArguments(t *testing.T) {
	author := catalogtest.NewAuthor(t)
	replica := start(t, author, withTools(author))
	call := func(tool, arguments string) string {
		var answer struct {
			Error  struct{ Message string }
			Result struct {
				Content []struct{ Text string }
				IsError bool
			}
		}
		message := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, tool, arguments) // as it is written
		response, err := replica.Client().Post(replica.URL+"/mcp", "application/json", strings.NewReader(message))
		require.NoError(t, err)
		defer response.Body.Close()
		require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
		switch {
		case answer.Error.Message != "":
			return answer.Error.Message
		case answer.Result.IsError:
			return "! " + answer.Result.Content[0].Text
		default:
			return "done"
		}
	}
	escaped := strings.Repeat(`\u0041`, prompt.MaxText)
	for name, tc := range map[string]struct{ tool, arguments, want string }{
		"a text of the largest size, all of it escaped": {"find_similar_prompts", `{"text":"` + escaped + `"}`, "done"},
		"metadata of the largest size, pretty-printed":  {"list_prompts", "{\n  \"metadata\": " + prettyMetadata(t) + "}", "done"},
		"metadata that is too long": {
			"list_prompts", `{"metadata":{"a":"` + strings.Repeat(" ", 96<<10) + `"}}`,
			fmt.Sprintf(`argument "metadata" is %d bytes of JSON, and at most 98304 (96 KiB) are allowed; send less`, 96<<10+8),
		},
		"an id of a megabyte": {
			"get_prompt", `{"id":"` + strings.Repeat("x", 1<<20) + `"}`,
			fmt.Sprintf(`the arguments of get_prompt are %d bytes of JSON, and at most 65536 (64 KiB) are allowed; send less`, 1<<20+9),
		},
		"a text that is too long, and no longer than JSON may be": {
			"find_similar_prompts", `{"text":"` + strings.Repeat("x", prompt.MaxText+1) + `"}`, "! Error finding similar prompts: ",
		},
	} {
		if got := call(tc.tool, tc.arguments); got != tc.want && (!strings.HasPrefix(tc.want, "! ") || !strings.HasPrefix(got, tc.want)) {
			t.Errorf("%s: got %.300s, want %s", name, got, tc.want)
		}
	}
}
