package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/testenv/golden"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestAccounts_Rights holds what `kubectl auth can-i --list` says of every account of a release to a file, in its own
// namespace, in one that it watches and in another. What every account of a cluster has is left out.
func TestAccounts_Rights(t *testing.T) {
	t.Parallel()
	all := cases(t)
	for name, tc := range map[string]struct {
		text       string
		namespaces []string
	}{
		"default-trial": {all["default-trial"].render(t), []string{"lectern-system", "unwatched"}},
		"namespaced":    {all["namespaced"].render(t), nil},
		"kustomize":     {kustomizations(t)["default"], []string{"lectern-system", "unwatched"}},
	} {
		t.Run(name, func(t *testing.T) {
			// One after the other: all have accounts of the same names in the same namespace.
			objects, accounts, watched := splitRights(t, tc.text)
			namespaces := tc.namespaces
			if namespaces == nil {
				namespaces = append(watched, "unwatched")
			}
			for _, namespace := range namespaces {
				createNamespace(t, namespace)
			}
			file := filepath.Join(t.TempDir(), "rights.yaml")
			require.NoError(t, os.WriteFile(file, []byte(objects), 0o600))
			_, err := plane.Kubectl(t.Context(), "apply", "--server-side", "--force-conflicts", "--filename="+file)
			require.NoError(t, err)
			waitForRights(t, name)
			var text strings.Builder
			everybody := listRights(t, "system:serviceaccount:default:nobody", "default")
			for _, account := range accounts {
				for _, namespace := range namespaces {
					fmt.Fprintf(&text, "# %s in namespace %s\n", account, namespace)
					for _, right := range listRights(t, account, namespace) {
						if !slices.Contains(everybody, right) {
							text.WriteString(right + "\n")
						}
					}
				}
			}
			_, err = plane.Kubectl(t.Context(), "delete", "--ignore-not-found", "--wait=false", "--filename="+file)
			require.NoError(t, err)
			golden.CompareFile(t, filepath.Join("testdata", "rights", name+".txt"), text.String())
		})
	}
}

// listRights returns the lines of `kubectl auth can-i --list`, which are resources, URLs, names and verbs.
func listRights(t *testing.T, account, namespace string) []string {
	t.Helper()
	list, err := plane.Kubectl(t.Context(), "auth", "can-i", "--list", "--no-headers", "--as="+account, "--namespace="+namespace)
	require.NoError(t, err)
	var rights []string
	for line := range strings.Lines(list) {
		words := strings.Join(strings.Fields(strings.ReplaceAll(line, " []", "")), " ")
		last := strings.LastIndex(words, " [")
		verbs := strings.Fields(strings.Trim(words[last:], " []"))
		slices.Sort(verbs) // they come rule by rule
		rights = append(rights, words[:last]+": "+strings.Join(verbs, " "))
	}
	slices.Sort(rights)
	return rights
}

// splitRights returns the accounts, roles and bindings of a render as manifests, the names of the accounts as users, and
// the namespaces with roles in them.
func splitRights(t *testing.T, text string) (manifests string, accounts, namespaces []string) {
	t.Helper()
	for _, object := range parseObjects(t, text) {
		switch object.GetKind() {
		case "ServiceAccount":
			accounts = append(accounts, "system:serviceaccount:lectern-system:"+object.GetName())
		case "Role":
			namespace := object.GetNamespace()
			if namespace == "" {
				namespace = "lectern-system"
			}
			if !slices.Contains(namespaces, namespace) {
				namespaces = append(namespaces, namespace)
			}
		case "ClusterRole", "ClusterRoleBinding", "RoleBinding":
		default:
			continue
		}
		content, err := yaml.Marshal(object.Object)
		require.NoError(t, err)
		manifests += "---\n" + string(content)
	}
	slices.Sort(accounts)
	slices.Sort(namespaces)
	return manifests, accounts, namespaces
}

// waitForRights waits until the API server goes by all roles and bindings there are. It hears of each kind in the order
// they were written, so it knows all of them when it knows the last of each.
func waitForRights(t *testing.T, name string) {
	t.Helper()
	marker := "marker-" + name
	for _, args := range [][]string{
		{"create", "clusterrole", marker, "--verb=get", "--resource=nodes"},
		{"create", "clusterrolebinding", marker, "--clusterrole=" + marker, "--user=" + marker},
		{"create", "role", marker, "--namespace=default", "--verb=get", "--resource=pods"},
		{"create", "rolebinding", marker, "--namespace=default", "--role=" + marker, "--user=" + marker},
	} {
		_, err := plane.Kubectl(t.Context(), args...)
		require.NoError(t, err)
	}
	for _, resource := range []string{"nodes", "pods"} {
		require.Eventually(t, func() error {
			_, err := plane.Kubectl(t.Context(), "auth", "can-i", "get", resource, "--as="+marker, "--namespace=default")
			return err
		})
	}
}

// TestBindings_AreOfTheRelease has no account of others get rights by what is installed.
func TestBindings_AreOfTheRelease(t *testing.T) {
	t.Parallel()
	for name, text := range renders(t) {
		accounts := map[string]bool{}
		objects := parseObjects(t, text)
		for _, object := range objects {
			if object.GetKind() == "ServiceAccount" {
				accounts[object.GetName()] = true
			}
			// One that is there already.
			name, _, _ := unstructured.NestedString(podTemplate(object), "spec", "serviceAccountName")
			accounts[name] = true
		}
		for _, object := range objects {
			if !strings.HasSuffix(object.GetKind(), "RoleBinding") {
				continue
			}
			subjects, _, err := unstructured.NestedSlice(object.Object, "subjects")
			require.NoError(t, err)
			for _, s := range subjects {
				if subject := s.(map[string]any); subject["kind"] != "ServiceAccount" || subject["namespace"] != "lectern-system" && subject["namespace"] != "second-system" || !accounts[subject["name"].(string)] {
					t.Errorf("%s: %s %s binds %v", name, object.GetKind(), object.GetName(), subject)
				}
			}
		}
	}
}
