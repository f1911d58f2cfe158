package prompts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/auth/authtest"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/prompts"
)

// untouched is a library, and a taker of changes, that nothing may be asked of: a call of either would
// panic and be an internal error.
var untouched = func(d *server.Deps) {
	d.Library, d.Changes = struct{ prompts.Library }{}, struct{ prompts.Changes }{}
}

// TestTools_DenialEqualsAbsence: who may not read a prompt is told what is said of one that is not there, and
// nothing was looked up.
func TestTools_DenialEqualsAbsence(t *testing.T) {
	t.Parallel()
	denied := connectTools(t, start(t, catalogtest.NewGreeting(), untouched, func(d *server.Deps) { d.Authorizer = authtest.OnlyNamespace{Namespace: "it"} }), "/mcp")
	author := collection(t)
	box := connectTools(t, start(t, author, withTools(author), func(d *server.Deps) { d.Changes = struct{ prompts.Changes }{} }), "/mcp")
	for tool, arguments := range map[string]string{
		"get_prompt":           `{"id":"%s"}`,
		"apply_template":       `{"id":"%s","variables":{}}`,
		"list_prompt_versions": `{"id":"%s"}`,
		"diff_prompt_versions": `{"id":"%s","from":1}`,
		"find_similar_prompts": `{"id":"%s"}`,
		"update_prompt":        `{"id":"%s","content":"x"}`,
		"delete_prompt":        `{"id":"%s"}`,
		"set_prompt_channel":   `{"id":"%s","channel":"production"}`,
	} {
		there := denied.text(t, tool, fmt.Sprintf(arguments, "support/hidden"))
		absent := box.text(t, tool, fmt.Sprintf(arguments, "support/nothing"))
		if diff := cmp.Diff(absent, strings.ReplaceAll(there, "support/hidden", "support/nothing")); diff != "" {
			t.Errorf("%s (-not there +denied)\n%s", tool, diff)
		}
		if !strings.Contains(there, "not found") {
			t.Errorf("%s says %q", tool, there)
		}
	}
}

// readers may read everything, and change nothing.
type readers struct{}

func (readers) Authorize(_ context.Context, _ auth.Identity, verb auth.Verb, key store.Key) error {
	if verb != auth.Get && verb != auth.List {
		return fmt.Errorf("%s %s: %w", verb, key, auth.ErrDenied)
	}
	return nil
}

func (readers) VisibleNamespaces(context.Context, auth.Identity) (store.Scope, error) {
	return store.Scope{All: true}, nil
}

// TestTools_ReadersAreToldWhatTheyMayNot: whether or not the prompt is there, which is not looked up.
func TestTools_ReadersAreToldWhatTheyMayNot(t *testing.T) {
	t.Parallel()
	box := connectTools(t, start(t, catalogtest.NewGreeting(), untouched, func(d *server.Deps) { d.Authorizer = readers{} }), "/mcp")
	for call, want := range map[[2]string]string{
		{"add_prompt", `{"name":"a","content":"b","namespace":"it"}`}:      "! Error creating prompt: ForbiddenError: you may not create prompts in namespace it",
		{"update_prompt", `{"id":"it/greeting","name":"x"}`}:               "! Error updating prompt: ForbiddenError: you may read prompt it/greeting, but not patch it; ask for the verb patch on prompts.lectern.dev",
		{"delete_prompt", `{"id":"it/greeting"}`}:                          "! Error deleting prompt: ForbiddenError: you may read prompt it/greeting, but not delete it; ask for the verb delete on prompts.lectern.dev",
		{"set_prompt_channel", `{"id":"it/greeting","channel":"beta"}`}:    "! Error setting prompt channel: ForbiddenError: you may read prompt it/greeting, but not promote it; ask for the verb promote on prompts.lectern.dev",
		{"add_prompt", `{"name":"a","content":"b"}`}:                       `! Error creating prompt: ValidationError: argument "namespace" is required here: no default namespace is set`,
		{"add_prompt", `{"name":"a","content":"b","namespace":"No Good"}`}: `! Error creating prompt: ValidationError: argument "namespace": "No Good" is not a namespace: at most 63 lower-case letters, digits and '-'`,
	} {
		if got := box.text(t, call[0], call[1]); got != want {
			t.Errorf("%s %s\n got %s\nwant %s", call[0], call[1], got, want)
		}
	}
}

// failingLibrary is a library whose every answer is an error.
type failingLibrary struct {
	prompts.Library
	err error
}

func (b failingLibrary) GetView(context.Context, store.Key, prompt.Selector) (store.PromptView, error) {
	return store.PromptView{}, b.err
}
func (b failingLibrary) Find(context.Context, store.FindQuery) (store.FindResult, error) {
	return store.FindResult{}, b.err
}
func (b failingLibrary) CompleteNames(context.Context, store.Scope, string, int) (store.Completions, error) {
	return store.Completions{}, b.err
}
func (b failingLibrary) Stats(context.Context, store.Scope) (store.Stats, error) {
	return store.Stats{}, b.err
}
func (b failingLibrary) ListVersions(context.Context, store.Key, int64, int) ([]store.VersionInfo, error) {
	return nil, b.err
}

// TestTools_InnerErrorsOfReads: what a caller learns of an unavailable store is when to try again.
func TestTools_InnerErrorsOfReads(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"StorageError: the store is away, try again in 1 s":           fmt.Errorf("dial secret-host:5432: %w", store.ErrUnavailable),
		"StorageError: the server could not answer; its log says why": errors.New("secret"),
	} {
		box := connectTools(t, start(t, catalogtest.NewGreeting(), func(d *server.Deps) { d.Library = failingLibrary{err: err} }), "/mcp")
		for call, doing := range map[[2]string]string{
			{"get_prompt", `{"id":"it/greeting"}`}:                    "retrieving prompt",
			{"list_prompts", `{}`}:                                    "listing prompts",
			{"search_prompts", `{"query":"x"}`}:                       "searching prompts",
			{"get_stats", `{}`}:                                       "getting statistics",
			{"list_prompt_versions", `{"id":"it/greeting"}`}:          "listing prompt versions",
			{"diff_prompt_versions", `{"id":"it/greeting","from":1}`}: "comparing prompt versions",
			{"find_similar_prompts", `{"id":"it/greeting"}`}:          "finding similar prompts",
		} {
			if got := box.text(t, call[0], call[1]); got != "! Error "+doing+": "+want {
				t.Errorf("%s: got %q, want %q", call[0], got, want)
			}
		}
	}
}
