package prompts_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/prompts"
)

// serviceAccount is a caller who is a ServiceAccount of namespace support.
type serviceAccount struct{}

func (serviceAccount) Authenticate(r *http.Request) (context.Context, error) {
	return auth.WithIdentity(r.Context(), auth.Identity{Subject: "system:serviceaccount:support:bot"}), nil
}

// TestTools_NamespaceOfServiceAccount: its own namespace is where it adds prompts, and where bare names are looked up.
func TestTools_NamespaceOfServiceAccount(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	author.RunController()
	box := connectTools(t, start(t, author, withTools(author), withChanges(author), func(d *server.Deps) { d.Authenticator = serviceAccount{} }), "/mcp")
	for _, a := range []step{
		{"add_prompt", `{"name":"Mine","content":"a"}`, `Created prompt "Mine" with ID: support/mine`, ""},
		{"apply_template", `{"id":"hidden","variables":{}}`, "Not for lists.", ""},
		{"update_prompt", `{"id":"greeting","name":"x"}`, "! Error updating prompt: NotFoundError: Prompt with id 'greeting' not found", ""},
	} {
		if got := box.text(t, a.tool, a.arguments); got != a.says {
			t.Errorf("%s %s: got %q, want %q", a.tool, a.arguments, got, a.says)
		}
	}
}

// TestAddPrompt_TakenName: what makes it another name are the first digits of the change's id.
func TestAddPrompt_TakenName(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	author.RunController()
	author.Delete(catalogtest.GreetingKey)
	box := connectTools(t, start(t, author, withTools(author), withChanges(author)), "/mcp/it")
	for range 2 { // of a tombstone, and of one that is there
		got := box.call(t, "add_prompt", `{"name":"Greeting","content":"a"}`).structured
		if want := fmt.Sprintf("greeting-%.8s", got["changeId"]); got["id"] != want {
			t.Errorf("the id is %v, want %s", got["id"], want)
		}
	}
}

// TestTools_UnlistedPrompts: what is not listed is edited by name, fragments too.
func TestTools_UnlistedPrompts(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	author.RunController()
	box := connectTools(t, start(t, author, withTools(author), withChanges(author)), "/mcp/support")
	for _, id := range []string{"hidden", "house-style"} {
		for _, a := range []step{
			{"update_prompt", `{"id":%q,"content":"New."}`, fmt.Sprintf(`Updated prompt %q (version 2)`, id), ""},
			{"set_prompt_channel", `{"id":%q,"channel":"beta","version":1}`, fmt.Sprintf(`Channel beta of prompt %q points to version 1; before: none`, id), ""},
			{"diff_prompt_versions", `{"id":%q,"from":1,"to":1}`, "Versions 1 and 1 are the same", ""},
		} {
			if got := box.text(t, a.tool, fmt.Sprintf(a.arguments, id)); got != a.says {
				t.Errorf("%s %s: got %q, want %q", a.tool, id, got, a.says)
			}
		}
		if versions := anyList(box.call(t, "list_prompt_versions", fmt.Sprintf(`{"id":%q}`, id)).structured["versions"]); len(versions) != 2 {
			t.Errorf("%s has the versions %v", id, versions)
		}
		if got := box.text(t, "delete_prompt", fmt.Sprintf(`{"id":%q}`, id)); got != "Deleted prompt with ID: "+id {
			t.Errorf("delete %s: %q", id, got)
		}
	}
}

// failingStore is a library and a taker of changes whose every answer is an error.
type failingStore struct {
	failingLibrary
	prompts.Changes
}

func (b failingStore) NameTaken(context.Context, store.Key) (bool, error) { return false, b.err }
func (b failingStore) LoadFragments(context.Context, string, []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	return nil, b.err
}
func (b failingStore) ChangeOutcomes(context.Context, string, []string) ([]store.ChangeOutcome, error) {
	return nil, b.err
}

// TestTools_InnerErrorsOfWrites: they are kept inside as those of tools that read.
func TestTools_InnerErrorsOfWrites(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"StorageError: the store is away, try again in 1 s":           fmt.Errorf("dial secret-host:5432: %w", store.ErrUnavailable),
		"StorageError: the server could not answer; its log says why": errors.New("secret"),
	} {
		all := failingStore{failingLibrary: failingLibrary{err: err}}
		box := connectTools(t, start(t, catalogtest.NewGreeting(), func(d *server.Deps) { d.Library, d.Changes = all, all }), "/mcp/it")
		for call, doing := range map[[2]string]string{
			{"add_prompt", `{"name":"a","content":"b"}`}:                   "creating prompt",
			{"update_prompt", `{"id":"greeting","name":"x"}`}:              "updating prompt",
			{"delete_prompt", `{"id":"greeting"}`}:                         "deleting prompt",
			{"set_prompt_channel", `{"id":"greeting","channel":"beta"}`}:   "setting prompt channel",
			{"get_prompt_change", `{"changeId":"` + someChange + `"}`}:     "retrieving prompt change",
			{"find_similar_prompts", `{"id":"greeting","threshold":0.25}`}: "finding similar prompts",
		} {
			if got := box.text(t, call[0], call[1]); got != "! Error "+doing+": "+want {
				t.Errorf("%s: got %q, want %q", call[0], got, want)
			}
		}
	}
}

