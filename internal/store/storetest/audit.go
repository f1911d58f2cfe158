package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// AuditFixture is a store without audited calls.
type AuditFixture struct {
	// Append has a row be found from when it returns.
	Append func(*testing.T, *audit.ToolUsage)
	Find   func(context.Context, store.UsageQuery) ([]store.UsageRow, error)
}

// RunAuditScopes holds which audited calls a scope shows: they are decided once in SQL and once in memory.
func RunAuditScopes(t *testing.T, f AuditFixture) {
	t.Helper()
	appendRow := func(tool string, actor audit.Actor, connection, prompt store.Key) {
		f.Append(t, &audit.ToolUsage{
			CallID: audit.NewID(), StartedAt: time.Now(), Tool: tool, Actor: actor, Connection: audit.Connection{Namespace: connection.Namespace, Name: connection.Name},
			Prompt: audit.Prompt{Namespace: prompt.Namespace, Name: prompt.Name},
		})
	}
	anna, namesake, bob := audit.Actor{Subject: "anna", Proof: "oidc"}, audit.Actor{Subject: "anna", Proof: "none"}, audit.Actor{Subject: "bob", Proof: "oidc"}
	support, second, elsewhere := store.Key{Namespace: "support", Name: "desk"}, store.Key{Namespace: "support", Name: "second"}, store.Key{Namespace: "it", Name: "desk"}
	none := store.Key{}
	appendRow("own", anna, support, none)
	appendRow("namesake's", namesake, support, none)
	appendRow("other's", bob, support, none)
	appendRow("own at second", anna, second, none)
	appendRow("own elsewhere", anna, elsewhere, none)
	appendRow("prompt", anna, none, store.Key{Namespace: "support", Name: "triage"})
	appendRow("prompt elsewhere", bob, none, store.Key{Namespace: "it", Name: "triage"})
	appendRow("neither", anna, none, none)
	of := func(visible store.UsageScope) store.UsageScope {
		visible.Subject, visible.Proof = anna.Subject, anna.Proof
		return visible
	}
	for name, tc := range map[string]struct {
		visible store.UsageScope
		want    []string
	}{
		"nothing":                     {of(store.UsageScope{}), nil},
		"a connection":                {of(store.UsageScope{Connections: store.ConnectionScope{Keys: []store.Key{support}}}), []string{"other's", "namesake's", "own"}},
		"the connections of one":      {of(store.UsageScope{Connections: store.ConnectionScope{Namespaces: []string{"support"}}}), []string{"own at second", "other's", "namesake's", "own"}},
		"all connections":             {of(store.UsageScope{Connections: store.ConnectionScope{All: true}}), []string{"own elsewhere", "own at second", "other's", "namesake's", "own"}},
		"own calls of a connection":   {of(store.UsageScope{OwnConnections: store.ConnectionScope{Keys: []store.Key{support}}}), []string{"own"}},
		"own calls of a namespace":    {of(store.UsageScope{OwnConnections: store.ConnectionScope{Namespaces: []string{"support"}}}), []string{"own at second", "own"}},
		"own calls of all":            {of(store.UsageScope{OwnConnections: store.ConnectionScope{All: true}}), []string{"own elsewhere", "own at second", "own"}},
		"prompts of a namespace":      {of(store.UsageScope{Prompts: store.Scope{Namespaces: []string{"support"}}}), []string{"prompt"}},
		"prompts of none by its name": {of(store.UsageScope{Prompts: store.Scope{Namespaces: []string{""}}}), nil},
		"all prompts":                 {of(store.UsageScope{Prompts: store.Scope{All: true}}), []string{"neither", "prompt elsewhere", "prompt"}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := f.Find(t.Context(), store.UsageQuery{Visible: tc.visible, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), Limit: 100})
			require.NoError(t, err)
			var got []string
			for i := range rows {
				got = append(got, rows[i].Tool)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("calls (-want +got)\n%s", diff)
			}
		})
	}
}

// RunAuditTargets holds which calls are about what is asked for, as RunAuditScopes does.
func RunAuditTargets(t *testing.T, f AuditFixture) {
	t.Helper()
	for _, target := range []string{"request/31", "request/312", "task/7 request/31", "sdp://support/desk/requests/31", "prompt/support/triage", "request/2 request/31 request/3"} {
		f.Append(t, &audit.ToolUsage{CallID: audit.NewID(), StartedAt: time.Now(), Target: target})
	}
	for asked, want := range map[string][]string{
		"request/31":             {"request/2 request/31 request/3", "task/7 request/31", "request/31"},
		"request/3":              {"request/2 request/31 request/3"},
		"request/312":            {"request/312"},
		"task/":                  {"task/7 request/31"},
		"prompt/support/":        {"prompt/support/triage"},
		"sdp://support/":         {"sdp://support/desk/requests/31"},
		"task/7 request/31":      {"task/7 request/31"},
		"request/31' or true --": nil,
	} {
		rows, err := f.Find(t.Context(), store.UsageQuery{
			Visible: store.UsageScope{Prompts: store.Scope{All: true}}, Target: asked, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), Limit: 100,
		})
		require.NoError(t, err)
		var got []string
		for i := range rows {
			got = append(got, rows[i].Target)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("about %q (-want +got)\n%s", asked, diff)
		}
	}
}
