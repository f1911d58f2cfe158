package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// release is a chart with values, as one installs it.
type release struct {
	name, namespace string
	chart           string
	// args are --values and --set.
	args []string
}

// cases returns a release for each file of values that the chart brings, by the file's name without its end.
func cases(tb testing.TB) map[string]release {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(lecternChart, "ci", "*-values.yaml"))
	require.NoError(tb, err)
	if len(files) < 8 {
		tb.Fatalf("only %d files of values", len(files))
	}
	found := map[string]release{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), "-values.yaml")
		found[name] = release{"lectern", "lectern-system", lecternChart, []string{"--values=" + file}}
	}
	second := found["second-release"]
	second.name, second.namespace = "second", "second-system"
	found["second-release"] = second
	return found
}

// template renders the release as `helm install` in a cluster that has the hooks' kinds would.
func (r release) template(ctx context.Context, helm string) (string, error) {
	args := append([]string{"template", r.name, r.chart, "--namespace=" + r.namespace, "--kube-version=1.37.1", "--api-versions=apps/v1/Deployment"}, r.args...)
	return run(exec.CommandContext(ctx, helm, args...))
}

// rendered are the releases that were rendered already: most tests look at all of them.
var rendered sync.Map

func (r release) render(tb testing.TB) string {
	tb.Helper()
	once, _ := rendered.LoadOrStore(fmt.Sprint(r), sync.OnceValues(func() (string, error) {
		return r.template(context.Background(), programs["helm"])
	}))
	text, err := once.(func() (string, error))()
	require.NoError(tb, err)
	return text
}

// run returns what a program printed, and what it complained of as its error.
func run(command *exec.Cmd) (string, error) {
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w: %s", filepath.Base(command.Path), command.Args[1], err, strings.TrimSpace(complaint.String()))
	}
	return string(out), nil
}

// parseObjects reads a stream of manifests.
func parseObjects(tb testing.TB, text string) []*unstructured.Unstructured {
	tb.Helper()
	var found []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(tb, err)
		if len(object.Object) > 0 {
			found = append(found, object)
		}
	}
}

// podTemplate returns the pod that an object starts, with the path of it, or nil when it starts none.
func podTemplate(object *unstructured.Unstructured) map[string]any {
	path := map[string][]string{
		"Deployment": {"spec", "template"}, "StatefulSet": {"spec", "template"}, "Job": {"spec", "template"},
		"CronJob": {"spec", "jobTemplate", "spec", "template"},
	}[object.GetKind()]
	if path == nil {
		return nil
	}
	pod, _, _ := unstructured.NestedMap(object.Object, path...)
	// A StatefulSet's controller adds a volume for each claim.
	claims, _, _ := unstructured.NestedSlice(object.Object, "spec", "volumeClaimTemplates")
	volumes, _, _ := unstructured.NestedSlice(pod, "spec", "volumes")
	for _, claim := range claims {
		name, _, _ := unstructured.NestedString(claim.(map[string]any), "metadata", "name")
		volumes = append(volumes, map[string]any{"name": name, "persistentVolumeClaim": map[string]any{"claimName": name}})
	}
	if len(claims) > 0 {
		_ = unstructured.SetNestedSlice(pod, volumes, "spec", "volumes")
	}
	return pod
}
