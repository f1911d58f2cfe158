package prompts_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth/authtest"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

const (
	promptTemplate  = "prompt://{namespace}/{name}"
	versionTemplate = promptTemplate + "/versions/{version}"
	channelTemplate = promptTemplate + "/channels/{channel}"
)

// completing asks for the completion of what was typed so far.
func completing(name, uri, argument, typed string, given map[string]string) *mcp.CompleteParams {
	ref := &mcp.CompleteReference{Type: "ref/prompt", Name: name}
	if uri != "" {
		ref = &mcp.CompleteReference{Type: "ref/resource", URI: uri}
	}
	return &mcp.CompleteParams{
		Ref: ref, Argument: mcp.CompleteParamsArgument{Name: argument, Value: typed},
		Context: &mcp.CompleteContext{Arguments: given},
	}
}

// completed is what a client is offered: values, with a mark when there are more; or the error.
func completed(t *testing.T, session *mcp.ClientSession, params *mcp.CompleteParams) string {
	t.Helper()
	result, err := session.Complete(t.Context(), params)
	if refused, is := errors.AsType[*jsonrpc.Error](err); is {
		return fmt.Sprintf("%d %s", refused.Code, refused.Message)
	}
	require.NoError(t, err)
	c := result.Completion
	if c.Total != len(c.Values) || c.HasMore {
		return fmt.Sprintf("%d of %d, more: %t", len(c.Values), c.Total, c.HasMore)
	}
	return fmt.Sprint(c.Values)
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	spec := catalogtest.Text("{{#loud}}Hey {{who}}{{/loud}}")
	spec.Arguments = []prompt.Declaration{{Name: "loud", Type: prompt.Boolean}, {Name: "who"}}
	author.Publish(store.Key{Namespace: "it", Name: "call"}, spec)
	replica := start(t, author, withTools(author))
	const handover = "support.incident-handover"
	inSupport := map[string]string{"namespace": "support"}
	ofHandover := map[string]string{"namespace": "support", "name": "incident-handover"}
	of := func(name string) map[string]string { return map[string]string{"namespace": "support", "name": name} }
	for name, tc := range map[string]struct {
		path   string
		params *mcp.CompleteParams
		want   string
	}{
		"the values of an enum":               {"", completing(handover, "", "tone", "", nil), "[brief detailed]"},
		"those that begin as was typed":       {"", completing(handover, "", "tone", "d", nil), "[detailed]"},
		"none begins so":                      {"", completing(handover, "", "tone", "D", nil), "[]"},
		"an argument with any value":          {"", completing(handover, "", "ticket", "", nil), "[]"},
		"a Boolean":                           {"", completing("it.call", "", "loud", "", nil), "[true false]"},
		"in a namespace, by plain name":       {"/mcp/it", completing("call", "", "loud", "f", nil), "[false]"},
		"of a version without the enum":       {"", completing(handover+"@1", "", "tone", "", nil), "[brief detailed]"},
		"an argument there is not":            {"", completing(handover, "", "mood", "", nil), `-32602 support.incident-handover has no argument "mood"; prompts/list says which it has`},
		"a prompt there is not":               {"", completing("support.nothing", "", "tone", "", nil), "-32602 no such prompt, or not yours to read"},
		"a fragment":                          {"", completing("support.house-style", "", "tone", "", nil), "-32602 no such prompt, or not yours to read"},
		"namespaces":                          {"", completing("", promptTemplate, "namespace", "", nil), "[it support]"},
		"namespaces that begin so":            {"", completing("", versionTemplate, "namespace", "s", nil), "[support]"},
		"the namespace of the endpoint":       {"/mcp/it", completing("", promptTemplate, "namespace", "", nil), "[it]"},
		"names":                               {"", completing("", promptTemplate, "name", "", nil), "[call greeting incident-handover]"},
		"names in a namespace":                {"", completing("", promptTemplate, "name", "", inSupport), "[incident-handover]"},
		"names at the endpoint of one":        {"/mcp/it", completing("", promptTemplate, "name", "g", nil), "[greeting]"},
		"names of another than the path's":    {"/mcp/it", completing("", promptTemplate, "name", "", inSupport), "[]"},
		"names where nothing can be":          {"", completing("", promptTemplate, "name", "", map[string]string{"namespace": "No such"}), "[]"},
		"versions":                            {"", completing("", versionTemplate, "version", "", ofHandover), "[3 2 1]"},
		"versions that begin so":              {"", completing("", versionTemplate, "version", "2", ofHandover), "[2]"},
		"versions of nothing":                 {"", completing("", versionTemplate, "version", "", inSupport), "[]"},
		"versions of another than the path's": {"/mcp/it", completing("", versionTemplate, "version", "", ofHandover), "[]"},
		"versions of what is not there":       {"", completing("", versionTemplate, "version", "", of("nothing")), "[]"},
		"versions of a fragment":              {"", completing("", versionTemplate, "version", "", of("house-style")), "[]"},
		"versions by the path":                {"/mcp/support", completing("", versionTemplate, "version", "", map[string]string{"name": "hidden"}), "[1]"},
		"channels":                            {"", completing("", channelTemplate, "channel", "", ofHandover), "[beta latest]"},
		"channels that begin so":              {"", completing("", channelTemplate, "channel", "l", ofHandover), "[latest]"},
		"a variable of another template":      {"", completing("", promptTemplate, "version", "", ofHandover), `-32602 prompt://{namespace}/{name} has no variable "version"`},
		"a template there is not":             {"", completing("", "file:///{path}", "path", "", nil), "-32602 no such resource template; there are " + promptTemplate + ", " + versionTemplate + " and " + channelTemplate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tc.path
			if path == "" {
				path = "/mcp"
			}
			for _, version := range []string{"2026-07-28", "2025-11-25"} {
				if got := completed(t, connect(t, replica, path, version), tc.params); got != tc.want {
					t.Errorf("%s: got %s, want %s", version, got, tc.want)
				}
			}
		})
	}
}

