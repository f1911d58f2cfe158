package prompts_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
)

// unanswered is an authorizer that nobody answers.
type unanswered struct{ err error }

func (u unanswered) Authorize(context.Context, auth.Identity, auth.Verb, store.Key) error {
	return fmt.Errorf("dial secret-host:6443: %w", u.err)
}

func (u unanswered) VisibleNamespaces(context.Context, auth.Identity, auth.Candidates) (auth.Visible, error) {
	return auth.Visible{}, fmt.Errorf("dial secret-host:6443: %w", u.err)
}

// TestService_UndecidedRights: where nobody says what a caller may do, nothing is answered, not even that there is nothing.
func TestService_UndecidedRights(t *testing.T) {
	t.Parallel()
	for name, undecided := range map[string]error{"no answer": auth.ErrUnavailable, "no review left": auth.ErrReviewsSpent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			author := collection(t)
			replica := start(t, author, withTools(author), withChanges(author), func(d *server.Deps) { d.Authorizer = unanswered{undecided} })
			const words = "your rights cannot be checked now, try again in 1 s"
			for method, params := range map[string]any{
				"prompts/list":   map[string]any{},
				"prompts/get":    map[string]any{"name": "it.greeting"},
				"resources/list": map[string]any{},
				"resources/read": map[string]any{"uri": "prompt://it/greeting"},
				"completion/complete": map[string]any{
					"ref": map[string]any{"type": "ref/resource", "uri": "prompt://{namespace}/{name}"}, "argument": map[string]any{"name": "namespace", "value": ""},
				},
			} {
				var answer struct {
					Result any
					Error  struct {
						Code    int
						Message string
						Data    struct{ RetryAfterSeconds int }
					}
				}
				post(t, replica, method, params, &answer)
				if answer.Result != nil || answer.Error.Code != 503 || answer.Error.Message != words || answer.Error.Data.RetryAfterSeconds != 1 {
					t.Errorf("%s: %+v", method, answer)
				}
			}
			box := connectTools(t, replica, "/mcp")
			for tool, arguments := range map[string]string{
				"get_prompt": `{"id":"it/greeting"}`, "apply_template": `{"id":"it/greeting","variables":{}}`,
				"list_prompts": `{}`, "search_prompts": `{"query":"hello"}`, "get_stats": `{}`, "find_similar_prompts": `{"text":"hello"}`,
				"list_prompt_versions": `{"id":"it/greeting"}`, "diff_prompt_versions": `{"id":"it/greeting","from":1}`,
				"add_prompt": `{"name":"a","content":"b"}`, "update_prompt": `{"id":"it/greeting","name":"x"}`,
				"delete_prompt": `{"id":"it/greeting"}`, "set_prompt_channel": `{"id":"it/greeting","channel":"beta"}`,
			} {
				if got := box.text(t, tool, arguments); !strings.HasPrefix(got, "! Error ") || !strings.HasSuffix(got, ": StorageError: "+words) {
					t.Errorf("%s: %q", tool, got)
				}
			}
			if n := author.CountOpenChanges(); n != 0 {
				t.Errorf("%d changes were asked for", n)
			}
		})
	}
}
