package policies_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestFinalizer_IsSetByEveryWayToCreate creates by each way, and looks at the one object there is.
func TestFinalizer_IsSetByEveryWayToCreate(t *testing.T) {
	for name, tc := range map[string]struct {
		write func(*testing.T, caller, string) error
		want  []string
	}{
		"apply":             {write: apply("text: Hello")},
		"server-side apply": {write: apply("text: Hello", "--server-side")},
		"create": {write: func(t *testing.T, c caller, name string) error {
			return c.kubectl(t, "create", "--filename="+writeManifest(t, "name: "+name, "text: Hello"))
		}},
		"generateName": {write: generateName("text: Hello")},
		"one that has it": {write: func(t *testing.T, c caller, name string) error {
			return c.kubectl(t, "create", "--filename="+writeManifest(t, "name: "+name+", finalizers: [lectern.dev/prompt]", "text: Hello"))
		}},
		"one that has another's": {want: []string{"example.org/other", v1alpha1.PromptFinalizer}, write: func(t *testing.T, c caller, name string) error {
			return c.kubectl(t, "create", "--filename="+writeManifest(t, "name: "+name+", finalizers: [example.org/other]", "text: Hello"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := newNamespace(t, map[string][]string{"editor": {"lectern-edit"}})
			require.NoError(t, tc.write(t, caller{ns, "editor"}, "greeting"))
			p := onlyPrompt(t, ns)
			if tc.want == nil {
				tc.want = []string{v1alpha1.PromptFinalizer}
			}
			if diff := cmp.Diff(tc.want, slices.Sorted(slices.Values(p.Finalizers))); diff != "" {
				t.Errorf("finalizers (-want +got):\n%s", diff)
			}
			if len(tc.want) == 1 && name != "one that has it" {
				wantFinalizersUnowned(t, p)
			}
		})
	}
}

// onlyPrompt returns the one prompt of a namespace.
func onlyPrompt(t *testing.T, namespace string) *v1alpha1.Prompt {
	t.Helper()
	var all v1alpha1.PromptList
	require.NoError(t, api.List(t.Context(), &all, client.InNamespace(namespace)))
	if len(all.Items) != 1 {
		t.Fatalf("there are %d prompts", len(all.Items))
	}
	return &all.Items[0]
}

// wantFinalizersUnowned has no manager own the finalizers: who applies again would take them away, or be in conflict.
func wantFinalizersUnowned(t *testing.T, p *v1alpha1.Prompt) {
	t.Helper()
	if len(p.ManagedFields) == 0 {
		t.Error("nobody owns anything")
	}
	for _, m := range p.ManagedFields {
		if strings.Contains(m.FieldsV1.GetRawString(), "finalizers") {
			t.Errorf("%s owns finalizers: %s", m.Manager, m.FieldsV1.GetRawString())
		}
	}
}

// TestFinalizer_AppliedAgain has what a delivery tool applies again and again see no difference, and keep the finalizer.
func TestFinalizer_AppliedAgain(t *testing.T) {
	for name, flags := range map[string][]string{"client-side": nil, "server-side": {"--server-side"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := newNamespace(t, map[string][]string{"deliverer": {"lectern-edit", "lectern-promoter"}})
			deliverer := caller{ns, "deliverer"}
			manifest := "--filename=" + writeManifest(t, "name: greeting", production+"text: Hello")
			for range 2 { // the second server-side apply is written, with the policy and without: it brings the status' default
				require.NoError(t, deliverer.kubectl(t, append([]string{"apply", manifest}, flags...)...))
			}
			created := getPrompt(t, ns, "greeting")
			if err := deliverer.kubectl(t, append([]string{"diff", manifest}, flags...)...); err != nil {
				t.Errorf("kubectl diff: %v", err) // it exits with 1 when there is a difference
			}
			require.NoError(t, deliverer.kubectl(t, append([]string{"apply", manifest}, flags...)...))
			if now := getPrompt(t, ns, "greeting"); now.ResourceVersion != created.ResourceVersion {
				t.Errorf("applying it again wrote it: %v", cmp.Diff(created, now))
			}
			edited := writeManifest(t, "name: greeting", production+"text: Other")
			require.NoError(t, deliverer.kubectl(t, append([]string{"apply", "--filename=" + edited}, flags...)...))
			now := getPrompt(t, ns, "greeting")
			if now.Spec.Text != "Other" || !slices.Equal(now.Finalizers, []string{v1alpha1.PromptFinalizer}) {
				t.Errorf("an edit left text %q, finalizers %q", now.Spec.Text, now.Finalizers)
			}
			wantFinalizersUnowned(t, now)
		})
	}
}

// TestFinalizer_IsLetGo has the policy leave updates alone, or no prompt could be deleted.
func TestFinalizer_IsLetGo(t *testing.T) {
	ns := newNamespace(t, nil)
	admin := caller{namespace: ns}
	require.NoError(t, apply("text: Hello")(t, admin, "greeting"))
	require.NoError(t, deletePrompt(t, admin, "greeting"))
	if p := getPrompt(t, ns, "greeting"); p.DeletionTimestamp.IsZero() {
		t.Error("it is not being deleted")
	}
	dropFinalizer(t, ns, "greeting")
	var all v1alpha1.PromptList
	require.NoError(t, api.List(t.Context(), &all, client.InNamespace(ns)))
	if len(all.Items) > 0 {
		t.Errorf("the prompt is still there, with finalizers %q", all.Items[0].Finalizers)
	}
}

// overlay writes a kustomization over one folder of this one, with a suffix to its names, for one namespace alone, and with
// patches of the policy. What it binds has no room to disturb other tests.
func overlay(t *testing.T, folder, suffix, namespace, patches string) string {
	t.Helper()
	dir := t.TempDir()
	here, err := filepath.Abs(folder)
	require.NoError(t, err)
	base, err := filepath.Rel(dir, here)
	require.NoError(t, err)
	text := `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
nameSuffix: ` + suffix + `
resources: [` + base + `]
patches:
- target: {kind: (Validating|Mutating)AdmissionPolicyBinding}
  patch: |
    - op: add
      path: /spec/matchResources
      value: {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [` + namespace + `]}]}}
` + patches
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600))
	return dir
}

