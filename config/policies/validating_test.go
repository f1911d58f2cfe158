package policies_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// way is one way to write a prompt. It is given a name of its own, and a prompt of that name where before says how.
type way struct {
	// before is the spec of the prompt that is there, made by the admin; none when empty.
	before string
	write  func(t *testing.T, c caller, name string) error
}

func apply(spec string, flags ...string) func(*testing.T, caller, string) error {
	return func(t *testing.T, c caller, name string) error {
		return c.kubectl(t, append([]string{"apply", "--filename=" + writeManifest(t, "name: "+name, spec)}, flags...)...)
	}
}

func replace(spec string) func(*testing.T, caller, string) error {
	return func(t *testing.T, c caller, name string) error {
		return c.kubectl(t, "replace", "--filename="+writeManifest(t, "name: "+name, spec))
	}
}

func patch(kind, body string) func(*testing.T, caller, string) error {
	return func(t *testing.T, c caller, name string) error {
		return c.kubectl(t, "patch", "prompt", name, "--type="+kind, "--patch="+body)
	}
}

func generateName(spec string) func(*testing.T, caller, string) error {
	return func(t *testing.T, c caller, name string) error {
		return c.kubectl(t, "create", "--filename="+writeManifest(t, "generateName: "+name+"-", spec))
	}
}

func deletePrompt(t *testing.T, c caller, name string) error {
	return c.kubectl(t, "delete", "prompt", name, "--wait=false")
}

// deleteCollection deletes the prompts of the namespace in one request.
func deleteCollection(t *testing.T, c caller, _ string) error {
	return c.kubectl(t, "delete", "--raw=/apis/lectern.dev/v1alpha1/namespaces/"+c.namespace+"/prompts")
}

const production = "channels: [{name: production, version: 1}], "

// channelChanges change spec.channels, each in a way of its own.
var channelChanges = map[string]way{
	"apply: a new one":                 {write: apply(production + "text: Hello")},
	"apply: a new channel":             {before: "text: Hello", write: apply(production + "text: Hello")},
	"apply: a channel moved":           {before: production + "text: Hello", write: apply("channels: [{name: production, version: 2}], text: Hello")},
	"apply: a channel without version": {before: production + "text: Hello", write: apply("channels: [{name: production}], text: Hello")},
	"server-side apply: a new one":     {write: apply(production+"text: Hello", "--server-side")},
	"server-side apply: moved":         {before: production + "text: Hello", write: apply("channels: [{name: production, version: 2}], text: Hello", "--server-side", "--force-conflicts")},
	"merge patch":                      {before: production + "text: Hello", write: patch("merge", `{"spec":{"channels":[{"name":"production","version":2}]}}`)},
	"merge patch: removed":             {before: production + "text: Hello", write: patch("merge", `{"spec":{"channels":null}}`)},
	"JSON patch":                       {before: production + "text: Hello", write: patch("json", `[{"op":"replace","path":"/spec/channels/0/version","value":2}]`)},
	"replace":                          {before: production + "text: Hello", write: replace("text: Hello")},
	"generateName":                     {write: generateName(production + "text: Hello")},
	"delete":                           {before: production + "text: Hello", write: deletePrompt},
	"delete all":                       {before: production + "text: Hello", write: deleteCollection},
	"delete: and make again": {before: production + "text: Hello", write: func(t *testing.T, c caller, name string) error {
		if err := deletePrompt(t, c, name); err != nil {
			return err
		}
		dropFinalizer(t, c.namespace, name)
		return apply("channels: [{name: production, version: 2}], text: Hello")(t, c, name)
	}},
}

