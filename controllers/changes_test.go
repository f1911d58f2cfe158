package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/changes"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const agent = "system:serviceaccount:agents:triage"

// office takes change requests as a server does: with its role.
func office(t *testing.T) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), pgtest.AsServerRole(t, dsn))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func request(key store.Key, action store.Action, edit store.Edit) store.ChangeRequest {
	return store.ChangeRequest{ID: uuid.NewString(), Key: key, Action: action, Edit: edit, Subject: agent}
}

// answered makes a request and waits for its end. The id is checked, and left out.
func answered(t *testing.T, s *postgres.Store, r store.ChangeRequest) store.ChangeOutcome {
	t.Helper()
	_, err := s.RequestChange(t.Context(), r)
	require.NoError(t, err)
	var end store.ChangeOutcome
	require.Eventually(t, func() error {
		found, err := s.ChangeOutcomes(t.Context(), r.Subject, []string{r.ID})
		if err != nil || len(found) != 1 || !found[0].State.IsFinal() {
			return fmt.Errorf("%s of %s is at %+v, %v", r.Action, r.Key, found, err)
		}
		end = found[0]
		return nil
	})
	if end.ID != r.ID || end.Key != r.Key || end.Action != r.Action {
		t.Errorf("the outcome is of another request: %+v", end)
	}
	return end
}

func wantOutcome(t *testing.T, got, want store.ChangeOutcome) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.ChangeOutcome{}, "ID", "Key", "Action", "Message")); diff != "" {
		t.Errorf("outcome (-want +got):\n%s\nmessage: %s", diff, got.Message)
	}
	if said := got.Message != ""; said == (got.State == store.ChangePublished) {
		t.Errorf("state %s has message %q", got.State, got.Message)
	}
}

func published(version int64, isNew bool) store.ChangeOutcome {
	return store.ChangeOutcome{State: store.ChangePublished, Version: version, Served: version, NewVersion: isNew}
}

func live(t *testing.T, key store.Key) *v1alpha1.Prompt {
	t.Helper()
	var p v1alpha1.Prompt
	require.NoError(t, api.Get(t.Context(), client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, &p))
	return &p
}

func agentsAddUpdateAndDelete(t *testing.T) {
	s, key := office(t), store.Key{Namespace: namespace(t), Name: "notes"}
	add := request(key, store.ActionAdd, store.Edit{Title: new("Notes"), Content: new("one {{x}}"), Tags: &[]string{"a"}})
	wantOutcome(t, answered(t, s, add), published(1, true))
	p := live(t, key)
	want := v1alpha1.PromptSpec{Title: "Notes", Text: "one {{x}}", Tags: []string{"a"}, Syntax: "Plain"}
	if diff := cmp.Diff(want, p.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	marks := map[string]string{v1alpha1.LastChangeAnnotation: add.ID, v1alpha1.ChangedByAnnotation: agent}
	if diff := cmp.Diff(marks, p.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, add.Edit)),
		store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonAlreadyExists})

	update := store.Edit{Content: new("two {{x}}"), IsTemplate: new(true), Metadata: []byte(`{"k": 1}`)}
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, update)), published(2, true))
	wantServed(t, p, prompt.Selector{}, "two {{x}}")
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, update)), published(2, false))
	tellsOf(t, p, agent+" changed content, isTemplate, metadata")

	channel := store.Edit{Channel: &store.ChannelEdit{Name: "production", Version: 1}}
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, channel)),
		store.ChangeOutcome{State: store.ChangePublished, Version: 2, Served: 1})
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, store.Edit{Withdraw: 1})),
		store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonInvalid}) // it is in a channel

	wantOutcome(t, answered(t, s, request(key, store.ActionDelete, store.Edit{})), store.ChangeOutcome{State: store.ChangePublished})
	gone(t, p)
	absent := store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonNotFound}
	wantOutcome(t, answered(t, s, request(key, store.ActionDelete, store.Edit{})), absent)
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, update)), absent)
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, add.Edit)), published(3, true))
}

