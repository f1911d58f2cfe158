package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// newestProvenance returns where the newest version of a prompt comes from.
func newestProvenance(t *testing.T, p *v1alpha1.Prompt) store.Provenance {
	t.Helper()
	versions, err := db.ListVersions(t.Context(), promptobject.KeyOf(p), 0, 1)
	require.NoError(t, err)
	return versions[0].Provenance
}

// versionsSayWhoWroteThem goes through the writes of an object that an agent made: an author is who asked for that very write,
// whatever the object says of itself.
func versionsSayWhoWroteThem(t *testing.T) {
	s, key := office(t), store.Key{Namespace: newNamespace(t), Name: "shared"}
	style := waitForReason(t, createPrompt(t, newPrompt(key.Namespace, "style", "plain")), v1alpha1.ReasonPublished)
	agents := store.Provenance{Manager: promptobject.AgentFieldManager, ChangedBy: controllerstest.Agent}
	wants := func(step string, p *v1alpha1.Prompt, want store.Provenance) {
		t.Helper()
		if diff := cmp.Diff(want, newestProvenance(t, p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	// A person writes as field manager "person", and lets agents in.
	edit := func(p *v1alpha1.Prompt, change func(*v1alpha1.Prompt)) *v1alpha1.Prompt {
		t.Helper()
		before := p.DeepCopy()
		change(p)
		require.NoError(t, api.Patch(t.Context(), p, client.MergeFrom(before), client.FieldOwner("person")))
		return waitForReason(t, p, v1alpha1.ReasonPublished)
	}

	add := controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("one {{> style}}"), IsTemplate: new(true)})
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, add), published(1, true))
	p := cluster.GetPrompt(t, key)
	wants("an agent's addition", p, agents)

	p = edit(p, func(p *v1alpha1.Prompt) { p.Spec.Text, p.Spec.Syntax = "two {{> style}}", v1alpha1.SyntaxMustache })
	if p.Annotations[v1alpha1.ChangedByAnnotation] != controllerstest.Agent {
		t.Fatalf("the annotation of the agent is gone: %v", p.Annotations)
	}
	wants("a person's edit under the agent's annotations", p, store.Provenance{Manager: "person"})

	p = edit(p, func(p *v1alpha1.Prompt) {
		p.Annotations[v1alpha1.ChangedByAnnotation], p.Spec.Text = "somebody else", "three {{> style}}"
		p.Annotations[v1alpha1.AgentsAnnotation] = v1alpha1.AgentsMayEditAll
	})
	wants("an edit that names another author", p, store.Provenance{Manager: "person"})

	copied := newPrompt(key.Namespace, "copied", "theirs")
	copied.Annotations = map[string]string{v1alpha1.LastChangeAnnotation: add.ID, v1alpha1.ChangedByAnnotation: controllerstest.Agent}
	require.NoError(t, api.Create(t.Context(), copied, client.FieldOwner("person")))
	wants("annotations copied into another object", waitForReason(t, copied, v1alpha1.ReasonPublished), store.Provenance{Manager: "person"})

	update := controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new("four {{> style}}")})
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, update), published(4, true))
	wants("an agent's edit", p, agents)

	editPrompt(t, style, func(p *v1alpha1.Prompt) { p.Spec.Text = "fancy" })
	becomes(t, p, "four fancy")
	wants("a fragment's change", p, store.Provenance{Cause: "included prompts changed: style from version 1 to 2"})
}