// TestCompletion_Bounds: a hundred values, and the truth of how many there are.
func TestCompletion_Bounds(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	for i := range 101 {
		author.Publish(store.Key{Namespace: "it", Name: fmt.Sprintf("p-%03d", i)}, catalogtest.Text("Hello."))
		author.Publish(store.Key{Namespace: "it", Name: "much"}, catalogtest.Text(fmt.Sprint(i)), func(p *store.Publication) { p.HistoryLimit = 1000 })
	}
	session := connect(t, start(t, author, withTools(author)), "/mcp", "2026-07-28")
	for variable, template := range map[string]string{"name": promptTemplate, "version": versionTemplate} {
		given := map[string]string{"namespace": "it", "name": "much"}
		typed := map[string]string{"name": "p-"}[variable]
		if got, want := completed(t, session, completing("", template, variable, typed, given)), "100 of 101, more: true"; got != want {
			t.Errorf("%s: got %s, want %s", variable, got, want)
		}
	}
}

// TestCompletion_Denied: a caller who may list and get in one namespace is offered that
// one.
func TestCompletion_Denied(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	replica := start(t, author, withTools(author), func(d *server.Deps) { d.Authorizer = authtest.OnlyNamespace{Namespace: "it"} })
	session := connect(t, replica, "/mcp", "2026-07-28")
	ofHandover := map[string]string{"namespace": "support", "name": "incident-handover"}
	for name, tc := range map[string]struct {
		params *mcp.CompleteParams
		want   string
	}{
		"namespaces":       {completing("", promptTemplate, "namespace", "", nil), "[it]"},
		"names":            {completing("", promptTemplate, "name", "", nil), "[greeting]"},
		"names of another": {completing("", promptTemplate, "name", "", ofHandover), "[]"},
		"versions":         {completing("", versionTemplate, "version", "", ofHandover), "[]"},
		"channels":         {completing("", channelTemplate, "channel", "", ofHandover), "[]"},
		"an argument":      {completing("support.incident-handover", "", "tone", "", nil), "-32602 no such prompt, or not yours to read"},
	} {
		if got := completed(t, session, tc.params); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
}

// TestCompletion_StoreUnavailable: what the store is needed for says when to come back; the values of an enum come from the
// catalog.
func TestCompletion_StoreUnavailable(t *testing.T) {
	t.Parallel()
	unavailable := failingLibrary{err: fmt.Errorf("dial secret-host: %w", store.ErrUnavailable)}
	session := connect(t, start(t, catalogtest.NewLibrary(t), func(d *server.Deps) { d.Library = unavailable }), "/mcp", "2026-07-28")
	for want, params := range map[string]*mcp.CompleteParams{
		"503 the store is away, try again in 1 s": completing("", promptTemplate, "name", "", nil),
		"[brief detailed]":                        completing("support.incident-handover", "", "tone", "", nil),
	} {
		if got := completed(t, session, params); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
