package controllers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// office takes change requests as a server does: with its role.
func office(t *testing.T) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), pgtest.AsServerRole(t, dsn))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func published(version int64, isNew bool) store.ChangeOutcome {
	return store.ChangeOutcome{State: store.ChangePublished, Version: version, Served: version, NewVersion: isNew}
}

func agentsAddUpdateAndDelete(t *testing.T) {
	s, key := office(t), store.Key{Namespace: newNamespace(t), Name: "notes"}
	add := controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Title: new("Notes"), Content: new("one {{x}}"), Tags: &[]string{"a"}})
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, add), published(1, true))
	p := cluster.GetPrompt(t, key)
	want := v1alpha1.PromptSpec{Title: "Notes", Text: "one {{x}}", Tags: []string{"a"}, Syntax: "Plain"}
	if diff := cmp.Diff(want, p.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	marks := map[string]string{v1alpha1.LastChangeAnnotation: add.ID, v1alpha1.ChangedByAnnotation: controllerstest.Agent}
	if diff := cmp.Diff(marks, p.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, add.Edit)),
		store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonAlreadyExists})

	update := store.Edit{Content: new("two {{x}}"), IsTemplate: new(true), Metadata: []byte(`{"k": 1}`)}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, update)), published(2, true))
	wantServed(t, p, prompt.Selector{}, "two {{x}}")
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, update)), published(2, false))
	tellsOf(t, p, controllerstest.Agent+" changed content, isTemplate, metadata")

	channel := store.Edit{Channel: &store.ChannelEdit{Name: "production", Version: 1}}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, channel)),
		store.ChangeOutcome{State: store.ChangePublished, Version: 2, Served: 1})
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Withdraw: 1})),
		store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonInvalid}) // it is in a channel

	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionDelete, store.Edit{})), store.ChangeOutcome{State: store.ChangePublished})
	gone(t, p)
	absent := store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonNotFound}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionDelete, store.Edit{})), absent)
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, update)), absent)
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, add.Edit)), published(3, true))
}

// agentsWriteBackWhatTheyRead: the object keeps its spec and its generation, and no version is made.
func agentsWriteBackWhatTheyRead(t *testing.T) {
	p := newPrompt(newNamespace(t), "notes", "\none {{x}}\n\n")
	p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: v1alpha1.AgentsMayEditAll}
	p.Spec.Description, p.Spec.Tags = "For notes\n", []string{"b", "a"}
	p.Spec.Metadata = &runtime.RawExtension{Raw: []byte(`{"n":1.0}`)}
	p = waitForReason(t, createPrompt(t, p), v1alpha1.ReasonPublished)
	read := store.Edit{
		Title: new("notes"), Content: new("one {{x}}"), Description: new("For notes"), Tags: &[]string{"a", "b"}, Metadata: []byte(`{"n":1}`), IsTemplate: new(true),
	}
	update := controllerstest.NewRequest(promptobject.KeyOf(p), store.ActionUpdate, read)
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, office(t), update), published(1, false))
	after := cluster.GetPrompt(t, promptobject.KeyOf(p))
	if diff := cmp.Diff(p.Spec, after.Spec); diff != "" || after.Generation != p.Generation {
		t.Errorf("generation %d, then %d; spec (-was +is):\n%s", p.Generation, after.Generation, diff)
	}
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
	s, key := office(t), store.Key{Namespace: newNamespace(t), Name: "known"}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("v1")})), published(1, true))
	expecting := func(version int64, edit store.Edit) store.ChangeRequest {
		r := controllerstest.NewRequest(key, store.ActionUpdate, edit)
		r.ExpectedVersion = version
		return r
	}
	// Asked before the object's status can tell of the version before.
	for v := int64(1); v < 5; v++ {
		controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, expecting(v, store.Edit{Content: new(fmt.Sprintf("v%d", v+1))})), published(v+1, true))
	}
	got := controllerstest.RequestAndWait(t, s, expecting(2, store.Edit{Content: new("late")}))
	controllerstest.WantOutcome(t, got, store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonVersionMismatch})
	if want := "the newest version is 5, not 2; read it and decide again"; got.Message != want {
		t.Errorf("message is %q, want %q", got.Message, want)
	}
	point := store.Edit{Channel: &store.ChannelEdit{Name: "beta", Version: 2}}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, expecting(4, point)), store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonVersionMismatch})
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, expecting(0, point)), published(5, false))
	point.Channel = &store.ChannelEdit{Name: "beta", Version: 3}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, expecting(2, point)), published(5, false))
	r := controllerstest.NewRequest(key, store.ActionDelete, store.Edit{})
	r.ExpectedVersion = 4
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, r), store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonVersionMismatch})
}