func tellsOf(t *testing.T, p *v1alpha1.Prompt, note string) {
	t.Helper()
	require.Eventually(t, func() error {
		var found eventsv1.EventList
		require.NoError(t, api.List(t.Context(), &found, client.InNamespace(p.Namespace)))
		for _, e := range found.Items {
			if e.Regarding.UID == p.UID && e.Regarding.Kind == "Prompt" && e.Reason == "ChangedByAgent" && strings.HasPrefix(e.Note, note) {
				return nil
			}
		}
		return fmt.Errorf("no event says %q; there are %d", note, len(found.Items))
	})
}

func agentsAreHeldToTheVersionTheyKnow(t *testing.T) {
	s, key := office(t), store.Key{Namespace: namespace(t), Name: "known"}
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, store.Edit{Content: new("v1")})), published(1, true))
	expecting := func(version int64, edit store.Edit) store.ChangeRequest {
		r := request(key, store.ActionUpdate, edit)
		r.ExpectedVersion = version
		return r
	}
	// Asked before the object's status can tell of the version before.
	for v := int64(1); v < 5; v++ {
		wantOutcome(t, answered(t, s, expecting(v, store.Edit{Content: new(fmt.Sprintf("v%d", v+1))})), published(v+1, true))
	}
	got := answered(t, s, expecting(2, store.Edit{Content: new("late")}))
	wantOutcome(t, got, store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonVersionMismatch})
	if want := "the newest version is 5, not 2; read it and decide again"; got.Message != want {
		t.Errorf("message is %q, want %q", got.Message, want)
	}
	point := store.Edit{Channel: &store.ChannelEdit{Name: "beta", Version: 2}}
	wantOutcome(t, answered(t, s, expecting(4, point)), store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonVersionMismatch})
	wantOutcome(t, answered(t, s, expecting(0, point)), published(5, false))
	point.Channel = &store.ChannelEdit{Name: "beta", Version: 3}
	wantOutcome(t, answered(t, s, expecting(2, point)), published(5, false))
	r := request(key, store.ActionDelete, store.Edit{})
	r.ExpectedVersion = 4
	wantOutcome(t, answered(t, s, r), store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonVersionMismatch})
}

func agentsAreRefusedWhatIsNotValid(t *testing.T) {
	s, ns := office(t), namespace(t)
	key := store.Key{Namespace: ns, Name: "valid"}
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, store.Edit{Content: new("fine"), IsTemplate: new(true)})), published(1, true))
	before := live(t, key).ResourceVersion
	invalid := store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonInvalid}
	for name, edit := range map[string]store.Edit{
		"the compiler says so":         {Content: new("")},
		"the API server says so":       {Category: new(strings.Repeat("x", 101))},
		"a channel that may not be":    {Channel: &store.ChannelEdit{Name: "latest", Version: 1}},
		"a channel in a withdrawn one": {Withdraw: 1, Channel: &store.ChannelEdit{Name: "beta", Version: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, edit)), invalid)
		})
	}
	wantOutcome(t, answered(t, s, request(store.Key{Namespace: ns, Name: "Upper"}, store.ActionAdd, store.Edit{Content: new("x")})), invalid)
	wantOutcome(t, answered(t, s, request(store.Key{Namespace: "no-such", Name: "x"}, store.ActionAdd, store.Edit{Content: new("x")})),
		store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonNamespaceMissing})
	if after := live(t, key); after.ResourceVersion != before {
		t.Errorf("an invalid edit reached the object: %+v", after.Spec)
	}
}

