package controllers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// brokenRuleBlocks: a value that breaks a rule of a table stays broken however often it is tried.
func brokenRuleBlocks(t *testing.T) {
	ns := newNamespace(t)
	_, err := pgtest.Connect(t, dsn).Exec(t.Context(), `
		alter table prompt_versions add constraint no_forbidden_text check (content <> 'a forbidden text') not valid`)
	require.NoError(t, err)
	p := waitForReason(t, createPrompt(t, newPrompt(ns, "broken", "a forbidden text")), v1alpha1.ReasonStoreRefused)
	if said := readyMessage(p); !strings.Contains(said, "no_forbidden_text") || strings.Contains(said, "a forbidden text") {
		t.Errorf("the message names no rule, or repeats the text: %s", said)
	}
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "fine" })
	waitForReason(t, p, v1alpha1.ReasonPublished)
}

// lastVersionBlocks: after the last number there can be, equal text is served on and another is not published.
func lastVersionBlocks(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "last", "text")), v1alpha1.ReasonPublished)
	conn := pgtest.Connect(t, dsn)
	_, err := conn.Exec(t.Context(), fmt.Sprintf(`update prompts set highest_version = %d where namespace = '%s'`, int64(prompt.MaxVersion)-1, p.Namespace))
	require.NoError(t, err)
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "the last" })
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	if p.Status.Version != prompt.MaxVersion {
		t.Fatalf("the version is %d, want the last", p.Status.Version)
	}
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "one more" })
	p = waitForReason(t, p, v1alpha1.ReasonLimitExceeded)
	if want := "numbers of versions go up to 9007199254740991"; !strings.Contains(readyMessage(p), want) {
		t.Errorf("the message is %q, want %q in it", readyMessage(p), want)
	}
	wantServed(t, p, prompt.Selector{}, "the last")
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "the last" })
	waitForReason(t, p, v1alpha1.ReasonPublished)
}
