package v1alpha1_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/manifest"
)

// TestKubectl_AgreesWithTheReaderOfManifests hands every file of the corpus to kubectl, which applies it to a real API server
// on the client's side and on the server's, and to the reader of manifests: verdicts and values must be the same.
func TestKubectl_AgreesWithTheReaderOfManifests(t *testing.T) {
	reader, err := manifest.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	for way, flags := range map[string][]string{"client": nil, "server": {"--server-side"}} {
		corpus := manifestCorpus(t, way[:1]+"-")
		dir := t.TempDir()
		for _, f := range corpus {
			if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		said, err := plane.Kubectl(t.Context(), slices.Concat([]string{"apply", "--filename", dir}, flags)...)
		if err == nil {
			t.Fatal("kubectl refused nothing")
		}
		served := servedSpecs(t)
		taken := 0
		for _, f := range corpus {
			name := strings.TrimSuffix(f.name, ".yaml")
			reason := cmp.Or(knownDifferences[name], knownDifferences[way+" "+name])
			accepted := !strings.Contains(said, filepath.Join(dir, f.name)) && (len(f.objects) > 0 || f.empty)
			for _, object := range f.objects {
				accepted = accepted && served[object] != nil
			}
			if accepted {
				taken++
			}
			set := reader.Read(manifest.File{Name: f.name, Content: []byte(f.content)})
			var differs string
			if ours := acceptedBy(t, way, set); ours != accepted {
				differs = fmt.Sprintf("kubectl: accepted is %t; the reader: %t: %v %v", accepted, ours, set.Problems, set.Foreign)
			}
			if accepted && differs == "" {
				for name, spec := range readSpecs(set) {
					if diff := gocmp.Diff(served[name], valueOf(t, spec)); diff != "" {
						differs = "(-kubectl +reader)\n" + diff
					}
				}
			}
			switch {
			case differs != "" && reason == "":
				t.Errorf("%s %s: %s", way, name, differs)
			case differs == "" && reason != "":
				t.Errorf("%s %s: no difference, though one is listed: %s", way, name, reason)
			}
		}
		t.Logf("%s: kubectl takes %d of %d files", way, taken, len(corpus))
		if taken < 100 || len(corpus)-taken < 100 {
			t.Errorf("%s: kubectl takes %d of %d files, and of both there should be many", way, taken, len(corpus))
		}
	}
}

// knownDifferences are the files on which the reader and kubectl differ, each with why.
var knownDifferences = func() map[string]string {
	known := map[string]string{
		"spec.very-deep-metadata":       "more than 64 mappings inside each other are a bound of ours, so that a hostile file costs little",
		"server spec.escaped-next-line": "server-side apply makes a blank of U+0085 without a word, which the reader says",
		"client spec.nulls-in-metadata": "kubectl apply drops nulls even in a free object, and server-side apply keeps them; the reader keeps them",
	}
	for encoding := range corpusEncodings {
		for shape, reason := range map[string]string{
			"doubled-key":          "kubectl drops one of the two without a word; an API server that is sent the file itself refuses it, and so do others that read YAML",
			"json-doubled-key":     "as doubled-key",
			"words-behind-the-end": "kubectl takes the document to be over and drops the rest without a word",
			"words-behind-braces":  "as words-behind-the-end",
			"own-tag":              "kubectl drops the tag without a word, and it is a word of the text that a person meant",
		} {
			if encoding != "utf16le-nobom" {
				known["shape."+shape+"."+encoding] = reason
			}
		}
	}
	return known
}()

// acceptedBy says whether the reader expects a way of applying to take a file whole.
func acceptedBy(t *testing.T, way string, set manifest.Set) bool {
	t.Helper()
	for _, p := range slices.Concat(set.Problems, set.Foreign) {
		if !p.Warning && (way == "server" || !p.ServerSide) {
			return false
		}
	}
	for _, m := range sourcesOf(set) {
		size, err := m.LastAppliedSize()
		if err != nil {
			t.Fatal(err)
		}
		if way == "client" && size > manifest.MaxAnnotations {
			return false
		}
	}
	return true
}

// sourcesOf are the objects of both kinds that the reader takes.
func sourcesOf(set manifest.Set) []*manifest.Source {
	var all []*manifest.Source
	for _, m := range set.Manifests {
		all = append(all, &m.Source)
	}
	for _, m := range set.Connections {
		all = append(all, &m.Source)
	}
	return all
}

// readSpecs are the specs that the reader takes, by name.
func readSpecs(set manifest.Set) map[string]any {
	specs := map[string]any{}
	for _, m := range set.Manifests {
		specs[m.Prompt.Name] = m.Prompt.Spec
	}
	for _, m := range set.Connections {
		specs[m.Connection.Name] = m.Connection.Spec
	}
	return specs
}

// servedSpecs reads the specs that the API server has by now, by name.
func servedSpecs(t *testing.T) map[string]any {
	t.Helper()
	var prompts v1alpha1.PromptList
	var connections v1alpha1.SDPConnectionList
	for _, list := range []client.ObjectList{&prompts, &connections} {
		if err := api.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	specs := map[string]any{}
	for _, p := range prompts.Items {
		specs[p.Name] = valueOf(t, p.Spec)
	}
	for _, c := range connections.Items {
		specs[c.Name] = valueOf(t, c.Spec)
	}
	return specs
}

// valueOf reads a spec as plain JSON, so that a free object counts by what it says.
func valueOf(t *testing.T, spec any) any {
	t.Helper()
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
