package scenarios

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// bothServersTell applies, edits and deletes; agents at both servers hear of each.
func bothServersTell(t *testing.T) {
	ctx := t.Context()
	s := play(t, whole(t))
	for _, step := range []struct {
		name string
		act  func() error
		want []string
	}{
		{"apply", func() error { return s.create(ctx, s.text("news", "First")) }, []string{"news"}},
		{"edit", func() error { return s.edit(ctx, "news", "Second {{word}}") }, []string{"news"}},
		{"delete", func() error { return s.remove(ctx, "news") }, nil},
	} {
		for _, a := range s.agents {
			a.quiet()
		}
		require.NoError(t, step.act())
		for i, a := range s.agents {
			if err := a.heard(ctx); err != nil {
				t.Errorf("%s, server %d: %v", step.name, i+1, err)
			}
		}
		require.NoError(t, s.lists(ctx, step.want...))
	}
}

// legacyEra is the same client in every older revision, on the same URL.
func legacyEra(t *testing.T) {
	ctx := t.Context()
	s := play(t, whole(t))
	require.NoError(t, s.create(ctx, s.text("old", "Hello {{who}}")))
	_, err := s.settled(ctx, "old", v1alpha1.ReasonPublished)
	require.NoError(t, err)
	require.NoError(t, s.serves(ctx, "old", map[string]string{"who": "all"}, "Hello all"))
	for _, protocol := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		t.Run(protocol, func(t *testing.T) {
			for _, endpoint := range s.Endpoints {
				a, err := connect(ctx, endpoint, protocol)
				require.NoError(t, err)
				defer a.close()
				if got := a.session.InitializeResult().ProtocolVersion; got != protocol {
					t.Errorf("the session speaks %s", got)
				}
				names, err := a.list(ctx, s.namespace)
				require.NoError(t, err)
				got := map[string]string{}
				for _, who := range []string{"", "Ann"} {
					arguments := map[string]string{"who": who}
					if who == "" {
						arguments = nil
					}
					got[who], err = a.get(ctx, s.namespace+".old", arguments)
					require.NoError(t, err)
				}
				want := map[string]string{"Ann": "Hello Ann", "": `error -32602: argument "who": is required; give it a value`}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]string{"old"}, names); diff != "" {
					t.Errorf("list (-want +got):\n%s", diff)
				}
			}
		})
	}
}