// agentsKeepTheirNulls: metadata is any JSON object, and null in it is a value like others.
func agentsKeepTheirNulls(t *testing.T) {
	s, key := office(t), store.Key{Namespace: namespace(t), Name: "nulls"}
	says := func(action store.Action, edit store.Edit, want string, marks map[string]string, version int64) {
		t.Helper()
		r := request(key, action, edit)
		wantOutcome(t, answered(t, s, r), published(version, true))
		p := live(t, key)
		if got := string(p.Spec.Metadata.Raw); got != want {
			t.Errorf("metadata is %s, want %s", got, want)
		}
		marks[v1alpha1.LastChangeAnnotation], marks[v1alpha1.ChangedByAnnotation] = r.ID, agent
		if diff := cmp.Diff(marks, p.Annotations); diff != "" {
			t.Errorf("annotations (-want +got):\n%s", diff)
		}
	}
	says(store.ActionAdd, store.Edit{Content: new("one"), Metadata: []byte(`{"a":null}`)}, `{"a":null}`, map[string]string{}, 1)
	says(store.ActionUpdate, store.Edit{Metadata: []byte(`{"b":{"c":null}}`)}, `{"b":{"c":null}}`, map[string]string{}, 2)
	others := map[string]string{"example.org/kept": "yes"}
	edit(t, live(t, key), func(p *v1alpha1.Prompt) { p.Annotations["example.org/kept"] = "yes" })
	says(store.ActionUpdate, store.Edit{Title: new("T"), Metadata: []byte(`{"b":null,"n":1.5}`)}, `{"b":null,"n":1.5}`, others, 3)
	says(store.ActionUpdate, store.Edit{Content: new("two")}, `{"b":null,"n":1.5}`, others, 4)
	p := live(t, key)
	p.Annotations = nil
	require.NoError(t, api.Update(t.Context(), p, client.FieldOwner(promptobject.AgentFieldManager)))
	says(store.ActionUpdate, store.Edit{Metadata: []byte(`{"b":null,"d":null}`)}, `{"b":null,"d":null}`, map[string]string{}, 5)
}

// agentsAreToldWhatBlocksTheObject: the edit is in the object, and is not served.
func agentsAreToldWhatBlocksTheObject(t *testing.T) {
	s, ns := office(t), namespace(t)
	key := store.Key{Namespace: ns, Name: "held"}
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, store.Edit{Content: new("one")})), published(1, true))
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, store.Edit{Withdraw: 1})),
		store.ChangeOutcome{State: store.ChangeBlocked, Reason: v1alpha1.ReasonVersionInUse})

	key.Name = "nowhere"
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, store.Edit{Content: new("one")})), published(1, true))
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, store.Edit{Channel: &store.ChannelEdit{Name: "beta", Version: 7}})),
		store.ChangeOutcome{State: store.ChangeBlocked, Reason: v1alpha1.ReasonChannelVersionMissing})
	// The pin is the answer to who asked for it, and to no other.
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, store.Edit{Content: new("two")})), published(2, true))

	asleep := text(ns, "asleep", "one")
	asleep.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "all"}
	asleep = settled(t, create(t, asleep), v1alpha1.ReasonPublished)
	edit(t, asleep, func(p *v1alpha1.Prompt) { p.Spec.Suspend = true })
	settled(t, asleep, v1alpha1.ReasonSuspended)
	key.Name = "asleep"
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, store.Edit{Content: new("two")})),
		store.ChangeOutcome{State: store.ChangeBlocked, Reason: v1alpha1.ReasonSuspended})
	if got := live(t, key).Spec.Text; got != "two" {
		t.Errorf("the object says %q, want the edit", got)
	}
}

