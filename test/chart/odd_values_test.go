package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestRender_OddValues: a value that is written without anything is none, and a name that reads as something else in YAML stays a name.
func TestRender_OddValues(t *testing.T) {
	t.Parallel()
	r := release{name: "lectern", namespace: "123", chart: lecternChart, args: []string{"--set=database.mode=trial", "--set=networkPolicy.enabled=true"}}
	plain := r.render(t)
	for _, empty := range []string{
		"watch.namespaces", "connections.namespaces", "sdp.allowedHosts", "sdp.clusterCIDRs", "commonLabels", "commonAnnotations", "auth.audiences", "crds.annotations", "controller.podLabels", "server.podLabels",
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

// TestRender_NullSections: a section that is written as null is refused by its name, or is as one that is left out.
func TestRender_NullSections(t *testing.T) {
	t.Parallel()
	defaults, schema := readValues(t, "values.yaml"), readValues(t, "values.schema.json")
	required, optional := splitSections(defaults, schema, nil)
	if len(required) < 40 || len(optional) < 40 {
		t.Fatalf("only %d sections are required, and %d are not", len(required), len(optional))
	}
	depths := map[int]release{}
	for _, path := range required { // of two at different depths, the deeper one would put the other one back
		r := depths[len(path)]
		r.args = append(r.args, "--set-json="+strings.Join(path, ".")+"=null")
		depths[len(path)] = r
	}
	for depth, r := range depths {
		r.name, r.namespace, r.chart = "lectern", "lectern-system", lecternChart
		_, err := r.template(t.Context(), programs["helm"])
		if err == nil {
			t.Fatalf("%v are not refused", r.args)
		}
		for _, path := range required {
			refusal := regexp.MustCompile(fmt.Sprintf("- at '%s': missing propert.*'%s'", strings.Join(append([]string{""}, path[:len(path)-1]...), "/"), path[len(path)-1]))
			if len(path) == depth && !refusal.MatchString(err.Error()) {
				t.Errorf("%v is not refused by %s: %v", path, refusal, err)
			}
		}
	}
	for name, r := range map[string]release{"everything": cases(t)["everything"], "default-trial": cases(t)["default-trial"]} {
		for _, path := range optional {
			r.args = append(r.args, "--set-json="+strings.Join(path, ".")+"=null")
		}
		if _, err := r.template(t.Context(), programs["helm"]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// readValues reads a file of the chart.
func readValues(t *testing.T, name string) map[string]any {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(lecternChart, name))
	require.NoError(t, err)
	var values map[string]any
	require.NoError(t, yaml.Unmarshal(content, &values))
	return values
}

// splitSections returns the paths of maps among the default values: those that a schema requires, at every depth, and the outermost of
// the others. At the top all are required, except what is the same for all objects.
func splitSections(defaults, schema map[string]any, above []string) (required, optional [][]string) {
	properties, _ := schema["properties"].(map[string]any)
	names, _ := schema["required"].([]any)
	for name, value := range defaults {
		section, isSection := value.(map[string]any)
		path := append(slices.Clone(above), name)
		switch isRequired := slices.Contains(names, any(name)); {
		case !isSection || name == "global":
		case isRequired || len(above) == 0 && len(section) > 0:
			required = append(required, path)
			below, _ := properties[name].(map[string]any)
			more, others := splitSections(section, below, path)
			required, optional = append(required, more...), append(optional, others...)
		default:
			optional = append(optional, path)
		}
	}
	return required, optional
}
