package main

import (
	"io/fs"
	"maps"
	"os"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestReadFiles_AreWritten holds the charts to what they are made from: `make generate` writes it.
func TestReadFiles_AreWritten(t *testing.T) {
	t.Parallel()
	want, err := readFiles(os.DirFS("../.."))
	require.NoError(t, err)
	got := map[string]string{}
	for _, folder := range folders {
		maps.Copy(got, readFolder(t, "../..", folder))
	}
	if diff := cmp.Diff(toText(want), got); diff != "" {
		t.Errorf("%v are out of date; run make generate (-want +charts):\n%s", folders, diff)
	}
}

func TestWriteFiles(t *testing.T) {
	t.Parallel()
	root, written := t.TempDir(), []string{"files"}
	require.NoError(t, writeFiles(root, nil, map[string][]byte{"values.yaml": []byte("b: 1\n")}))
	require.NoError(t, writeFiles(root, written, map[string][]byte{"files/view.yaml": []byte("a: 1\n"), "files/old/x.yaml": nil}))
	require.NoError(t, writeFiles(root, written, map[string][]byte{"files/view.yaml": []byte("a: 2\n")}))
	if diff := cmp.Diff(map[string]string{"files/view.yaml": "a: 2\n", "values.yaml": "b: 1\n"}, readFolder(t, root, ".")); diff != "" {
		t.Error(diff)
	}
}

func TestReadRules(t *testing.T) {
	t.Parallel()
	const roles = "---\nkind: ClusterRole\nrules:\n- apiGroups: [lectern.dev]\n  resources: [prompts]\n  verbs: [get, list]\n" +
		"---\nkind: Role\nrules:\n- apiGroups: ['']\n  resourceNames: [lectern-trial]\n  resources: [secrets]\n  verbs: [get]\n"
	for name, tc := range map[string]struct{ text, kind, want, err string }{
		"of the cluster": {roles, "ClusterRole", "- apiGroups:\n  - lectern.dev\n  resources:\n  - prompts\n  verbs:\n  - get\n  - list\n", ""},
		"of a namespace": {roles, "Role", "- apiGroups:\n  - \"\"\n  resourceNames:\n  - lectern-trial\n  resources:\n  - secrets\n  verbs:\n  - get\n", ""},
		"of no role":     {roles, "RoleBinding", "", "0 documents are of kind RoleBinding; want one"},
		"of two roles":   {roles + "---\nkind: Role\nrules: []\n", "Role", "", "2 documents are of kind Role; want one"},
		"empty":          {"kind: Role\nrules: []\n", "Role", "", "Role has no such rules"},
		"no YAML":        {"kind: [", "Role", "", "error converting YAML to JSON: yaml: line 1: did not find expected node content"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readRules([]byte(tc.text), tc.kind, isAny)
			said := ""
			if err != nil {
				said = err.Error()
			}
			if diff := cmp.Diff([2]string{tc.want, tc.err}, [2]string{string(got), said}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestReadFiles_Missing refuses to make a chart without what is missing.
func TestReadFiles_Missing(t *testing.T) {
	t.Parallel()
	_, err := readFiles(fstest.MapFS{"config/crd/lectern.dev_prompts.yaml": {Data: []byte("kind: CustomResourceDefinition\n")}})
	if err == nil || err.Error() != "there is no file config/policies/channels/[pb]*.yaml" {
		t.Errorf("got %v", err)
	}
}

func readFolder(t *testing.T, root, folder string) map[string]string {
	t.Helper()
	got := map[string]string{}
	require.NoError(t, fs.WalkDir(os.DirFS(root), folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(os.DirFS(root), name)
		got[name] = string(content)
		return err
	}))
	return got
}

func toText(files map[string][]byte) map[string]string {
	got := map[string]string{}
	for name, content := range files {
		got[name] = string(content)
	}
	return got
}

// TestRuleLists has every rule of the controller in exactly one list, but for those of `lectern release`.
func TestRuleLists(t *testing.T) {
	t.Parallel()
	for group, want := range map[string][2]bool{
		"": {true, false}, "authentication.k8s.io": {true, false}, "authorization.k8s.io": {true, false},
		"lectern.dev": {false, true}, "events.k8s.io": {false, true}, "admissionregistration.k8s.io": {false, false},
	} {
		r := rbacv1.PolicyRule{APIGroups: []string{group}}
		if got := [2]bool{isOfCluster(r), isOfWatched(r)}; got != want {
			t.Errorf("group %q is of cluster and watched: %v, want %v", group, got, want)
		}
	}
}