// agentsLeaveOthersAlone makes objects as the tools of others do, and expects them byte for byte afterwards.
func agentsLeaveOthersAlone(t *testing.T) {
	s, ns := office(t), namespace(t)
	const argo, flux, helm, kubectl = "argocd.argoproj.io/tracking-id", "kustomize.toolkit.fluxcd.io/name",
		"meta.helm.sh/release-name", "kubectl.kubernetes.io/last-applied-configuration"
	for name, tc := range map[string]struct {
		meta  metav1.ObjectMeta
		owner string
	}{
		"argo":     {metav1.ObjectMeta{Annotations: map[string]string{argo: "app:lectern.dev/Prompt:a/b"}}, "Argo CD (app:lectern.dev/Prompt:a/b)"},
		"flux":     {metav1.ObjectMeta{Labels: map[string]string{flux: "apps"}}, "Flux (kustomize apps)"},
		"helm":     {metav1.ObjectMeta{Annotations: map[string]string{helm: "prompts"}}, "Helm (release prompts)"},
		"kubectl":  {metav1.ObjectMeta{Annotations: map[string]string{kubectl: "{}"}}, "kubectl apply"},
		"somebody": {metav1.ObjectMeta{}, "somebody"},
		"channels": {metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AgentsAnnotation: "channels"}}, "somebody"},
	} {
		t.Run(name, func(t *testing.T) {
			key := store.Key{Namespace: ns, Name: name}
			p := text(ns, name, "theirs")
			p.Labels, p.Annotations = tc.meta.Labels, tc.meta.Annotations
			owner := client.FieldOwner("somebody")
			if name != "somebody" && name != "channels" {
				owner = "lectern-mcp" // only the mark tells
			}
			require.NoError(t, api.Create(t.Context(), p, owner))
			before := settled(t, p, v1alpha1.ReasonPublished)

			got := answered(t, s, request(key, store.ActionUpdate, store.Edit{Content: new("ours")}))
			wantOutcome(t, got, store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})
			want := fmt.Sprintf("the prompt %s is kept by %s, so it is not changed from here; "+
				"propose this change of its manifest there:\nspec:\n  text: ours\n", key, tc.owner)
			if got.Message != want {
				t.Errorf("message is %q, want %q", got.Message, want)
			}
			wantOutcome(t, answered(t, s, request(key, store.ActionDelete, store.Edit{})),
				store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})
			if diff := cmp.Diff(before, live(t, key)); diff != "" {
				t.Errorf("the object (-before +after):\n%s", diff)
			}
		})
	}
}

// agentsAreLetIn by an owner, as far as he says.
func agentsAreLetIn(t *testing.T) {
	s, ns := office(t), namespace(t)
	applyAs := func(manager, name string, spec map[string]any, agents string) {
		t.Helper()
		obj := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		obj.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Prompt"))
		obj.SetNamespace(ns)
		obj.SetName(name)
		obj.SetAnnotations(map[string]string{v1alpha1.AgentsAnnotation: agents})
		require.NoError(t, api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(obj), client.FieldOwner(manager)))
	}
	applyAs("git", "channels", map[string]any{"text": "theirs"}, "channels")
	key := store.Key{Namespace: ns, Name: "channels"}
	settled(t, live(t, key), v1alpha1.ReasonPublished)
	move := store.Edit{Channel: &store.ChannelEdit{Name: "production", Version: 1}}
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, move)), published(1, false))
	applyAs("git", "channels", map[string]any{"text": "theirs, newer"}, "channels")
	becomesVersion(t, key, 2)
	if diff := cmp.Diff([]v1alpha1.Channel{{Name: "production", Version: new(int64(1))}}, live(t, key).Spec.Channels); diff != "" {
		t.Errorf("what another applies takes the agents' channel away (-want +got):\n%s", diff)
	}
	for name, edit := range map[string]store.Edit{
		"text":               {Content: new("ours")},
		"text and a channel": {Content: new("ours"), Channel: move.Channel},
	} {
		t.Run(name, func(t *testing.T) {
			wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, edit)),
				store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})
		})
	}
	applyAs("releases", "pinned", map[string]any{"text": "theirs", "channels": []any{map[string]any{"name": "beta"}}}, "channels")
	key.Name = "pinned"
	settled(t, live(t, key), v1alpha1.ReasonPublished)
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, move)), store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})

	applyAs("git", "open", map[string]any{"text": "theirs"}, "all")
	key.Name = "open"
	settled(t, live(t, key), v1alpha1.ReasonPublished)
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, store.Edit{Content: new("ours")})), published(2, true))
	wantOutcome(t, answered(t, s, request(key, store.ActionDelete, store.Edit{})), store.ChangeOutcome{State: store.ChangePublished})
}