// broken patches an expression so that it fails on every object.
func broken(path, expression string) string {
	return `- target: {kind: (Validating|Mutating)AdmissionPolicy}
  patch: |
    - {op: replace, path: ` + path + `, value: "` + expression + `"}
`
}

// TestPolicies_WhenTheyFail breaks each policy for one namespace: the validating ones refuse, the finalizer is left to the
// controller.
func TestPolicies_WhenTheyFail(t *testing.T) {
	for folder, role := range map[string]string{"channels": "lectern-edit", "erasure": "prompt-writer"} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			ns := newNamespace(t, map[string][]string{"writer": {role}})
			dir := overlay(t, folder, "-broken", ns, broken("/spec/variables/1/expression", "[object.spec.nothing]"))
			require.NoError(t, caller{namespace: ns}.kubectl(t, "apply", "--kustomize="+dir))
			manifest := "--filename=" + writeManifest(t, "name: greeting", "text: Hello")
			require.Eventually(t, func() error {
				err := caller{ns, "writer"}.kubectl(t, "create", "--dry-run=server", manifest)
				if err == nil || !strings.Contains(err.Error(), "no such key: nothing") {
					return fmt.Errorf("it is not refused for the failure: %w", err)
				}
				return nil
			})
		})
	}
	t.Run("finalizer", func(t *testing.T) {
		t.Parallel()
		ns := newNamespace(t, nil)
		// The one that is bound everywhere sets it still, so another value tells them apart.
		sets := func(expression string) string {
			return overlay(t, "finalizer", "-broken", ns, broken("/spec/mutations/0/applyConfiguration/expression", expression))
		}
		create := func() *v1alpha1.Prompt {
			p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "greeting-"}, Spec: v1alpha1.PromptSpec{Text: "Hello"}}
			require.NoError(t, api.Create(t.Context(), p, client.DryRunAll))
			return p
		}
		const ok = `Object{metadata: Object.metadata{labels: {'set': 'yes'}}}`
		const fails = `Object{metadata: Object.metadata{labels: {'set': string(object.spec.nothing)}}}`
		require.NoError(t, caller{namespace: ns}.kubectl(t, "apply", "--kustomize="+sets(ok)))
		require.Until(t, "the policy is enforced", func() bool { return create().Labels["set"] == "yes" })
		require.NoError(t, caller{namespace: ns}.kubectl(t, "apply", "--kustomize="+sets(fails)))
		require.Until(t, "a policy that fails is left out", func() bool { return len(create().Labels) == 0 })
	})
}

// TestFinalizer_BoundByNamespace binds it for one namespace, as where the controller watches no other.
func TestFinalizer_BoundByNamespace(t *testing.T) {
	plane, c := startOther(t)
	for _, ns := range []string{"watched", "other"} {
		_, err := plane.Kubectl(t.Context(), "create", "namespace", ns)
		require.NoError(t, err)
	}
	_, err := plane.Kubectl(t.Context(), "apply", "--kustomize="+overlay(t, "finalizer", "-one", "watched", ""))
	require.NoError(t, err)
	create := func(ns string) ([]string, error) {
		p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "greeting-"}, Spec: v1alpha1.PromptSpec{Text: "Hello"}}
		err := c.Create(t.Context(), p)
		return p.Finalizers, err
	}
	require.Eventually(t, func() error {
		got, err := create("watched")
		// Of a CRD that was installed just now the API server's policies know nothing for 5 s, and then it refuses whatever
		// failurePolicy says; docs/operations.md tells who installs both.
		if err != nil && !apierrors.IsServiceUnavailable(err) {
			t.Errorf("a creation: %v", err)
		}
		if len(got) != 1 {
			return fmt.Errorf("the finalizers are %q: %w", got, err)
		}
		return nil
	})
	if got, err := create("other"); err != nil || len(got) > 0 {
		t.Errorf("a prompt of another namespace has finalizers %q: %v", got, err)
	}
}

// startOther starts another API server, without policies.
func startOther(t *testing.T) (*testenv.ControlPlane, client.Client) {
	t.Helper()
	other, err := testenv.StartControlPlane(t.Context(), testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(other.Stop)
	c, err := client.New(other.Config, client.Options{Scheme: api.Scheme()})
	require.NoError(t, err)
	return other, c
}
