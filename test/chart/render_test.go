package chart

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lectern-dev/lectern/internal/testenv/golden"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// first are the values whose render is shown in full; of the others it is what differs.
const first = "default-trial"

// TestRender holds what each file of values makes to a file in testdata/rendered, and that it is the same every time.
func TestRender(t *testing.T) {
	all := cases(t)
	for name, r := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := r.render(t)
			shown := shorten(text, nil)
			if name != first {
				shown = shorten(text, strings.SplitAfter(all[first].render(t), "\n---\n"))
			}
			golden.CompareFile(t, filepath.Join("testdata", "rendered", name+".yaml"), shown)
			again, err := r.template(t.Context(), programs["helm"])
			require.NoError(t, err)
			if diff := cmp.Diff(text, again); diff != "" {
				t.Errorf("rendered again it differs:\n%s", diff)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "rendered", "*.yaml"))
	require.NoError(t, err)
	var known []string
	for _, file := range files {
		known = append(known, strings.TrimSuffix(filepath.Base(file), ".yaml"))
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), slices.Sorted(slices.Values(known))); diff != "" && !*golden.Update {
		t.Errorf("files of values and files in testdata/rendered (-values +rendered):\n%s", diff)
	}
}

// copied is what the chart takes over from config as it is, and hack/chart is tested for: how a document is cut, by its kind.
var copied = map[string]*regexp.Regexp{
	"CustomResourceDefinition":  regexp.MustCompile(`(?ms)^spec:\n.*`),
	"PrometheusRule":            regexp.MustCompile(`(?ms)^spec:\n.*`),
	"ValidatingAdmissionPolicy": regexp.MustCompile(`(?ms)^spec:\n.*`),
	"MutatingAdmissionPolicy":   regexp.MustCompile(`(?ms)^spec:\n.*`),
}

var kindLine, nameLine = regexp.MustCompile(`(?m)^kind: (\w+)$`), regexp.MustCompile(`(?m)^  name: "?([\w.-]+)"?$`)

// shorten leaves out what would make the files too long to read: what config says already, and documents that are known.
func shorten(text string, known []string) string {
	const end = "---\n"
	documents := strings.SplitAfter(text, "\n"+end)
	for i, document := range documents {
		kind, name := kindLine.FindStringSubmatch(document), nameLine.FindStringSubmatch(document)
		switch {
		case kind == nil || name == nil:
		case slices.Contains(known, document):
			documents[i] = "# " + kind[1] + " " + name[1] + ": as in " + first + "\n" + end
		case copied[kind[1]] != nil:
			documents[i] = copied[kind[1]].ReplaceAllLiteralString(document, "spec: # as in config\n") + end
		}
	}
	return copiedBlock.ReplaceAllString(strings.Join(documents, ""), "${1} as it is in its file\n")
}

// TestRender_CopiesConfig has what the files of renders leave out be what config says.
func TestRender_CopiesConfig(t *testing.T) {
	t.Parallel()
	want, got := map[string]any{}, map[string]any{}
	for _, file := range []string{"crd/lectern.dev_prompts.yaml", "crd/lectern.dev_sdpconnections.yaml", "policies/channels/policy.yaml", "policies/erasure/policy.yaml", "policies/finalizer/policy.yaml", "monitoring/alerts.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../config", file))
		require.NoError(t, err)
		object := parseObjects(t, string(text))[0]
		if spec, is := object.Object["spec"]; is {
			want[object.GetKind()+" "+object.GetName()] = spec
		} else {
			want["PrometheusRule"] = object.Object
		}
	}
	dashboard, err := os.ReadFile("../../config/monitoring/dashboard.json")
	require.NoError(t, err)
	want["ConfigMap"] = strings.TrimSpace(string(dashboard))
	for _, object := range parseObjects(t, cases(t)["everything"].render(t)) {
		switch kind := object.GetKind(); {
		case kind == "CustomResourceDefinition":
			got[kind+" "+object.GetName()] = object.Object["spec"]
		case strings.HasSuffix(kind, "AdmissionPolicy"):
			// Its name has the release in it.
			got[kind+" lectern"+object.GetName()[strings.LastIndex(object.GetName(), "-"):]] = object.Object["spec"]
		case kind == "PrometheusRule":
			got[kind] = object.Object["spec"]
		case kind == "ConfigMap" && object.GetLabels()["grafana_dashboard"] != "":
			text, _, _ := unstructured.NestedString(object.Object, "data", "lectern.json")
			got[kind] = strings.TrimSpace(text)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-config +render):\n%s", diff)
	}
}

// copiedBlock is a file in a ConfigMap, the dashboard or the SQL of roles: a block, every line of it deeper than its key.
var copiedBlock = regexp.MustCompile(`(?m)^(  (?:[\w.-]+\.json|roles\.sql):) \|-?\n(?:    .*\n|\n)+`)

// TestLint has helm's own opinion of every file of values.
func TestLint(t *testing.T) {
	t.Parallel()
	for name, r := range cases(t) {
		_, err := run(exec.CommandContext(t.Context(), programs["helm"], append([]string{"lint", "--strict", "--kube-version=1.37.1", r.chart}, r.args...)...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// impure are functions of templates by which a render is not what Git says: they ask a cluster, the machine or chance.
var impure = regexp.MustCompile(`\b(lookup|getHostByName|now|date|htpasswd|bcrypt|gen[A-Z]\w+|rand[A-Z]\w+|uuidv4|derivePassword|shuffle|encryptAES)\b`)

// TestTemplates_ArePure has Argo CD and Flux, which render without a cluster and again and again, see no difference.
func TestTemplates_ArePure(t *testing.T) {
	t.Parallel()
	action, comment := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`(?s)^\{\{-?\s*/\*.*`)
	text := regexp.MustCompile("\"[^\"]*\"|`[^`]*`")
	checked := 0
	for _, chart := range []string{lecternChart, samplesChart} {
		files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
		require.NoError(t, err)
		for _, file := range files {
			if stat, err := os.Stat(file); err != nil || stat.IsDir() {
				more, err := filepath.Glob(filepath.Join(file, "*"))
				require.NoError(t, err)
				files = append(files, more...)
			}
		}
		for _, file := range files {
			if stat, err := os.Stat(file); err != nil || stat.IsDir() {
				continue
			}
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			checked++
			for _, code := range action.FindAllString(string(content), -1) {
				if found := impure.FindString(text.ReplaceAllString(code, `""`)); found != "" && !comment.MatchString(code) {
					t.Errorf("%s calls %s: %s", file, found, code)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d templates", checked)
	}
}