func becomesVersion(t *testing.T, key store.Key, version int64) {
	t.Helper()
	require.Eventually(t, func() error {
		if p := live(t, key); p.Status.Version != version {
			return fmt.Errorf("%s is at version %d, want %d", key, p.Status.Version, version)
		}
		return nil
	})
}

// agentsAreAnsweredForDroppedMarks: the object was replaced whole right after the edit, annotations and all.
func agentsAreAnsweredForDroppedMarks(t *testing.T) {
	s, key := office(t), store.Key{Namespace: namespace(t), Name: "replaced"}
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, store.Edit{Content: new("one")})), published(1, true))
	p := settled(t, live(t, key), v1alpha1.ReasonPublished)
	p.Annotations = nil
	p.Finalizers = append(p.Finalizers, "example.org/hold")
	require.NoError(t, api.Update(t.Context(), p, client.FieldOwner("lectern-mcp")))
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, store.Edit{Content: new("two")})), published(2, true))

	// The deletion is done when it is of no more effect; another's finalizer holds the object beyond that.
	wantOutcome(t, answered(t, s, request(key, store.ActionDelete, store.Edit{})), store.ChangeOutcome{State: store.ChangePublished})
	wantOutcome(t, answered(t, s, request(key, store.ActionUpdate, store.Edit{Content: new("three")})),
		store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonNotFound})
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, store.Edit{Content: new("three")})),
		store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonAlreadyExists})
	wantOutcome(t, answered(t, s, request(key, store.ActionDelete, store.Edit{})), store.ChangeOutcome{State: store.ChangePublished})
	p = live(t, key)
	edit(t, p, func(p *v1alpha1.Prompt) { p.Finalizers = nil })
	gone(t, p)
}

// agentsAreAnsweredForAReleasedObject: our finalizer was dropped before the deletion was written down, and another's holds
// the object. Its reconciler has nothing to say any more.
func agentsAreAnsweredForAReleasedObject(t *testing.T) {
	s, writer, begin := elsewhere(t, true)
	p := text(namespace(t), "released", "one")
	p.Finalizers = []string{"example.org/hold"}
	p = settled(t, create(t, p), v1alpha1.ReasonPublished)
	key := store.Key{Namespace: p.Namespace, Name: p.Name}
	r := request(key, store.ActionDelete, store.Edit{})
	_, err := s.RequestChange(t.Context(), r)
	require.NoError(t, err)
	open, err := writer.NextChange(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, writer.BeginChange(t.Context(), open, store.Intent{UID: string(p.UID), ResourceVersion: p.ResourceVersion, Generation: 1}))
	require.NoError(t, api.Delete(t.Context(), p))
	require.Eventually(t, func() error {
		if held := live(t, key); len(held.Finalizers) > 1 {
			return fmt.Errorf("the object is held by %v", held.Finalizers)
		}
		return nil
	})
	begin()
	wantOutcome(t, answered(t, s, r), store.ChangeOutcome{State: store.ChangePublished})
	edit(t, live(t, key), func(p *v1alpha1.Prompt) { p.Finalizers = nil })
}

// agentsKeepTheirTurn: many requests of one prompt, made at once, each see what the ones before left.
func agentsKeepTheirTurn(t *testing.T) {
	s, key := office(t), store.Key{Namespace: namespace(t), Name: "busy"}
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, store.Edit{Content: new("0")})), published(1, true))
	const many = 20
	requests := make([]store.ChangeRequest, many)
	for i := range requests {
		requests[i] = request(key, store.ActionUpdate, store.Edit{Content: new(fmt.Sprint(i + 1))})
		_, err := s.RequestChange(t.Context(), requests[i])
		require.NoError(t, err)
	}
	for i, r := range requests {
		wantOutcome(t, answered(t, s, r), published(int64(i)+2, true))
	}
}