func agentsAreRefusedWhatIsNotValid(t *testing.T) {
	s, ns := office(t), newNamespace(t)
	key := store.Key{Namespace: ns, Name: "valid"}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("fine"), IsTemplate: new(true)})), published(1, true))
	before := waitForReason(t, cluster.GetPrompt(t, key), v1alpha1.ReasonPublished).ResourceVersion
	invalid := store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonInvalid}
	for name, edit := range map[string]store.Edit{
		"the compiler says so":         {Content: new("")},
		"the API server says so":       {Category: new(strings.Repeat("x", 101))},
		"a channel that may not be":    {Channel: &store.ChannelEdit{Name: "latest", Version: 1}},
		"a channel in a withdrawn one": {Withdraw: 1, Channel: &store.ChannelEdit{Name: "beta", Version: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, edit)), invalid)
		})
	}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(store.Key{Namespace: ns, Name: "Upper"}, store.ActionAdd, store.Edit{Content: new("x")})), invalid)
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(store.Key{Namespace: "no-such", Name: "x"}, store.ActionAdd, store.Edit{Content: new("x")})),
		store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonNamespaceMissing})
	if after := cluster.GetPrompt(t, key); after.ResourceVersion != before {
		t.Errorf("an invalid edit reached the object: %+v", after.Spec)
	}
}

// agentsKeepTheirNulls: metadata is any JSON object, and null in it is a value like others.
func agentsKeepTheirNulls(t *testing.T) {
	s, key := office(t), store.Key{Namespace: newNamespace(t), Name: "nulls"}
	says := func(action store.Action, edit store.Edit, want string, marks map[string]string, version int64) {
		t.Helper()
		r := controllerstest.NewRequest(key, action, edit)
		controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, r), published(version, true))
		p := cluster.GetPrompt(t, key)
		if got := string(p.Spec.Metadata.Raw); got != want {
			t.Errorf("metadata is %s, want %s", got, want)
		}
		marks[v1alpha1.LastChangeAnnotation], marks[v1alpha1.ChangedByAnnotation] = r.ID, controllerstest.Agent
		if diff := cmp.Diff(marks, p.Annotations); diff != "" {
			t.Errorf("annotations (-want +got):\n%s", diff)
		}
	}
	says(store.ActionAdd, store.Edit{Content: new("one"), Metadata: []byte(`{"a":null}`)}, `{"a":null}`, map[string]string{}, 1)
	says(store.ActionUpdate, store.Edit{Metadata: []byte(`{"b":{"c":null}}`)}, `{"b":{"c":null}}`, map[string]string{}, 2)
	others := map[string]string{"example.org/kept": "yes"}
	editPrompt(t, cluster.GetPrompt(t, key), func(p *v1alpha1.Prompt) { p.Annotations["example.org/kept"] = "yes" })
	says(store.ActionUpdate, store.Edit{Title: new("T"), Metadata: []byte(`{"b":null,"n":1.5}`)}, `{"b":null,"n":1.5}`, others, 3)
	says(store.ActionUpdate, store.Edit{Content: new("two")}, `{"b":null,"n":1.5}`, others, 4)
	p := waitForReason(t, cluster.GetPrompt(t, key), v1alpha1.ReasonPublished) // its status is written after the answer
	p.Annotations = nil
	require.NoError(t, api.Update(t.Context(), p, client.FieldOwner(promptobject.AgentFieldManager)))
	says(store.ActionUpdate, store.Edit{Metadata: []byte(`{"b":null,"d":null}`)}, `{"b":null,"d":null}`, map[string]string{}, 5)
}

