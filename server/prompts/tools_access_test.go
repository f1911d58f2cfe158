package prompts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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

// lookups is a library that notes which keys are looked up.
type lookups struct {
	prompts.Library
	mu   sync.Mutex
	keys []store.Key
}

func (l *lookups) note(key store.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys = append(l.keys, key)
}

func (l *lookups) GetView(ctx context.Context, key store.Key, selector prompt.Selector) (store.PromptView, error) {
	l.note(key)
	return l.Library.GetView(ctx, key, selector)
}

func (l *lookups) ListVersions(ctx context.Context, key store.Key, before int64, limit int) ([]store.VersionInfo, error) {
	l.note(key)
	return l.Library.ListVersions(ctx, key, before, limit)
}

// take returns how many keys were looked up since, and fails where one is of a prompt there can be.
func (l *lookups) take(t *testing.T, possible bool) int {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range l.keys {
		if strings.HasPrefix(key.Namespace, "_") == possible || strings.HasPrefix(key.Name, "_") == possible {
			t.Errorf("%s was looked up", key)
		}
	}
	n := len(l.keys)
	l.keys = nil
	return n
}

// TestTools_DenialEqualsAbsence: who may not read a prompt is told what is said of one that is not there, and as much is
// looked up, but nothing that there is.
func TestTools_DenialEqualsAbsence(t *testing.T) {
	t.Parallel()
	author := collection(t)
	serve := func(library *lookups, change ...func(*server.Deps)) *toolClient {
		return connectTools(t, start(t, author, append(change, func(d *server.Deps) {
			d.Library, d.Changes = library, struct{ prompts.Changes }{}
		})...), "/mcp")
	}
	ofDenied, ofAbsent := &lookups{Library: author.Store}, &lookups{Library: author.Store}
	denied := serve(ofDenied, func(d *server.Deps) { d.Authorizer = authtest.OnlyNamespace{Namespace: "it"} })
	box := serve(ofAbsent)
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
		if asked, want := ofDenied.take(t, false), ofAbsent.take(t, true); asked != want {
			t.Errorf("%s looks up %d keys for who is denied, and %d of what is not there", tool, asked, want)
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

func (readers) VisibleNamespaces(context.Context, auth.Identity, auth.Candidates) (auth.Visible, error) {
	return auth.Visible{Scope: store.Scope{All: true}}, nil
}

// TestTools_ReadersAreToldWhatTheyMayNot: whether or not the prompt is there, which is not looked up.
func TestTools_ReadersAreToldWhatTheyMayNot(t *testing.T) {
	t.Parallel()
	box := connectTools(t, start(t, catalogtest.NewGreeting(), untouched, func(d *server.Deps) { d.Authorizer = readers{} }), "/mcp")
	for call, want := range map[[2]string]string{
		{"add_prompt", `{"name":"a","content":"b","namespace":"it"}`}:      "! Error creating prompt: ForbiddenError: you may not create prompts in namespace it; ask for the verb create on prompts.lectern.dev there, or name another namespace",
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
