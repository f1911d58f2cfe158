package servicedesk_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// deskRules is the fragment that the prompts for the desk include.
const deskRules = "desk-rules"

// deskPrompt is a prompt of config/samples/servicedesk, compiled.
type deskPrompt struct {
	name      string
	compiled  *prompt.Compiled
	arguments []v1alpha1.Argument
	// tools are those that its metadata names, toolsets those of a connection that it is good for.
	tools, toolsets []string
}

// readDeskPrompts compiles config/samples/servicedesk.
func readDeskPrompts(t testing.TB) []deskPrompt {
	t.Helper()
	paths, err := filepath.Glob("../../config/samples/servicedesk/*.yaml")
	require.NoError(t, err)
	objects := map[string]*v1alpha1.Prompt{}
	for _, path := range paths {
		text, err := os.ReadFile(filepath.Clean(path))
		require.NoError(t, err)
		object := &v1alpha1.Prompt{}
		require.NoError(t, yaml.UnmarshalStrict(text, object))
		objects[object.Name] = object
	}
	rules, err := prompt.Compile(promptobject.SpecOf(&objects[deskRules].Spec), nil)
	require.NoError(t, err)
	var prompts []deskPrompt
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		if name == deskRules {
			continue
		}
		spec := promptobject.SpecOf(&objects[name].Spec)
		refs, err := prompt.IncludedRefs(spec)
		require.NoError(t, err)
		if len(refs) != 1 || refs[0].Name != deskRules {
			t.Fatalf("%s includes %v, and not the rules alone", name, refs)
		}
		compiled, err := prompt.Compile(spec, map[prompt.Ref]prompt.Fragment{refs[0]: {Name: deskRules, Version: 1, Syntax: rules.Document.Syntax, Messages: rules.Document.Messages}})
		require.NoError(t, err)
		var metadata struct{ Tools, Toolsets []string }
		require.NoError(t, json.Unmarshal(objects[name].Spec.Metadata.Raw, &metadata))
		prompts = append(prompts, deskPrompt{name, compiled, objects[name].Spec.Arguments, metadata.Tools, metadata.Toolsets})
	}
	if len(prompts) != 5 {
		t.Fatalf("there are %d prompts for the desk", len(prompts))
	}
	return prompts
}

// render renders a prompt with values for its required arguments, or for all.
func (p *deskPrompt) render(t testing.TB, all bool) string {
	t.Helper()
	values := map[string]string{}
	for _, a := range p.arguments {
		isRequired := a.Default == nil && (a.Required == nil || *a.Required)
		switch {
		case !all && !isRequired:
		case a.Type == v1alpha1.ArgumentTypeInteger:
			values[a.Name] = "7"
		case a.Type == v1alpha1.ArgumentTypeBoolean:
			values[a.Name] = "true"
		default:
			values[a.Name] = "VALUE-OF-" + a.Name
		}
	}
	template, err := prompt.NewTemplate(&p.compiled.Document)
	require.NoError(t, err)
	messages, err := template.Render(values)
	require.NoError(t, err)
	var text strings.Builder
	for _, m := range messages {
		text.WriteString(m.Text + "\n")
	}
	for name, value := range values {
		if strings.HasPrefix(value, "VALUE-") && !strings.Contains(text.String(), value) {
			t.Errorf("%s: the argument %s is nowhere in the text", p.name, name)
		}
	}
	return text.String()
}

// quoted is what a prompt for the desk has between backticks: a tool, an argument of one, or an argument with its value.
var quoted = regexp.MustCompile("`([^`]*)`")

// TestDeskPrompts: the prompts for the desk render with what they declare, name tools that a connection with their toolsets offers, and
// arguments and values that those take.
func TestDeskPrompts(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for _, p := range readDeskPrompts(t) {
		h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Mode, s.Access.Toolsets = "ReadWrite", p.toolsets })
		offered := h.serve().list("")
		takes := map[string]map[string][]string{} // of each tool, the arguments and their values
		for _, name := range p.tools {
			listed, is := offered[name]
			if !is {
				t.Errorf("%s: a connection with %v does not offer %s", p.name, p.toolsets, name)
				continue
			}
			takes[name] = argumentsOf(t, listed.InputSchema)
		}
		for _, all := range []bool{false, true} {
			text := p.render(t, all)
			if strings.Contains(text, "{{") || strings.Contains(text, "}}") || !strings.Contains(text, "never an instruction") {
				t.Errorf("%s: something is left of the template:\n%s", p.name, text)
			}
			var named []string
			for _, found := range quoted.FindAllStringSubmatch(text, -1) {
				word := found[1]
				if _, is := takes[word]; is {
					named = append(named, word)
				} else if problem := checkArgument(takes, word); problem != "" {
					t.Errorf("%s: `%s` is %s", p.name, word, problem)
				}
			}
			slices.Sort(named)
			want := slices.Sorted(slices.Values(p.tools))
			if diff := cmp.Diff(want, slices.Compact(named)); all && diff != "" {
				t.Errorf("%s: the tools of the metadata are not those of the text (-metadata +text)\n%s", p.name, diff)
			}
		}
	}
}

// argumentsOf returns the arguments of a schema, with the values that one of a few has.
func argumentsOf(t testing.TB, schema json.RawMessage) map[string][]string {
	t.Helper()
	type property struct {
		Enum  []string
		Items struct{ Enum []string }
	}
	var read struct{ Properties map[string]property }
	require.NoError(t, json.Unmarshal(schema, &read))
	arguments := map[string][]string{}
	for name, p := range read.Properties {
		arguments[name] = slices.Concat(p.Enum, p.Items.Enum)
	}
	return arguments
}

// checkArgument returns what is wrong with a word that should be an argument of one of some tools, perhaps with a value.
func checkArgument(takes map[string]map[string][]string, word string) (problem string) {
	name, value, hasValue := strings.Cut(word, "=")
	problem = "neither a tool of the prompt nor an argument of one"
	for _, arguments := range takes {
		values, is := arguments[name]
		if !is {
			continue
		}
		if !hasValue || values == nil || slices.Contains(values, value) {
			return ""
		}
		problem = "a value that the argument does not take"
	}
	return problem
}

// TestCheckArgument: the check of the test above finds what it looks for.
func TestCheckArgument(t *testing.T) {
	t.Parallel()
	takes := map[string]map[string][]string{"list": {"view": {"open", "all"}, "group": nil}}
	for word, isRight := range map[string]bool{"view": true, "view=open": true, "view=mine": false, "group=Any one": true, "groups": false, "list": false} {
		if problem := checkArgument(takes, word); (problem == "") != isRight {
			t.Errorf("%s: %q", word, problem)
		}
	}
}
