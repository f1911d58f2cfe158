package changes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

const id = "6f1c1f0e-0000-4000-8000-000000000001"

// object is an agents' prompt as it is after its first publish.
func object(change ...func(*v1alpha1.Prompt)) *v1alpha1.Prompt {
	p := &v1alpha1.Prompt{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p", UID: "u1", ResourceVersion: "10", Generation: 3},
		Spec:       v1alpha1.PromptSpec{Text: "old"},
		Status:     v1alpha1.PromptStatus{ObservedGeneration: 3, Version: 7},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func deleted(p *v1alpha1.Prompt) {
	p.DeletionTimestamp = new(metav1.Now())
	p.Finalizers = []string{v1alpha1.PromptFinalizer}
}

func marked(p *v1alpha1.Prompt) {
	p.Annotations = map[string]string{v1alpha1.LastChangeAnnotation: id}
}
func touched(p *v1alpha1.Prompt) { p.ResourceVersion = "11" }

// retried is seen by the reconciler, which could not reach the database.
func retried(p *v1alpha1.Prompt) {
	p.Status.ObservedGeneration = p.Generation
	p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown}}
}
func unseen(p *v1alpha1.Prompt) { p.Generation, p.ResourceVersion = 4, "11" }
func tracked(p *v1alpha1.Prompt) {
	p.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "app:x"}
}