// otherChanges leave spec.channels as they are.
var otherChanges = map[string]way{
	"apply: a new one without":    {write: apply("text: Hello")},
	"apply: another text":         {before: production + "text: Hello", write: apply(production + "text: Other")},
	"server-side apply":           {before: production + "text: Hello", write: apply("text: Other", "--server-side", "--force-conflicts")},
	"merge patch":                 {before: production + "text: Hello", write: patch("merge", `{"spec":{"text":"Other"}}`)},
	"an empty list for none":      {before: "text: Hello", write: patch("merge", `{"spec":{"channels":[]}}`)},
	"replace":                     {before: production + "text: Hello", write: replace(production + "text: Other")},
	"generateName":                {write: generateName("text: Hello")},
	"delete of one without":       {before: "text: Hello", write: deletePrompt},
	"delete all: where none has":  {before: "text: Hello", write: deleteCollection},
	"annotations: as of a change": {before: production + "text: Hello", write: patch("merge", `{"metadata":{"annotations":{"lectern.dev/last-change":"1"}}}`)},
	"another's finalizer":         {before: production + "text: Hello", write: patch("json", `[{"op":"add","path":"/metadata/finalizers/-","value":"example.org/other"}]`)},
	"an edit while it is deleted": {before: production + "text: Hello", write: editDeleted},
	"the last finalizer while it is": {before: production + "text: Hello", write: func(t *testing.T, c caller, name string) error {
		require.NoError(t, deletePrompt(t, caller{namespace: c.namespace}, name))
		return patch("merge", `{"metadata":{"finalizers":null}}`)(t, c, name)
	}},
}

func editDeleted(t *testing.T, c caller, name string) error {
	require.NoError(t, deletePrompt(t, caller{namespace: c.namespace}, name))
	return patch("merge", `{"spec":{"text":"Other"}}`)(t, c, name)
}

// dropFinalizer lets a deleted prompt go, as the controller does.
func dropFinalizer(t *testing.T, namespace, name string) {
	t.Helper()
	p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	require.NoError(t, api.Patch(t.Context(), p, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
}

// attempt carries out one way as an account, in a namespace of its own.
func attempt(t *testing.T, w way, account string, roles ...string) (namespace string, err error) {
	t.Helper()
	ns := newNamespace(t, map[string][]string{account: roles})
	if w.before != "" {
		require.NoError(t, apply(w.before)(t, caller{namespace: ns}, "greeting"))
	}
	return ns, w.write(t, caller{ns, account}, "greeting")
}

// wantRefusal wants kubectl to be refused by a policy, in words that begin so.
func wantRefusal(t *testing.T, err error, policy, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was not refused")
	}
	if said := err.Error(); !strings.Contains(said, "Error from server (Forbidden)") ||
		!strings.Contains(said, "ValidatingAdmissionPolicy '"+policy+"' with binding '"+policy+"' denied request: "+want) {
		t.Errorf("it was refused with\n%s\nwant %s by %s", said, want, policy)
	}
}

// wantRemedy wants the refusal to end with which verb who lacks where, and what gives it.
func wantRemedy(t *testing.T, err error, verb, namespace, account, role string) {
	t.Helper()
	want := fmt.Sprintf(" needs the verb %[1]s on prompts.lectern.dev, which system:serviceaccount:%[2]s:%[3]s does not have in namespace %[2]s; bind the ClusterRole %[4]s there",
		verb, namespace, account, role)
	if err != nil && !strings.HasSuffix(err.Error(), want) {
		t.Errorf("it was refused with\n%s\nwant at its end %s", err, want)
	}
}

func TestChannels_AreMovedByWhoMayPromote(t *testing.T) {
	for name, w := range channelChanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, err := attempt(t, w, "editor", "lectern-edit")
			action := "changing spec.channels of prompt greeting"
			if strings.HasPrefix(name, "delete") {
				action = "deleting prompt greeting, which has spec.channels,"
			}
			wantRefusal(t, err, "lectern-channels", action)
			wantRemedy(t, err, "promote", ns, "editor", "lectern-promoter")
			if _, err := attempt(t, w, "deliverer", "lectern-edit", "lectern-promoter"); err != nil {
				t.Errorf("who has edit and promoter, as Argo CD's and Flux' accounts: %v", err)
			}
			if _, err := attempt(t, w, "owner", "lectern-admin"); err != nil {
				t.Errorf("an admin: %v", err)
			}
		})
	}
}

