package chart

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// renders returns everything there is to install, by a name: each file of values and each kustomization.
func renders(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, r := range cases(t) {
		found[name] = r.render(t)
	}
	for name, text := range kustomizations(t) {
		found["kustomize "+name] = text
	}
	found["samples"], found["samples for the desk"] = samples.render(t), deskSamples.render(t)
	return found
}

// samples is the second chart, deskSamples that with the prompts for the desk alone.
var (
	samples     = release{"samples", "support", samplesChart, nil}
	deskSamples = release{"samples", "support", samplesChart, []string{"--set", "samples.enabled=false,samples.serviceDesk=true"}}
)

// TestSamples has the chart of samples render what config/samples says, placeholders that Helm also has among it.
func TestSamples(t *testing.T) {
	t.Parallel()
	made := kustomizations(t)
	for folder, chart := range map[string]release{"samples": samples, "samples/servicedesk": deskSamples} {
		want, got := map[string]any{}, map[string]any{}
		for _, object := range parseObjects(t, made[folder]) {
			want[object.GetName()] = object.Object["spec"]
		}
		for _, object := range parseObjects(t, chart.render(t)) {
			got[object.GetName()] = object.Object["spec"]
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) < 5 {
			t.Errorf("%s: %d prompts (-config +chart):\n%s", folder, len(got), diff)
		}
	}
}

// kustomizations returns what kubectl builds of the folders of config, by their names.
func kustomizations(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, folder := range []string{"crd", "rbac", "manager", "default", "monitoring", "samples", "samples/servicedesk", "policies"} {
		text, err := plane.Kubectl(t.Context(), "kustomize", "../../config/"+folder)
		require.NoError(t, err)
		found[folder] = text
	}
	return found
}

// createNamespace makes a namespace if it is not there yet.
func createNamespace(t *testing.T, name string) {
	t.Helper()
	err := api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	require.NoError(t, client.IgnoreAlreadyExists(err))
}

// TestRender_IsTaken has the API server itself validate and admit everything, each field known.
func TestRender_IsTaken(t *testing.T) {
	t.Parallel()
	for name, text := range renders(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, object := range parseObjects(t, text) {
				if object.GetNamespace() != "" {
					createNamespace(t, object.GetNamespace())
				}
			}
			file := filepath.Join(t.TempDir(), "all.yaml")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			_, err := plane.Kubectl(t.Context(), "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--filename="+file)
			require.NoError(t, err)
		})
	}
}

// TestRender_PodsAreRestricted has the real admission of Pod Security let every pod into a namespace that enforces `restricted`.
func TestRender_PodsAreRestricted(t *testing.T) {
	t.Parallel()
	const namespace = "restricted"
	require.NoError(t, api.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "v1.37",
	}}}))
	privileged := map[string]any{"metadata": map[string]any{}, "spec": map[string]any{"containers": []any{map[string]any{"name": "a", "image": "a"}}}}
	if err := createPod(t, namespace, privileged); err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted:`) {
		t.Fatalf("a pod that says nothing of security is let in: %v", err)
	}
	seen := map[string]bool{}
	for name, text := range renders(t) {
		for _, object := range parseObjects(t, text) {
			pod := podTemplate(object)
			if pod == nil {
				continue
			}
			what := object.GetKind() + " " + object.GetName()
			seen[object.GetKind()+" of "+object.GetLabels()["app.kubernetes.io/component"]] = true
			if err := createPod(t, namespace, pod); err != nil {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
	if len(seen) < 5 {
		t.Errorf("only the pods of %v were tried", slices.Sorted(maps.Keys(seen)))
	}
}

// createPod asks whether a pod would be admitted. The classes it names, which are not here, are left out.
func createPod(t *testing.T, namespace string, template map[string]any) error {
	t.Helper()
	pod := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]}}
	pod.SetNamespace(namespace)
	pod.SetName("pod")
	unstructured.RemoveNestedField(pod.Object, "spec", "priorityClassName")
	unstructured.RemoveNestedField(pod.Object, "spec", "runtimeClassName")
	return api.Create(t.Context(), pod, client.DryRunAll)
}

// clusterWide returns the kinds without a namespace, as kind.group.
func clusterWide(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	out, err := plane.Kubectl(t.Context(), "api-resources", "--namespaced=false", "--no-headers")
	require.NoError(t, err)
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		group, _, grouped := strings.Cut(words[len(words)-3], "/")
		if !grouped {
			group = ""
		}
		found[words[len(words)-1]+"."+group] = true
	}
	if !found["ClusterRole.rbac.authorization.k8s.io"] || found["Role.rbac.authorization.k8s.io"] {
		t.Fatalf("read %v of\n%s", found, out)
	}
	return found
}

// identify names an object so that two are the same when their names are equal.
func identify(object *unstructured.Unstructured, r release, wide map[string]bool) string {
	namespace := object.GetNamespace()
	if namespace == "" {
		namespace = r.namespace
	}
	kind := object.GetKind() + "." + object.GroupVersionKind().Group
	if wide[kind] {
		namespace = ""
	}
	return kind + " " + namespace + "/" + object.GetName()
}

// TestReleases_ShareNothing has two releases of a cluster, in other namespaces and in one, render no object in common.
func TestReleases_ShareNothing(t *testing.T) {
	t.Parallel()
	wide := clusterWide(t)
	second := []string{"--set=crds.enabled=false,roles.enabled=false,fullnameOverride="}
	all := cases(t)
	for name, first := range all {
		for where, other := range map[string]release{
			"of the same name in another namespace": {first.name, "other-system", first.chart, slices.Concat(first.args, second)},
			"of another name in the same namespace": {"other", first.namespace, first.chart, slices.Concat(first.args, second)},
		} {
			seen := map[string]bool{}
			for _, object := range parseObjects(t, first.render(t)) {
				seen[identify(object, first, wide)] = true
			}
			for _, object := range parseObjects(t, other.render(t)) {
				if id := identify(object, other, wide); seen[id] {
					t.Errorf("%s: a release %s also has %s", name, where, id)
				}
			}
			if len(seen) < 10 {
				t.Errorf("%s: only %d objects", name, len(seen))
			}
		}
	}
	a, b := all["default-trial"], all["second-release"]
	seen := map[string]bool{}
	for _, object := range parseObjects(t, a.render(t)) {
		seen[identify(object, a, wide)] = true
	}
	for _, object := range parseObjects(t, b.render(t)) {
		if id := identify(object, b, wide); seen[id] {
			t.Errorf("second-release also has %s", id)
		}
	}
}
