package audit

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
)

// rights are all that a caller may: "use support/helpdesk", "audit prompts support/".
type rights []string

func (r rights) Authorize(_ context.Context, _ auth.Identity, verb auth.Verb, key store.Key) error {
	if slices.Contains(r, string(verb)+" "+key.Namespace+"/"+key.Name) {
		return nil
	}
	return auth.ErrDenied
}

func (rights) VisibleNamespaces(context.Context, auth.Identity, auth.Candidates) (auth.Visible, error) {
	return auth.Visible{}, nil
}

// TestSearch_Rights: each row is seen by who may see it, and by nobody else.
func TestSearch_Rights(t *testing.T) {
	t.Parallel()
	kept := audit.NewMemory()
	appendRow := func(tool, subject, connection, prompt string) {
		row := &audit.ToolUsage{CallID: audit.NewID(), Tool: tool, Actor: audit.Actor{Subject: subject}}
		if connection != "" {
			row.Connection = audit.Connection{Namespace: connection, Name: "helpdesk"}
		}
		if prompt != "" {
			row.Prompt = audit.Prompt{Namespace: prompt, Name: "triage"}
		}
		require.NoError(t, kept.Append(row))
	}
	appendRow("own ticket", "anna", "support", "")
	appendRow("other's ticket", "bob", "support", "")
	appendRow("ticket elsewhere", "anna", "it", "")
	appendRow("own prompt", "anna", "", "support")
	appendRow("other's prompt", "bob", "", "support")
	appendRow("prompt elsewhere", "bob", "", "it")
	appendRow("neither", "anna", "", "")
	for name, tc := range map[string]struct {
		rights   rights
		endpoint string
		want     []string
	}{
		"no right":                           {},
		"who may use a connection":           {rights: rights{"use support/helpdesk"}, want: []string{"own ticket"}},
		"who may audit a connection":         {rights: rights{"audit sdpconnections support/helpdesk"}, want: []string{"other's ticket", "own ticket"}},
		"who may audit all connections":      {rights: rights{"audit sdpconnections /"}, want: []string{"ticket elsewhere", "other's ticket", "own ticket"}},
		"who may audit those of a namespace": {rights: rights{"audit sdpconnections it/"}, want: []string{"ticket elsewhere"}},
		"who may audit prompts there":        {rights: rights{"audit prompts support/"}, want: []string{"other's prompt", "own prompt"}},
		"who may audit prompts everywhere": {
			rights: rights{"audit prompts /"}, want: []string{"neither", "prompt elsewhere", "other's prompt", "own prompt"},
		},
		"at the endpoint of a namespace": {
			rights: rights{"audit prompts /", "audit prompts it/", "audit sdpconnections /", "audit sdpconnections it/"}, endpoint: "it",
			want: []string{"prompt elsewhere", "ticket elsewhere"},
		},
		"at that of another": {rights: rights{"audit prompts it/", "audit sdpconnections it/helpdesk"}, endpoint: "support"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewSearch(SearchConfig{
				Reader: kept, Authorizer: tc.rights,
				Connections: func(endpoint string) []store.Key {
					all := []store.Key{{Namespace: "it", Name: "helpdesk"}, {Namespace: "support", Name: "helpdesk"}}
					return slices.DeleteFunc(all, func(key store.Key) bool { return endpoint != "" && key.Namespace != endpoint })
				},
				Namespaces: func(context.Context) ([]string, error) { return []string{"it", "support"}, nil },
			})
			ctx := auth.WithIdentity(t.Context(), auth.Identity{Subject: "anna"})
			q := store.UsageQuery{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), Limit: 100}
			isPartial, err := s.decideScope(ctx, tc.endpoint, &q.Visible)
			require.NoError(t, err)
			rows, err := kept.FindToolUsage(ctx, q)
			require.NoError(t, err)
			var got []string
			for _, row := range rows {
				got = append(got, row.Tool)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || isPartial {
				t.Errorf("partial %t; (-want +got)\n%s", isPartial, diff)
			}
		})
	}
}