func TestChannels_OtherChangesAreNobodysBusiness(t *testing.T) {
	for name, w := range otherChanges {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := attempt(t, w, "editor", "lectern-edit"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestChannels_NamedGrant has a right for one name hold for that one alone, in a creation by generateName too.
func TestChannels_NamedGrant(t *testing.T) {
	ns := newNamespace(t, map[string][]string{"editor": {"lectern-edit"}})
	admin, editor := caller{namespace: ns}, caller{ns, "editor"}
	require.NoError(t, admin.kubectl(t, "create", "role", "one", "--verb=promote", "--resource=prompts.lectern.dev", "--resource-name=granted"))
	require.NoError(t, admin.kubectl(t, "create", "rolebinding", "one", "--role=one", "--serviceaccount="+ns+":editor"))
	if err := apply(production+"text: Hello")(t, editor, "granted"); err != nil {
		t.Errorf("the one that is named: %v", err)
	}
	wantRefusal(t, apply(production+"text: Hello")(t, editor, "other"), "lectern-channels", "changing spec.channels of prompt other needs the verb promote")
	wantRefusal(t, generateName(production+"text: Hello")(t, editor, "granted"), "lectern-channels", "changing spec.channels of prompt granted-")
	if err := deletePrompt(t, editor, "granted"); err != nil {
		t.Errorf("deleting the one that is named: %v", err)
	}
}

// TestChannels_NamespaceGoes deletes a namespace as Kubernetes' own controller does, which has no verb of ours.
func TestChannels_NamespaceGoes(t *testing.T) {
	ns := newNamespace(t, nil)
	require.NoError(t, apply(production+"text: Hello")(t, caller{namespace: ns}, "greeting"))
	controller := caller{ns, "system:serviceaccount:kube-system:namespace-controller"}
	wantRefusal(t, deleteCollection(t, controller, ""), "lectern-channels", "deleting prompt greeting, which has spec.channels, needs the verb promote")

	require.NoError(t, controller.kubectl(t, "delete", "namespace", ns, "--wait=false"))
	require.Eventually(t, func() error { return deleteCollection(t, controller, "") }) // the API server's policies hear of it a little later
	dropFinalizer(t, ns, "greeting")
	var left v1alpha1.PromptList
	require.NoError(t, api.List(t.Context(), &left, client.InNamespace(ns)))
	if len(left.Items) > 0 {
		t.Fatalf("%d prompts are left", len(left.Items))
	}
	var namespace corev1.Namespace
	require.NoError(t, api.Get(t.Context(), client.ObjectKey{Name: ns}, &namespace))
	namespace.Spec.Finalizers = nil
	require.NoError(t, api.SubResource("finalize").Update(t.Context(), &namespace))
	if err := api.Get(t.Context(), client.ObjectKey{Name: ns}, &namespace); !apierrors.IsNotFound(err) {
		t.Errorf("the namespace is still there: %v", err)
	}
}

// TestChannels_NamespaceGoes_DeletionsAlone has a namespace that goes be no way to move a channel.
func TestChannels_NamespaceGoes_DeletionsAlone(t *testing.T) {
	ns := newNamespace(t, map[string][]string{"editor": {"lectern-edit"}})
	require.NoError(t, apply(production+"text: Hello")(t, caller{namespace: ns}, "greeting"))
	require.NoError(t, caller{namespace: ns}.kubectl(t, "delete", "namespace", ns, "--wait=false"))
	require.Eventually(t, func() error {
		return caller{ns, "editor"}.kubectl(t, "delete", "prompt", "greeting", "--dry-run=server")
	})
	err := patch("merge", `{"spec":{"channels":null}}`)(t, caller{ns, "editor"}, "greeting")
	wantRefusal(t, err, "lectern-channels", "changing spec.channels of prompt greeting needs the verb promote")
}

// TestChannels_GarbageCollection has an owner reference be no way around: who edits may set one, and delete the owner.
func TestChannels_GarbageCollection(t *testing.T) {
	ns := newNamespace(t, nil)
	require.NoError(t, apply(production+"text: Hello")(t, caller{namespace: ns}, "greeting"))
	collector := caller{ns, "system:serviceaccount:kube-system:generic-garbage-collector"}
	wantRefusal(t, deletePrompt(t, collector, "greeting"), "lectern-channels", "deleting prompt greeting, which has spec.channels, needs the verb promote")
}

// TestChannels_Controller makes the writes of Lectern's controller with the rights it is given.
func TestChannels_Controller(t *testing.T) {
	for name, w := range map[string]way{
		"its finalizer": {before: production + "text: Hello", write: patch("merge", `{"metadata":{"finalizers":["lectern.dev/prompt"]}}`)},
		"a status": {before: production + "text: Hello", write: func(t *testing.T, c caller, name string) error {
			p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}}
			return c.client(t).Status().Patch(t.Context(), p, client.RawPatch(types.MergePatchType, []byte(`{"status":{"observedGeneration":1}}`)))
		}},
		"a channel moved for an agent":     channelChanges["merge patch"],
		"a version withdrawn for an agent": erasures["merge patch"],
		"a prompt deleted for an agent":    channelChanges["delete"],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := attempt(t, w, "controller", "lectern-controller"); err != nil {
				t.Error(err)
			}
		})
	}
}

