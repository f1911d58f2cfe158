package chart

import (
	"strings"
	"testing"
)

// TestRender_OddValues: a value that is written without anything is none, and a name that reads as something else in YAML stays a name.
func TestRender_OddValues(t *testing.T) {
	t.Parallel()
	r := release{name: "lectern", namespace: "123", chart: lecternChart, args: []string{"--set=database.mode=trial", "--set=networkPolicy.enabled=true"}}
	plain := r.render(t)
	for _, empty := range []string{
		"watch.namespaces", "commonLabels", "commonAnnotations", "auth.audiences", "crds.annotations", "controller.podLabels", "server.podLabels",
	} {
		r.args = append(r.args, "--set-json="+empty+"=null")
	}
	if text := r.render(t); text != plain {
		t.Error("values of null are not as those that are left out")
	}
	// NOTES.txt is rendered, too, though not printed; with a list it names one of it.
	r.args = append(r.args[:2:2], `--set-json=watch.namespaces=["2024","true","false","1e3"]`, "--set-string=server.priorityClassName=7")
	text := r.render(t)
	for _, object := range parseObjects(t, text) {
		wantTexts(t, object.GetKind(), object.Object, "")
	}
	if got := strings.Count(text, "  namespace: \"false\"\n"); got != 2 { // Role and RoleBinding
		t.Errorf("%d objects are in namespace false", got)
	}
}

// wantTexts has what names something be text.
func wantTexts(t *testing.T, kind string, value any, path string) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			_, isText := below.(string)
			switch key {
			case "namespace", "priorityClassName", "serviceAccountName", "secretName", "claimName":
				if !isText && !strings.Contains(path, "openAPIV3Schema") {
					t.Errorf("%s%s.%s is %v, which is no text", kind, path, key, below)
				}
			}
			wantTexts(t, kind, below, path+"."+key)
		}
	case []any:
		for _, below := range v {
			wantTexts(t, kind, below, path)
		}
	}
}