// agentsAreToldWhatBlocksTheObject: the edit is in the object, and is not served.
func agentsAreToldWhatBlocksTheObject(t *testing.T) {
	s, ns := office(t), newNamespace(t)
	key := store.Key{Namespace: ns, Name: "held"}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("one")})), published(1, true))
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Withdraw: 1})),
		store.ChangeOutcome{State: store.ChangeBlocked, Reason: v1alpha1.ReasonVersionInUse})

	key.Name = "nowhere"
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("one")})), published(1, true))
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Channel: &store.ChannelEdit{Name: "beta", Version: 7}})),
		store.ChangeOutcome{State: store.ChangeBlocked, Reason: v1alpha1.ReasonChannelVersionMissing})
	// The pin is the answer to who asked for it, and to no other.
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new("two")})), published(2, true))

	asleep := newPrompt(ns, "asleep", "one")
	asleep.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "all"}
	asleep = waitForReason(t, createPrompt(t, asleep), v1alpha1.ReasonPublished)
	editPrompt(t, asleep, func(p *v1alpha1.Prompt) { p.Spec.Suspend = true })
	waitForReason(t, asleep, v1alpha1.ReasonSuspended)
	key.Name = "asleep"
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new("two")})),
		store.ChangeOutcome{State: store.ChangeBlocked, Reason: v1alpha1.ReasonSuspended})
	if got := cluster.GetPrompt(t, key).Spec.Text; got != "two" {
		t.Errorf("the object says %q, want the edit", got)
	}
}

// agentsLeaveOthersAlone makes objects as the tools of others do, and expects them byte for byte afterwards.
func agentsLeaveOthersAlone(t *testing.T) {
	s, ns := office(t), newNamespace(t)
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
			p := newPrompt(ns, name, "theirs")
			p.Labels, p.Annotations = tc.meta.Labels, tc.meta.Annotations
			owner := client.FieldOwner("somebody")
			if name != "somebody" && name != "channels" {
				owner = "lectern-mcp" // only the mark tells
			}
			require.NoError(t, api.Create(t.Context(), p, owner))
			before := waitForReason(t, p, v1alpha1.ReasonPublished)

			got := controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new("ours")}))
			controllerstest.WantOutcome(t, got, store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})
			want := fmt.Sprintf("the prompt %s is kept by %s, so it is not changed from here; "+
				"propose this change of its manifest there:\nspec:\n  text: ours\n", key, tc.owner)
			if got.Message != want {
				t.Errorf("message is %q, want %q", got.Message, want)
			}
			controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionDelete, store.Edit{})),
				store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})
			if diff := cmp.Diff(before, cluster.GetPrompt(t, key)); diff != "" {
				t.Errorf("the object (-before +after):\n%s", diff)
			}
		})
	}
}

// agentsAreLetIn by an owner, as far as they say.
func agentsAreLetIn(t *testing.T) {
	s, ns := office(t), newNamespace(t)
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
	waitForReason(t, cluster.GetPrompt(t, key), v1alpha1.ReasonPublished)
	move := store.Edit{Channel: &store.ChannelEdit{Name: "production", Version: 1}}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, move)), published(1, false))
	applyAs("git", "channels", map[string]any{"text": "theirs, newer"}, "channels")
	becomesVersion(t, key, 2)
	if diff := cmp.Diff([]v1alpha1.Channel{{Name: "production", Version: new(int64(1))}}, cluster.GetPrompt(t, key).Spec.Channels); diff != "" {
		t.Errorf("what another applies takes the agents' channel away (-want +got):\n%s", diff)
	}
	for name, edit := range map[string]store.Edit{
		"text":               {Content: new("ours")},
		"text and a channel": {Content: new("ours"), Channel: move.Channel},
	} {
		t.Run(name, func(t *testing.T) {
			controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, edit)),
				store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})
		})
	}
	applyAs("releases", "pinned", map[string]any{"text": "theirs", "channels": []any{map[string]any{"name": "beta"}}}, "channels")
	key.Name = "pinned"
	waitForReason(t, cluster.GetPrompt(t, key), v1alpha1.ReasonPublished)
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, move)), store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})

	applyAs("git", "open", map[string]any{"text": "theirs"}, "all")
	key.Name = "open"
	waitForReason(t, cluster.GetPrompt(t, key), v1alpha1.ReasonPublished)
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new("ours")})), published(2, true))
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionDelete, store.Edit{})), store.ChangeOutcome{State: store.ChangePublished})
}

func becomesVersion(t *testing.T, key store.Key, version int64) {
	t.Helper()
	require.Eventually(t, func() error {
		if p := cluster.GetPrompt(t, key); p.Status.Version != version {
			return fmt.Errorf("%s is at version %d, want %d", key, p.Status.Version, version)
		}
		return nil
	})
}

