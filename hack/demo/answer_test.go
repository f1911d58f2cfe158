package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExpectedAnswer(t *testing.T) {
	t.Parallel()
	got := expectedAnswer("A {{tone}} one for {{ticket}}{{#next_shift}} to {{next_shift}}{{/next_shift}}.\n{{> house-style}}\n{{notes}}\n", "Be kind.\n")
	if diff := cmp.Diff("A brief one for INC-4711.\nBe kind.\n"+arguments["notes"]+"\n", got); diff != "" {
		t.Error(diff)
	}
}

// TestDemo_SampleIsCovered fails when the sample gains a placeholder that expected does not know.
func TestDemo_SampleIsCovered(t *testing.T) {
	t.Parallel()
	const samples = "../../config/samples"
	text, err := sampleText(samples, shown)
	if err != nil {
		t.Fatal(err)
	}
	fragment, err := sampleText(samples, "house-style")
	if err != nil {
		t.Fatal(err)
	}
	want := expectedAnswer(text, fragment)
	if strings.Contains(want, "{{") || !strings.Contains(want, fragment) {
		t.Errorf("not fully replaced:\n%s", want)
	}
	if err := checkAnswer(want, samples); err != nil {
		t.Error(err)
	}
	if err := checkAnswer(want+"x", samples); err == nil {
		t.Error("a wrong answer passed")
	}
}
