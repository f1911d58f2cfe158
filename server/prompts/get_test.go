package prompts

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// TestGetResult holds the types prompts/get is encoded by against mcp-go's: what an upgrade adds to those is seen here.
func TestGetResult(t *testing.T) {
	t.Parallel()
	self := mcp.Implementation{Name: "lectern", Title: "Lectern", Version: "v0"}
	given := receipt{Prompt: "it/greeting", Version: 3, Includes: []prompt.Included{}, Variables: []string{"<a>"}}
	for name, tc := range map[string]struct {
		description string
		modern      bool
		texts       []string
	}{
		"a newer client":    {"Says <hello>", true, []string{"Hello & welcome.\u2028"}},
		"an older client":   {"Says hello", false, []string{"Hello.", "Good-bye."}},
		"no description":    {"", true, []string{"Hello."}},
		"nothing was asked": {"", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours := getResult{Description: tc.description, Messages: []getMessage{}, Meta: getMeta{Receipt: given}}
			theirs := &mcp.GetPromptResult{Description: tc.description, Messages: []mcp.PromptMessage{}}
			theirs.EnsureResultMeta().SetMetaField(receiptKey, given)
			if tc.modern {
				ours.ResultType, ours.Meta.ServerInfo = mcp.ResultTypeComplete, &self
				theirs.SetResultType(mcp.ResultTypeComplete)
				theirs.EnsureResultMeta().SetServerInfo(self)
			}
			for _, text := range tc.texts {
				ours.Messages = append(ours.Messages, getMessage{Role: prompt.Role(mcp.RoleUser), Content: textContent{Type: "text", Text: text}})
				theirs.Messages = append(theirs.Messages, mcp.PromptMessage{Role: mcp.RoleUser, Content: mcp.NewTextContent(text)})
			}
			want, err := json.Marshal(theirs)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(ours)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-mcp-go +ours)\n%s", diff)
			}
		})
	}
}
