package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// The sizes of the two largest prompts met in public collections.
var realSizes = []int{231_376, 149_235}

func textOf(size int, unit string) string { return strings.Repeat(unit, size/len(unit)+1)[:size] }

// realPromptsFit creates and edits prompts of real sizes as kubectl does, and as agents do.
func realPromptsFit(t *testing.T) {
	ns := newNamespace(t)
	p := createPrompt(t, newPrompt(ns, "by-kubectl", textOf(realSizes[0], "Say what you saw, and when.\n")))
	waitForReason(t, p, v1alpha1.ReasonPublished)
	edited := textOf(realSizes[1], "Say it in fewer words.\n")
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = edited })
	wantServed(t, waitForReason(t, p, v1alpha1.ReasonPublished), prompt.Selector{}, edited)

	s, key := office(t), store.Key{Namespace: ns, Name: "by-agents"}
	for i, size := range append(realSizes, prompt.MaxText) {
		action := store.ActionUpdate
		if i == 0 {
			action = store.ActionAdd
		}
		text := textOf(size, "Say what you saw, and when.\n")
		request := controllerstest.NewRequest(key, action, store.Edit{Content: &text})
		controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, request), published(int64(i+1), true))
		wantServed(t, cluster.GetPrompt(t, key), prompt.Selector{}, text)
	}
}

// agentsAreToldWhatEtcdRefuses: a text that Lectern and the API server take, and etcd does not, is refused once.
func agentsAreToldWhatEtcdRefuses(t *testing.T) {
	s, ns := office(t), newNamespace(t)
	escaped := strings.Repeat("<", prompt.MaxText) // six bytes each as JSON
	small := store.Key{Namespace: ns, Name: "small"}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(small, store.ActionAdd, store.Edit{Content: new("small")})), published(1, true))
	for _, request := range []store.ChangeRequest{
		controllerstest.NewRequest(store.Key{Namespace: ns, Name: "escaped"}, store.ActionAdd, store.Edit{Content: &escaped}),
		controllerstest.NewRequest(small, store.ActionUpdate, store.Edit{Content: &escaped}),
	} {
		got := controllerstest.RequestAndWait(t, s, request)
		controllerstest.WantOutcome(t, got, store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonInvalid})
		want := "the API server refuses it for its size: the spec has 1572892 bytes as JSON, where <, >, & and control characters count as six, " +
			"and etcd takes 1572864 by default for a whole object; " + prompt.TextRemedy
		if diff := cmp.Diff(want, got.Message); diff != "" {
			t.Errorf("message of %s (-want +got):\n%s", request.Action, diff)
		}
		var attempts int
		require.NoError(t, pgtest.Connect(t, dsn).QueryRow(t.Context(), "select attempt from prompt_changes where id = $1", request.ID).Scan(&attempts))
		if attempts != 1 {
			t.Errorf("%s was attempted %d times", request.Action, attempts)
		}
	}
	wantServed(t, cluster.GetPrompt(t, small), prompt.Selector{}, "small")
}