// erasures change which stored versions are erased.
var erasures = map[string]way{
	"apply: a new one":             {write: apply("withdrawnVersions: [1], text: Hello")},
	"apply":                        {before: "text: Hello", write: apply("withdrawnVersions: [1], text: Hello")},
	"apply: policy":                {before: "deletionPolicy: Retain, text: Hello", write: apply("deletionPolicy: Delete, text: Hello")},
	"apply: policy left out":       {before: "deletionPolicy: Retain, text: Hello", write: apply("text: Hello")},
	"apply: a shorter history":     {before: "text: Hello", write: apply("historyLimit: 1, text: Hello")},
	"server-side apply":            {before: "text: Hello", write: apply("withdrawnVersions: [1], text: Hello", "--server-side", "--force-conflicts")},
	"server-side apply: a new one": {write: apply("deletionPolicy: Retain, text: Hello", "--server-side")},
	"merge patch":                  {before: "text: Hello", write: patch("merge", `{"spec":{"withdrawnVersions":[1]}}`)},
	"merge patch: policy":          {before: "deletionPolicy: Retain, text: Hello", write: patch("merge", `{"spec":{"deletionPolicy":null}}`)},
	"JSON patch":                   {before: "withdrawnVersions: [1], text: Hello", write: patch("json", `[{"op":"add","path":"/spec/withdrawnVersions/-","value":2}]`)},
	"replace":                      {before: "historyLimit: 20, text: Hello", write: replace("historyLimit: 1, text: Hello")},
	"generateName":                 {write: generateName("withdrawnVersions: [1], text: Hello")},
}

// keeping are changes that erase nothing.
var keeping = map[string]way{
	"apply: a new one":       {write: apply("text: Hello")},
	"apply: another text":    {before: "withdrawnVersions: [1], historyLimit: 5, deletionPolicy: Retain, text: Hello", write: apply("withdrawnVersions: [1], historyLimit: 5, deletionPolicy: Retain, text: Other")},
	"server-side apply":      {before: "deletionPolicy: Retain, text: Hello", write: apply("text: Other", "--server-side", "--force-conflicts")},
	"merge patch":            {before: "deletionPolicy: Retain, text: Hello", write: patch("merge", `{"spec":{"text":"Other"}}`)},
	"the policy when absent": {before: "text: Hello", write: patch("merge", `{"spec":{"deletionPolicy":"Delete"}}`)},
	"generateName":           {write: generateName("text: Hello")},
}

func TestErasure_NeedsTheVerbDelete(t *testing.T) {
	for name, w := range erasures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, err := attempt(t, w, "patcher", "prompt-writer")
			wantRefusal(t, err, "lectern-erasure", "changing spec.")
			wantRemedy(t, err, "delete", ns, "patcher", "lectern-edit")
			if _, err := attempt(t, w, "editor", "lectern-edit"); err != nil {
				t.Errorf("an editor: %v", err)
			}
		})
	}
}

func TestErasure_OtherChangesAreNobodysBusiness(t *testing.T) {
	for name, w := range keeping {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := attempt(t, w, "patcher", "prompt-writer"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestErasure_NamesWhatChanged has the message name each field that changed, and no other.
func TestErasure_NamesWhatChanged(t *testing.T) {
	_, err := attempt(t, way{before: "text: Hello", write: patch("merge", `{"spec":{"historyLimit":1,"deletionPolicy":"Retain"}}`)}, "patcher", "prompt-writer")
	wantRefusal(t, err, "lectern-erasure", "changing spec.historyLimit, spec.deletionPolicy of prompt greeting needs the verb delete")
}