// requestFor is a request of an agent for the prompt of object().
func requestFor(action store.Action, change ...func(*store.OpenChange)) store.OpenChange {
	c := store.OpenChange{
		ChangeRequest: store.ChangeRequest{ID: id, Key: store.Key{Namespace: "a", Name: "p"}, Action: action, Subject: "s"},
		State:         store.ChangePending,
	}
	if action != store.ActionDelete {
		c.Edit.Content = new("new")
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// begun is a request whose write of object() was begun, long ago unless it is inFlight.
func begun(c *store.OpenChange) {
	c.Attempt = 1
	if c.Action != store.ActionAdd {
		c.Intent = store.Intent{UID: "u1", ResourceVersion: "10", Generation: 4}
	}
}
func inFlight(c *store.OpenChange) { c.MayLand = true }
func overdue(c *store.OpenChange)  { c.Overdue = true }

func TestSnapshot_View(t *testing.T) {
	noProof := change.NewRefusal(store.ReasonUnproven, "no proof")
	published := store.PublishedState{Owner: store.Owner{UID: "u1", Generation: 3}, Version: 7}
	publishedSince := store.PublishedState{Owner: store.Owner{UID: "u1", Generation: 4}, Version: 8}
	add, update, remove := store.ActionAdd, store.ActionUpdate, store.ActionDelete
	there := change.Object{Presence: change.Present, UID: "u1", ResourceVersion: "10"}
	edited := v1alpha1.PromptSpec{Text: "new"}
	messages := func(p *v1alpha1.Prompt) { p.Spec.Messages = make([]v1alpha1.Message, 2) }
	padded := func(p *v1alpha1.Prompt) { p.Spec.Text = "new\n" }
	observed := func(p *v1alpha1.Prompt) { p.Status.ObservedGeneration = 4 }
	for name, tc := range map[string]struct {
		given  snapshot
		want   change.View
		edited v1alpha1.PromptSpec
	}{
		"an addition": {
			snapshot{request: requestFor(add)},
			change.View{Object: change.Object{Presence: change.Absent}}, v1alpha1.PromptSpec{Text: "new", Syntax: "Plain"}},
		"an update": {
			snapshot{request: requestFor(update), object: object()},
			change.View{Object: there}, edited},
		"an update that writes back what was read": {
			snapshot{request: requestFor(update), object: object(padded)},
			change.View{Object: there}, v1alpha1.PromptSpec{Text: "new\n"}},
		"an update of what is not there": {
			snapshot{request: requestFor(update)},
			change.View{Object: change.Object{Presence: change.Absent}}, v1alpha1.PromptSpec{}},
		"a deletion of what is being deleted": {
			snapshot{request: requestFor(remove), object: object(deleted)},
			change.View{Object: change.Object{Presence: change.Terminating, UID: "u1", ResourceVersion: "10"}}, v1alpha1.PromptSpec{}},
		"an object that has the edit": {
			snapshot{request: requestFor(update, begun), object: object(marked, touched)},
			change.View{
				Object:  change.Object{Presence: change.Present, UID: "u1", ResourceVersion: "11", LastChange: id},
				Attempt: &change.Attempt{Intent: store.Intent{UID: "u1", ResourceVersion: "10", Generation: 4}},
			}, edited},
		"an object of another": {
			snapshot{request: requestFor(update), object: object(tracked)},
			change.View{Object: there, Owner: "Argo CD (app:x)", Proposal: "spec:\n  text: new\n"}, edited},
		"an object of another, and an edit that does not fit": {
			snapshot{request: requestFor(update), object: object(tracked, messages)},
			change.View{Object: there, Owner: "Argo CD (app:x)", EditError: &promptobject.EditError{
				Problem: "the prompt has 2 messages, and content is one text; change them in the manifest"}}, v1alpha1.PromptSpec{}},
		"proof that is wanted": {
			snapshot{request: requestFor(remove), object: object(), unproven: noProof},
			change.View{Object: there, Unproven: noProof}, v1alpha1.PromptSpec{}},
		"a request that waited too long": {
			snapshot{request: requestFor(remove, overdue), object: object()},
			change.View{Object: there, Overdue: true}, v1alpha1.PromptSpec{}},
		"a write that may land": {
			snapshot{request: requestFor(add, begun, inFlight)},
			change.View{Object: change.Object{Presence: change.Absent}, Attempt: &change.Attempt{InFlight: true}}, v1alpha1.PromptSpec{Text: "new", Syntax: "Plain"}},
		"a write that lost to another writer": {
			snapshot{request: requestFor(add, begun, inFlight), knownConflict: attemptID{id, 1}},
			change.View{Object: change.Object{Presence: change.Absent}, Attempt: &change.Attempt{}}, v1alpha1.PromptSpec{Text: "new", Syntax: "Plain"}},
		"a later write that lost": {
			snapshot{request: requestFor(add, begun, inFlight), knownConflict: attemptID{id, 2}},
			change.View{Object: change.Object{Presence: change.Absent}, Attempt: &change.Attempt{InFlight: true}}, v1alpha1.PromptSpec{Text: "new", Syntax: "Plain"}},
		"a write of another request that lost": {
			snapshot{request: requestFor(add, begun, inFlight), knownConflict: attemptID{"another", 1}},
			change.View{Object: change.Object{Presence: change.Absent}, Attempt: &change.Attempt{InFlight: true}}, v1alpha1.PromptSpec{Text: "new", Syntax: "Plain"}},
		"the published version": {
			snapshot{request: requestFor(remove), object: object(), published: published},
			change.View{Object: there}, v1alpha1.PromptSpec{}},
		"a version to come": {
			snapshot{request: requestFor(remove), object: object(unseen), published: published},
			change.View{Object: change.Object{Presence: change.Present, UID: "u1", ResourceVersion: "11"}, Unpublished: true}, v1alpha1.PromptSpec{}},
		"a version that never comes": {
			snapshot{request: requestFor(remove), object: object(unseen, observed), published: published},
			change.View{Object: change.Object{Presence: change.Present, UID: "u1", ResourceVersion: "11"}}, v1alpha1.PromptSpec{}},
		"a version tried again": {
			snapshot{request: requestFor(remove), object: object(unseen, retried), published: published},
			change.View{Object: change.Object{Presence: change.Present, UID: "u1", ResourceVersion: "11"}, Unpublished: true}, v1alpha1.PromptSpec{}},
		"a version published before its status": {
			snapshot{request: requestFor(remove), object: object(unseen), published: publishedSince},
			change.View{Object: change.Object{Presence: change.Present, UID: "u1", ResourceVersion: "11"}}, v1alpha1.PromptSpec{}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.want.Request, tc.want.Published = tc.given.request.ChangeRequest, &tc.given.published
			got, edited := tc.given.view()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("view (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.edited, edited); diff != "" {
				t.Errorf("edited spec (-want +got):\n%s", diff)
			}
		})
	}
}

// A patch that nobody can read is left out.
func TestProposedPatch(t *testing.T) {
	before := v1alpha1.PromptSpec{Text: "old"}
	if got, want := proposedPatch(before, v1alpha1.PromptSpec{Text: "new"}), "spec:\n  text: new\n"; got != want {
		t.Errorf("proposal is %q, want %q", got, want)
	}
	if got := proposedPatch(before, v1alpha1.PromptSpec{Text: strings.Repeat("x", maxProposal)}); got != "" {
		t.Errorf("a proposal of %d bytes is shown", len(got))
	}
}
