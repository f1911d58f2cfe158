package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// The sizes of the two largest prompts met in public collections.
var realSizes = []int{231_376, 149_235}

// TestAPIServer_TakesWhatTheCompilerTakes creates prompts at the limits, past which both refuse.
func TestAPIServer_TakesWhatTheCompilerTakes(t *testing.T) {
	arguments := func(n int) v1alpha1.PromptSpec {
		spec := v1alpha1.PromptSpec{Text: "x"}
		for i := range n {
			spec.Arguments = append(spec.Arguments, v1alpha1.Argument{Name: fmt.Sprintf("a%d", i)})
		}
		return spec
	}
	messages := func(sizes ...int) v1alpha1.PromptSpec {
		var spec v1alpha1.PromptSpec
		for _, size := range sizes {
			spec.Messages = append(spec.Messages, v1alpha1.Message{Role: v1alpha1.RoleUser, Text: strings.Repeat("x", size)})
		}
		return spec
	}
	for name, tc := range map[string]struct {
		spec     v1alpha1.PromptSpec
		accepted bool
	}{
		"a real prompt":                {v1alpha1.PromptSpec{Text: strings.Repeat("x", realSizes[0])}, true},
		"another":                      {v1alpha1.PromptSpec{Text: strings.Repeat("x", realSizes[1])}, true},
		"a text at the limit":          {v1alpha1.PromptSpec{Text: strings.Repeat("é", prompt.MaxText/2)}, true},
		"a text of a byte more":        {v1alpha1.PromptSpec{Text: strings.Repeat("é", prompt.MaxText/2) + "x"}, false},
		"messages at the limit":        {messages(prompt.MaxText-1, 1), true},
		"messages of a byte more":      {messages(prompt.MaxText, 1), false},
		"as many arguments as allowed": {arguments(prompt.MaxArguments), true},
		"an argument more":             {arguments(prompt.MaxArguments + 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPrompt("large", tc.spec)
			err := api.Create(t.Context(), p, client.DryRunAll, client.FieldValidation("Strict"))
			if accepted := err == nil; accepted != tc.accepted {
				t.Errorf("the API server: accepted is %t: %.300v", accepted, err)
			}
			_, err = prompt.Compile(promptobject.SpecOf(&tc.spec), nil)
			if accepted := err == nil; accepted != tc.accepted {
				t.Errorf("the compiler: accepted is %t: %v", accepted, err)
			}
		})
	}
}

// TestAPIServer_ReadsNumbersAsTheCompilerDoes holds the rule for values of type Number against the compiler's.
func TestAPIServer_ReadsNumbersAsTheCompilerDoes(t *testing.T) {
	for _, value := range []string{
		"0", "-0", "7", "10", "0.5", "-12.25", "1e6", "1E-7", "2.5e+10",
		"", "-", "01", ".5", "5.", "1e", "+1", "0x10", "1_000", "١", "1\n", " 1", "NaN",
	} {
		spec := v1alpha1.PromptSpec{Text: "x", Arguments: []v1alpha1.Argument{{Name: "n", Type: "Number", Default: &value}}}
		_, compiled := prompt.Compile(promptobject.SpecOf(&spec), nil)
		created := api.Create(t.Context(), newPrompt("number", spec), client.DryRunAll)
		if (compiled == nil) != (created == nil) {
			t.Errorf("%q: the compiler says %v, the API server %v", value, compiled, created)
		}
	}
}

// TestPromptStatus_VersionNumbers holds status to numbers that every JSON reader keeps exactly.
func TestPromptStatus_VersionNumbers(t *testing.T) {
	const largest = 1<<53 - 1
	p := newPrompt("numbers", v1alpha1.PromptSpec{Text: "x"})
	if err := api.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for name, status := range map[string]func(version int64) v1alpha1.PromptStatus{
		"version":       func(v int64) v1alpha1.PromptStatus { return v1alpha1.PromptStatus{Version: v} },
		"servedVersion": func(v int64) v1alpha1.PromptStatus { return v1alpha1.PromptStatus{ServedVersion: v} },
		"channels": func(v int64) v1alpha1.PromptStatus {
			return v1alpha1.PromptStatus{Channels: []v1alpha1.ChannelStatus{{Name: "latest", Version: v}}}
		},
		"includes": func(v int64) v1alpha1.PromptStatus {
			return v1alpha1.PromptStatus{Includes: []v1alpha1.IncludeStatus{{Name: "other", Version: v}}}
		},
	} {
		for version, accepted := range map[int64]bool{largest: true, largest + 1: false} {
			p.Status = status(version)
			err := api.Status().Update(t.Context(), p, client.DryRunAll)
			if (err == nil) != accepted {
				t.Errorf("%s %d: accepted is %t: %v", name, version, err == nil, err)
			}
		}
	}
}