const someChange = "01234567-89ab-4cde-8f01-23456789abcd"

// outcomeOf is a taker of changes that knows the outcome of one.
type outcomeOf struct {
	prompts.Changes
	outcome store.ChangeOutcome
}

func (o outcomeOf) ChangeOutcomes(context.Context, string, []string) ([]store.ChangeOutcome, error) {
	return []store.ChangeOutcome{o.outcome}, nil
}

// TestGetPromptChange_Failed: a reason to decide by, and a message to read.
func TestGetPromptChange_Failed(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	for state, reason := range map[store.ChangeState]string{store.ChangeBlocked: "IncludeMissing", store.ChangeRefused: store.ReasonOwnedElsewhere} {
		outcome := store.ChangeOutcome{ID: someChange, Key: catalogtest.GreetingKey, Action: store.ActionUpdate, State: state, Reason: reason, Message: "words of it"}
		box := connectTools(t, start(t, author, withTools(author), func(d *server.Deps) { d.Changes = outcomeOf{outcome: outcome} }), "/mcp")
		want := fmt.Sprintf("{\n  \"changeId\": %q,\n  \"id\": \"it/greeting\",\n  \"state\": %q,\n  \"reason\": %q,\n  \"message\": \"words of it\"\n}",
			someChange, strings.ToLower(string(state)), reason)
		if diff := cmp.Diff(want, box.text(t, "get_prompt_change", `{"changeId":"`+someChange+`"}`)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", state, diff)
		}
	}
}

// TestFindSimilarPrompts_Limits: ten near-duplicates, unless another limit or threshold is asked for.
func TestFindSimilarPrompts_Limits(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	words := strings.Fields("a report names the ticket the shift the owner and what was done since the last one was written by whom")
	text := strings.Join(words, " ")
	for i := range 55 {
		author.Publish(store.Key{Namespace: "it", Name: fmt.Sprintf("same-%02d", i)}, catalogtest.Text(text))
	}
	author.Publish(store.Key{Namespace: "it", Name: "near"}, catalogtest.Text(text+" and when it was read"))
	box := connectTools(t, start(t, author, withTools(author)), "/mcp")
	for arguments, want := range map[string]int{
		`{"text":%q}`:                              10,
		`{"text":%q,"limit":0}`:                    10,
		`{"text":%q,"limit":3}`:                    3,
		`{"text":%q,"limit":1000}`:                 50,
		`{"text":%q,"threshold":1,"limit":2}`:      2,
		`{"text":%q,"threshold":0.3,"limit":1000}`: 50,
	} {
		got := anyList(box.call(t, "find_similar_prompts", fmt.Sprintf(arguments, text)).structured["prompts"])
		if len(got) != want {
			t.Errorf("%s: %d, not %d", arguments, len(got), want)
		}
	}
	for arguments, want := range map[string]bool{`{"id":"it/near","limit":1}`: false, `{"id":"it/near","limit":1,"threshold":0.5}`: true} {
		if got := box.text(t, "find_similar_prompts", arguments); strings.Contains(got, "it/same-") != want {
			t.Errorf("%s: %s", arguments, got)
		}
	}
}

// TestApplyTemplate_FirstMissingVariable: the first is named, in the order of the arguments.
func TestApplyTemplate_FirstMissingVariable(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	author.Publish(catalogtest.GreetingKey, catalogtest.Text("{{second}} and {{first}}"))
	box := connectTools(t, start(t, author, withTools(author)), "/mcp")
	want := "! Error applying template: Error: Missing required variable: second"
	if got := box.text(t, "apply_template", `{"id":"it/greeting","variables":{}}`); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// countsNothing is a library that is not to be asked for a number.
type countsNothing struct {
	prompts.Library
	t *testing.T
}

func (u countsNothing) CountFound(context.Context, store.FindQuery) (int64, error) {
	u.t.Error("what was read to its end is counted")
	return 0, nil
}

// TestSearchPrompts_CountsOnlyWhatWasNotRead: what was read to its end is not counted, even if the answer had no room for all of it: counting is a second search.
func TestSearchPrompts_CountsOnlyWhatWasNotRead(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	for i := range 20 {
		author.Publish(store.Key{Namespace: "it", Name: fmt.Sprintf("p%02d", i)}, catalogtest.Text(strings.Repeat("All about reports. ", 10)))
	}
	box := connectTools(t, start(t, author, func(d *server.Deps) { d.Library, d.ResultLimit = countsNothing{author.Store, t}, 500 }), "/mcp")
	for arguments, want := range map[string]string{
		`{"query":"reports"}`:             "Showing 4 of 20; call again with offset=4 or detail=summary",
		`{"query":"reports","offset":15}`: "Showing 4 of 20; call again with offset=19 or detail=summary",
		`{"query":"reports","offset":18}`: "",
		`{"query":"nothing"}`:             "",
	} {
		if got := strings.Join(box.call(t, "search_prompts", arguments).texts[1:], ""); got != want {
			t.Errorf("%s: %q, not %q", arguments, got, want)
		}
	}
}