func agentsAreToldOfATerminatingNamespace(t *testing.T) {
	s, name := office(t), namespace(t)
	var ns corev1.Namespace
	require.NoError(t, api.Get(t.Context(), client.ObjectKey{Name: name}, &ns))
	require.NoError(t, api.Delete(t.Context(), &ns)) // no namespace controller runs here, so it stays like this
	wantOutcome(t, answered(t, s, request(store.Key{Namespace: name, Name: "late"}, store.ActionAdd, store.Edit{Content: new("x")})),
		store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonNamespaceMissing})
}

// agentsCannotForgeTheirMark: an object that carries the id of a request that was never begun is not taken for its work.
func agentsCannotForgeTheirMark(t *testing.T) {
	s, key := office(t), store.Key{Namespace: namespace(t), Name: "forged"}
	r := request(key, store.ActionAdd, store.Edit{Content: new("ours")})
	p := text(key.Namespace, key.Name, "theirs")
	p.Annotations = map[string]string{v1alpha1.LastChangeAnnotation: r.ID}
	settled(t, create(t, p), v1alpha1.ReasonPublished)
	wantOutcome(t, answered(t, s, r), store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonAlreadyExists})
}

// elsewhere is a database of its own with a controller of changes that begin starts, beside the one all
// share, which knows nothing of its requests.
func elsewhere(t *testing.T, unproven bool) (s *postgres.Store, writer *postgres.Writer, begin func(...func(*changes.Changes))) {
	t.Helper()
	return elsewhereIn(t, pgtest.New(t), unproven)
}

func elsewhereIn(t *testing.T, owner postgres.Options, unproven bool) (s *postgres.Store, writer *postgres.Writer, begin func(...func(*changes.Changes))) {
	t.Helper()
	s, err := postgres.Open(t.Context(), owner)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	writer = s.Writer("another cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	worker := &changes.Changes{
		Objects: client.WithFieldOwner(api, promptobject.AgentFieldManager), Store: writer, Listen: s.ListenChanges,
		Recorder: events.NewFakeRecorder(10), Unproven: unproven, Concurrency: 1,
		Drifted: make(chan event.GenericEvent, 1000),
	}
	return s, writer, func(but ...func(*changes.Changes)) {
		for _, change := range but {
			change(worker)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- worker.Start(ctx) }()
		t.Cleanup(func() {
			cancel()
			require.NoError(t, <-ended)
		})
	}
}

// agentsProveThemselves where the installation wants it: nothing is changed for who does not.
func agentsProveThemselves(t *testing.T) {
	s, _, begin := elsewhere(t, false)
	begin()
	key := store.Key{Namespace: namespace(t), Name: "x"}
	wantOutcome(t, answered(t, s, request(key, store.ActionAdd, store.Edit{Content: new("x")})),
		store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonUnproven})
	var p v1alpha1.Prompt
	if err := api.Get(t.Context(), client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, &p); !apierrors.IsNotFound(err) {
		t.Errorf("it was created: %v", err)
	}
}