// agentsAreAnsweredForDroppedMarks: the object was replaced whole right after the edit, annotations and all.
func agentsAreAnsweredForDroppedMarks(t *testing.T) {
	s, key := office(t), store.Key{Namespace: newNamespace(t), Name: "replaced"}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("one")})), published(1, true))
	p := waitForReason(t, cluster.GetPrompt(t, key), v1alpha1.ReasonPublished)
	p.Annotations = nil
	p.Finalizers = append(p.Finalizers, "example.org/hold")
	require.NoError(t, api.Update(t.Context(), p, client.FieldOwner("lectern-mcp")))
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new("two")})), published(2, true))

	// The deletion is done when it is of no more effect; another's finalizer holds the object beyond that.
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionDelete, store.Edit{})), store.ChangeOutcome{State: store.ChangePublished})
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new("three")})),
		store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonNotFound})
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("three")})),
		store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonAlreadyExists})
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionDelete, store.Edit{})), store.ChangeOutcome{State: store.ChangePublished})
	p = cluster.GetPrompt(t, key)
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Finalizers = nil })
	gone(t, p)
}

// agentsKeepTheirTurn: many requests of one prompt, made at once, each see what the ones before left.
func agentsKeepTheirTurn(t *testing.T) {
	s, key := office(t), store.Key{Namespace: newNamespace(t), Name: "busy"}
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("0")})), published(1, true))
	const many = 20
	requests := make([]store.ChangeRequest, many)
	for i := range requests {
		requests[i] = controllerstest.NewRequest(key, store.ActionUpdate, store.Edit{Content: new(fmt.Sprint(i + 1))})
		_, err := s.RequestChange(t.Context(), requests[i])
		require.NoError(t, err)
	}
	for i, r := range requests {
		controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, r), published(int64(i)+2, true))
	}
}

// agentsTakeTurns: whoever asks for one thing does not wait for what another asked for before, in their namespace or another
// one; nor does the same subject in another namespace, where nobody is authenticated.
func agentsTakeTurns(t *testing.T) {
	const many = 300
	s, crowded := office(t), newNamespace(t)
	conn := pgtest.Connect(t, dsn)
	_, err := conn.Exec(t.Context(), `insert into prompt_changes (id, namespace, name, action, subject, edit)
		select gen_random_uuid(), $1, 'many-' || i, 'Add', $2, '{"content": "x"}' from generate_series(1, $3::int) i`, crowded, controllerstest.Agent, many)
	require.NoError(t, err)
	done := func() (n int) {
		t.Helper()
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from prompt_changes where namespace = $1 and name like 'many-%' and state = 'Published'", crowded).Scan(&n))
		return n
	}
	for name, request := range map[string]store.ChangeRequest{
		"another subject":   {Key: store.Key{Namespace: crowded, Name: "other"}, Subject: "somebody else"},
		"another namespace": {Key: store.Key{Namespace: newNamespace(t), Name: "other"}, Subject: controllerstest.Agent},
	} {
		request.ID, request.Action, request.Edit = uuid.NewString(), store.ActionAdd, store.Edit{Content: new("x")}
		before := done()
		controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, request), published(1, true))
		after := done()
		t.Logf("%s: %d of %d came first", name, after-before, many)
		if after-before > many/3 {
			t.Errorf("%s waited for %d of %d requests", name, after-before, many)
		}
	}
	require.Eventually(t, func() error {
		if n := done(); n != many {
			return fmt.Errorf("%d of %d are published", n, many)
		}
		return nil
	})
}

func agentsAreToldOfATerminatingNamespace(t *testing.T) {
	s, name := office(t), newNamespace(t)
	var ns corev1.Namespace
	require.NoError(t, api.Get(t.Context(), client.ObjectKey{Name: name}, &ns))
	require.NoError(t, api.Delete(t.Context(), &ns)) // no namespace controller runs here, so it stays like this
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, controllerstest.NewRequest(store.Key{Namespace: name, Name: "late"}, store.ActionAdd, store.Edit{Content: new("x")})),
		store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonNamespaceMissing})
}

// agentsCannotForgeTheirMark: an object that carries the id of a request that was never begun is not taken for its work.
func agentsCannotForgeTheirMark(t *testing.T) {
	s, key := office(t), store.Key{Namespace: newNamespace(t), Name: "forged"}
	r := controllerstest.NewRequest(key, store.ActionAdd, store.Edit{Content: new("ours")})
	p := newPrompt(key.Namespace, key.Name, "theirs")
	p.Annotations = map[string]string{v1alpha1.LastChangeAnnotation: r.ID}
	waitForReason(t, createPrompt(t, p), v1alpha1.ReasonPublished)
	controllerstest.WantOutcome(t, controllerstest.RequestAndWait(t, s, r), store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonAlreadyExists})
}
