package chart

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestRender_FollowsSchemas has kubeconform hold every render to the API server's own OpenAPI document and to the files of
// custom resource definitions, with no field beside those that they name.
func TestRender_FollowsSchemas(t *testing.T) {
	t.Parallel()
	folder, schemas := t.TempDir(), t.TempDir()
	for name, text := range renders(t) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, strings.ReplaceAll(name, "/", "-")+".yaml"), []byte(text), 0o600))
	}
	writeSchemas(t, schemas)
	command := exec.CommandContext(t.Context(), programs["kubeconform"], "-strict", "-summary",
		"-schema-location", filepath.Join(schemas, "{{ .Group }}_{{ .ResourceAPIVersion }}_{{ .ResourceKind }}.json"), folder)
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Skipped: 0") {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// TestSchemas_Bite has kubeconform refuse what it should.
func TestSchemas_Bite(t *testing.T) {
	t.Parallel()
	schemas := t.TempDir()
	writeSchemas(t, schemas)
	for name, tc := range map[string]struct{ manifest, want string }{
		"a field that is not known":            {"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {portz: []}}", "portz"},
		"a field that is not known, deep":      {"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {selector: {}, template: {spec: {containers: [{name: a, imagee: b}]}}}}", "imagee"},
		"a type":                               {"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: http}]}}", "port"},
		"a field missing":                      {"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {template: {}}}", "selector"},
		"a field of a custom resource":         {"{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: a}, spec: {ruless: []}}", "ruless"},
		"a kind that is not known":             {"{apiVersion: v1, kind: Servicee, metadata: {name: a}}", "could not find schema"},
		"a number or a name, and a quantity":   {"{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, resources: {limits: {cpu: 1, memory: 1Gi}}, livenessProbe: {httpGet: {port: 80}}}]}}", ""},
		"a name or a number, and free content": {"{apiVersion: lectern.dev/v1alpha1, kind: Prompt, metadata: {name: a, labels: {a: b}}, spec: {text: a, metadata: {any: {thing: 1}}}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := exec.CommandContext(t.Context(), programs["kubeconform"], "-strict",
				"-schema-location", filepath.Join(schemas, "{{ .Group }}_{{ .ResourceAPIVersion }}_{{ .ResourceKind }}.json"))
			command.Stdin = strings.NewReader(tc.manifest)
			out, err := command.CombinedOutput()
			if (err == nil) != (tc.want == "") || !strings.Contains(string(out), tc.want) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

type schema = map[string]any

// writeSchemas writes a JSON schema for each kind the API server knows.
func writeSchemas(t *testing.T, folder string) {
	t.Helper()
	definitions := readOpenAPI(t)
	for _, definition := range definitions {
		kinds, _ := definition.(schema)["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			k := kind.(schema)
			// Those that config and the modules define are read from their files: the document has less of them.
			if group := k["group"].(string); !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io") && group != "gateway.networking.k8s.io" {
				writeSchema(t, folder, k["group"].(string), k["version"].(string), k["kind"].(string),
					schema{"definitions": collectDefinitions(definitions, definition), "allOf": []any{definition}})
			}
		}
	}
	files, err := findForeignKinds(t.Context())
	require.NoError(t, err)
	own, err := filepath.Glob("../../config/crd/lectern.dev_*.yaml")
	require.NoError(t, err)
	for _, file := range append(files, own...) {
		writeCustomSchemas(t, folder, file)
	}
}

func writeSchema(t *testing.T, folder, group, version, kind string, s schema) {
	t.Helper()
	if group == "" {
		group = version // as kubeconform names it
	}
	content, err := json.Marshal(s)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, group+"_"+version+"_"+strings.ToLower(kind)+".json"), content, 0o600))
}

// writeCustomSchemas writes those of the versions of a custom resource definition.
func writeCustomSchemas(t *testing.T, folder, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for document := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct{ OpenAPIV3Schema schema }
				}
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(document), &crd))
		for _, version := range crd.Spec.Versions {
			s := version.Schema.OpenAPIV3Schema
			closeObjects(s)
			maps.Copy(s["properties"].(schema), schema{"apiVersion": schema{}, "kind": schema{}, "metadata": schema{"type": "object"}})
			writeSchema(t, folder, crd.Spec.Group, version.Name, crd.Spec.Names.Kind, s)
		}
	}
}

// readOpenAPI returns the definitions of the API server's /openapi/v2, each closed.
func readOpenAPI(t *testing.T) schema {
	t.Helper()
	client, err := rest.HTTPClientFor(plane.Config)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, plane.Config.Host+"/openapi/v2", nil)
	require.NoError(t, err)
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var document struct{ Definitions schema }
	require.NoError(t, json.Unmarshal(content, &document))
	if len(document.Definitions) < 300 {
		t.Fatalf("only %d definitions: %.300s", len(document.Definitions), content)
	}
	for name, definition := range document.Definitions {
		closeObjects(definition.(schema))
		if strings.HasSuffix(name, ".api.resource.Quantity") {
			definition.(schema)["type"] = []string{"string", "number"}
		}
	}
	return document.Definitions
}

// closeObjects lets an object have no fields but those it names, as the API server does that is asked to be strict, and
// spells what Kubernetes' dialect of OpenAPI says in JSON Schema.
func closeObjects(s schema) {
	properties, named := s["properties"].(schema)
	if _, open := s["additionalProperties"]; named && !open && s["x-kubernetes-preserve-unknown-fields"] != true && s["x-kubernetes-embedded-resource"] != true {
		s["additionalProperties"] = false
	}
	if s["x-kubernetes-int-or-string"] == true || s["format"] == "int-or-string" {
		s["type"] = []string{"integer", "string"}
		delete(s, "format")
		delete(s, "anyOf")
	}
	for _, property := range properties {
		closeObjects(property.(schema))
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, is := s[key].(schema); is {
			closeObjects(inner)
		}
	}
}

// collectDefinitions returns what a schema refers to, and what that refers to.
func collectDefinitions(all schema, from any) schema {
	found := schema{}
	var collect func(any)
	collect = func(at any) {
		switch at := at.(type) {
		case schema:
			for _, key := range slices.Sorted(maps.Keys(at)) {
				reference, is := at[key].(string)
				if name := strings.TrimPrefix(reference, "#/definitions/"); is && key == "$ref" && found[name] == nil {
					found[name] = all[name]
					collect(all[name])
				}
				collect(at[key])
			}
		case []any:
			for _, inner := range at {
				collect(inner)
			}
		}
	}
	collect(from)
	return found
}