// agentsAreNotAnsweredByAMissingCRD: an API server that does not serve prompts says "not found", too, and that is
// no word about any of them.
func agentsAreNotAnsweredByAMissingCRD(t *testing.T) {
	s, writer, begin := elsewhere(t, true)
	key := store.Key{Namespace: namespace(t), Name: "alive"}
	p := text(key.Namespace, key.Name, "one")
	p.UID, p.Generation = "u1", 1
	compiled, err := promptobject.ResolveAndCompile(t.Context(), writer, key.Namespace, promptobject.SpecOf(&p.Spec))
	require.NoError(t, err)
	_, err = writer.Publish(t.Context(), promptobject.PublicationOf(p, compiled, 1000))
	require.NoError(t, err)
	for _, r := range []store.ChangeRequest{
		request(key, store.ActionDelete, store.Edit{}),
		request(store.Key{Namespace: key.Namespace, Name: "absent"}, store.ActionUpdate, store.Edit{Content: new("x")}),
		request(store.Key{Namespace: key.Namespace, Name: "new"}, store.ActionAdd, store.Edit{Content: new("x")}),
	} {
		_, err := s.RequestChange(t.Context(), r)
		require.NoError(t, err)
	}
	open, err := writer.NextChange(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, writer.BeginChange(t.Context(), open, store.Intent{UID: "u1", ResourceVersion: "10", Generation: 1}))

	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.AddSpecific(v1alpha1.GroupVersion.WithKind("Prompt"), v1alpha1.GroupVersion.WithResource("unserved"),
		v1alpha1.GroupVersion.WithResource("unserved"), meta.RESTScopeNamespace)
	unserved, err := client.New(plane.Config, client.Options{Scheme: api.Scheme(), Mapper: mapper})
	require.NoError(t, err)
	failed := make(chan string, 1000)
	begin(func(c *changes.Changes) {
		c.Objects = unserved
		c.Log = funcr.New(func(_, args string) { failed <- args }, funcr.Options{})
	})
	for missing := map[string]bool{"alive": true, "absent": true, "new": true}; len(missing) > 0; {
		select {
		case said := <-failed:
			for name := range missing {
				if strings.Contains(said, `"name"="`+name+`"`) {
					delete(missing, name)
				}
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no attempt failed at any of %v", missing)
		}
	}
	if live, err := writer.PublishedState(t.Context(), key); err != nil || live.UID != "u1" {
		t.Errorf("live is %+v, %v", live, err)
	}
}

// isApplied waits until a request is known to be in its object.
func isApplied(t *testing.T, s *postgres.Store, r store.ChangeRequest) {
	t.Helper()
	require.Eventually(t, func() error {
		found, err := s.ChangeOutcomes(t.Context(), agent, []string{r.ID})
		if err != nil || len(found) != 1 || found[0].State != store.ChangeApplied {
			return fmt.Errorf("the request is at %+v, %v; want it applied", found, err)
		}
		return nil
	})
}

// agentsAreNotAnsweredByWhatCameAfter: a controller ended after it wrote the object, and another writer replaced the edit
// before the next one took over. What it finds is the mark, not the generation the edit was in.
func agentsAreNotAnsweredByWhatCameAfter(t *testing.T) {
	s, writer, begin := elsewhere(t, true)
	p := settled(t, create(t, text(namespace(t), "overtaken", "one")), v1alpha1.ReasonPublished)
	key := store.Key{Namespace: p.Namespace, Name: p.Name}
	r := request(key, store.ActionUpdate, store.Edit{Content: new("ours")})
	_, err := s.RequestChange(t.Context(), r)
	require.NoError(t, err)
	open, err := writer.NextChange(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, writer.BeginChange(t.Context(), open, store.Intent{UID: string(p.UID), ResourceVersion: p.ResourceVersion, Generation: 2}))
	edit(t, p, func(p *v1alpha1.Prompt) {
		p.Spec.Text, p.Annotations = "ours", map[string]string{v1alpha1.LastChangeAnnotation: r.ID}
	})
	edit(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "theirs" })

	begin()
	isApplied(t, s, r)
	carried, err := writer.AppliedChange(t.Context(), key, store.Owner{UID: string(p.UID), Generation: p.Generation}, r.ID)
	require.NoError(t, err)
	if diff := cmp.Diff(&store.AppliedChange{ID: r.ID, Edit: r.Edit, Generation: 2}, carried); diff != "" || p.Generation != 3 {
		t.Errorf("at generation %d the object carries (-want +got):\n%s", p.Generation, diff)
	}
}
