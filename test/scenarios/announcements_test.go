package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/prompts"
)

// testAnnouncements applies, edits and deletes; agents at both servers hear of each.
func testAnnouncements(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	s.waitUntilListening(t)
	for _, step := range []struct {
		name string
		act  func() error
		want []string
	}{
		{"apply", func() error { return s.createPrompts(ctx, s.newPrompt("news", "First")) }, []string{"news"}},
		{"edit", func() error { return s.editText(ctx, "news", "Second {{word}}") }, []string{"news"}},
		{"delete", func() error { return s.deletePrompts(ctx, "news") }, nil},
	} {
		for _, a := range s.agents {
			a.waitForSilence()
		}
		require.NoError(t, step.act())
		for i, a := range s.agents {
			if err := a.waitForListChanged(ctx); err != nil {
				t.Errorf("%s, server %d: %v", step.name, i+1, err)
			}
		}
		require.NoError(t, s.waitUntilListed(ctx, step.want...))
	}
}

// waitUntilListening changes the list until every agent hears of it: a stream that a client opened may not be open yet.
func (s *scenario) waitUntilListening(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("first", "To be heard of")))
	for i, a := range s.agents {
		edits := 0
		require.Eventually(t, func() error {
			edits++
			if err := s.editText(ctx, "first", fmt.Sprintf("To be heard of by server %d {{word%d}}", i+1, edits)); err != nil {
				return err
			}
			select {
			case <-a.changed:
				return nil
			case <-time.After(4 * prompts.DefaultAnnounceDelay):
				return fmt.Errorf("nothing is heard of server %d", i+1)
			}
		})
	}
	require.NoError(t, s.deletePrompts(ctx, "first"))
	require.NoError(t, s.waitUntilGone(ctx, "first"))
	require.NoError(t, s.waitUntilListed(ctx))
}

// testLegacyRevisions has the same client speak in every older revision, on the same URL.
func testLegacyRevisions(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("old", "Hello {{who}}")))
	_, err := s.waitForReason(ctx, "old", v1alpha1.ReasonPublished)
	require.NoError(t, err)
	require.NoError(t, s.waitUntilServed(ctx, "old", map[string]string{"who": "all"}, "Hello all"))
	require.NoError(t, s.waitUntilListed(ctx, "old"))
	for _, protocol := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		t.Run(protocol, func(t *testing.T) {
			for _, endpoint := range s.Endpoints {
				a, err := connect(ctx, endpoint, protocol)
				require.NoError(t, err)
				defer a.close()
				if got := a.session.InitializeResult().ProtocolVersion; got != protocol {
					t.Errorf("the session speaks %s", got)
				}
				names, err := a.listPrompts(ctx, s.namespace)
				require.NoError(t, err)
				got := map[string]string{}
				for _, who := range []string{"", "Ann"} {
					arguments := map[string]string{"who": who}
					if who == "" {
						arguments = nil
					}
					got[who], err = a.getPrompt(ctx, s.namespace+".old", arguments)
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
