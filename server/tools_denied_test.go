package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/prompts"
)

// untouched is a library, and a taker of changes, that nothing may be asked of: a call of either would
// panic and be an internal error.
var untouched = func(d *Deps) {
	d.Library, d.Changes = struct{ prompts.Library }{}, struct{ prompts.Changes }{}
}

// TestTools_DenialEqualsAbsence: who may not read a prompt is told what is said of one that is not there, and
// nothing was looked up.
func TestTools_DenialEqualsAbsence(t *testing.T) {
	t.Parallel()
	denied := connectTools(t, start(t, greeting(), untouched, func(d *Deps) { d.Authorizer = onlyIT{} }), "/mcp")
	author := collection(t)
	box := connectTools(t, start(t, author, withTools(author), func(d *Deps) { d.Changes = struct{ prompts.Changes }{} }), "/mcp")
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
	box := connectTools(t, start(t, greeting(), untouched, func(d *Deps) { d.Authorizer = readers{} }), "/mcp")
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
		box := connectTools(t, start(t, greeting(), func(d *Deps) { d.Library = failingLibrary{err: err} }), "/mcp")
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

// TestTools_Metrics: calls are counted by name where there is such a tool, and what a tool refused apart from what the protocol
// did.
func TestTools_Metrics(t *testing.T) {
	t.Parallel()
	metrics, exporter := prometheus.NewRegistry(), tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	author := collection(t)
	replica := start(t, author, withTools(author), func(d *Deps) { d.Metrics, d.Tracer = metrics, provider.Tracer("test") })
	for _, name := range []string{"get_stats", "get_prompt", "burn"} {
		replica.send(t, callTool(name, map[string]any{}))
	}
	type count struct{ Tool, Error string }
	got := map[count]uint64{}
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if n := m.GetHistogram().GetSampleCount(); n > 0 && labels["mcp_method_name"] == "tools/call" {
				got[count{labels["gen_ai_tool_name"], labels["error_type"]}] += n
			}
		}
	}
	want := map[count]uint64{{"get_stats", ""}: 1, {"get_prompt", "tool_error"}: 1, {"", "-32602"}: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted (-want +got)\n%s", diff)
	}
	require.Until(t, "all spans", func() bool { return len(exporter.GetSpans()) == 3 })
	spans := map[string]string{}
	for _, s := range exporter.GetSpans() {
		spans[s.Name] = ""
		for _, a := range s.Attributes {
			if a.Key == "error.type" {
				spans[s.Name] = a.Value.AsString()
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"tools/call get_stats": "", "tools/call get_prompt": "tool_error", "tools/call burn": "-32602"}, spans); diff != "" {
		t.Errorf("spans (-want +got)\n%s", diff)
	}
}
