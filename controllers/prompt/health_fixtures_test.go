package prompt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/golden"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// healthFixtures is where the objects are that config/argocd/health.lua is tested with.
const healthFixtures = "../../config/argocd/testdata/prompts"

// TestHealthFixtures holds the fixtures of Argo CD's health to the statuses that this package writes.
func TestHealthFixtures(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for name, p := range newHealthFixtures(t) {
		names[name+".yaml"] = true
		path := filepath.Join(healthFixtures, name+".yaml")
		text, err := yaml.Marshal(p)
		require.NoError(t, err)
		if *golden.Update {
			require.NoError(t, os.WriteFile(path, text, 0o644))
		}
		file, err := os.ReadFile(path)
		require.NoError(t, err)
		if diff := cmp.Diff(string(file), string(text)); diff != "" {
			t.Errorf("%s (-file +test; go test -update writes it):\n%s", path, diff)
		}
	}
	entries, err := os.ReadDir(healthFixtures)
	require.NoError(t, err)
	for _, entry := range entries {
		if !names[entry.Name()] {
			t.Errorf("%s is no fixture of this test", entry.Name())
		}
	}
}

// newHealthFixtures returns a Prompt in every state, by the name of the state.
func newHealthFixtures(t *testing.T) map[string]*v1alpha1.Prompt {
	t.Helper()
	r := &Reconciler{}
	live := store.Published{
		Version: 7, Served: 3, Digest: "sha256:" + prompt.Digest(strings.Repeat("5e", 32)),
		ServedSince: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Channels:    []store.Channel{{Name: "latest", Version: 7}, {Name: "production", Version: 3}},
	}
	published := func() *v1alpha1.Prompt {
		p := newHealthFixture(3)
		return finishFixture(p, r.recordPublished(p, &prompt.Compiled{}, live))
	}
	deleted := func(p *v1alpha1.Prompt) *v1alpha1.Prompt {
		p.DeletionTimestamp = &metav1.Time{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		return p
	}
	edited := func(p *v1alpha1.Prompt) *v1alpha1.Prompt {
		p.Generation++
		return p
	}
	// What was published before stays in the status when a later edit fails.
	failed := func(err error) *v1alpha1.Prompt { return finishFixture(edited(published()), r.outcomeOf(err)) }
	unmet := func(change func(*store.Published)) *v1alpha1.Prompt {
		p, live := edited(published()), live
		change(&live)
		return finishFixture(p, r.recordPublished(p, &prompt.Compiled{}, live))
	}

	fresh := newHealthFixture(1)
	fresh.Status.ObservedGeneration = -1
	unpublished := newHealthFixture(1)
	unpublished.Spec.Suspend = true
	suspended := edited(published())
	suspended.Spec.Suspend = true

	others := published()
	others.Status.Controller = "other-team/lectern-controller"
	claimed := newHealthFixture(1)
	claimed.Status = v1alpha1.PromptStatus{ObservedGeneration: -1, Controller: "lectern-system/lectern-controller"}

	all := map[string]*v1alpha1.Prompt{
		"claimed":                         claimed,
		"published-by-another":            others,
		"fresh":                           fresh,
		"published":                       published(),
		"generation-ahead":                edited(published()),
		"suspended":                       finishFixture(suspended, suspendedOutcome(suspended)),
		"suspended-unpublished":           finishFixture(unpublished, suspendedOutcome(unpublished)),
		"being-deleted":                   deleted(published()),
		"generation-ahead-stalled":        edited(failed(compileError(t, "{{#tone}}"))),
		"being-deleted-stalled":           deleted(failed(compileError(t, "{{#tone}}"))),
		"being-deleted-store-unavailable": deleted(failed(store.ErrUnavailable)),
		"waiting-include-missing":         failed(compileError(t, "{{> house-style}}")),
		"retry-store-unavailable":         failed(store.ErrUnavailable),
		"retry-schema-behind":             failed(store.ErrSchemaBehind),
		"retry-contended":                 failed(store.ErrFragmentsMoved),
		"retry-unexpected":                failed(errors.New("inner")),
		"blocked-invalid-template":        failed(compileError(t, "Dear {{name}},\n{{#tone}}")),
		"blocked-invalid-spec":            failed(compileError(t, "{{tone}}", prompt.Declaration{Name: "tone", Enum: []string{"brief"}, Default: new("loud")})),
		"blocked-limit-exceeded":          failed(compileError(t, strings.Repeat("{{#a}}", 40)+strings.Repeat("{{/a}}", 40))),
		"blocked-include-cycle":           failed(&prompt.IncludeError{Fault: prompt.IncludeCycle, Path: []string{"handover", "house-style", "handover"}}),
		"blocked-store-refused":           failed(&store.UnstorableValueError{Reason: "value too long"}),
		"blocked-foreign-cluster":         failed(&store.ForeignClusterError{Owner: "4f0c", Asked: "9a1b"}),
		"blocked-channel-version-missing": unmet(func(live *store.Published) {
			live.Missing, live.Available = []store.ChannelRule{{Name: "production", Version: 9}}, []int64{7, 3}
		}),
		"blocked-version-in-use": unmet(func(live *store.Published) { live.InUse = []store.VersionInUse{{Version: 2, By: "shift-report"}} }),
	}
	return all
}

// newHealthFixture builds a Prompt of a generation.
func newHealthFixture(generation int64) *v1alpha1.Prompt {
	return &v1alpha1.Prompt{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Prompt"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "handover", Generation: generation},
		Spec:       v1alpha1.PromptSpec{Text: "the text"},
	}
}

// finishFixture writes an outcome into the status, as if it had come at a time that is always the same.
func finishFixture(p *v1alpha1.Prompt, o status.Outcome) *v1alpha1.Prompt {
	p.Status.Controller = "lectern-system/lectern-controller"
	status.SetConditions(p, o)
	for i := range p.Status.Conditions {
		p.Status.Conditions[i].LastTransitionTime = metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	}
	return p
}

// compileError returns what the compiler says of a text.
func compileError(t *testing.T, text string, arguments ...prompt.Declaration) error {
	t.Helper()
	_, err := prompt.Compile(prompt.Spec{Arguments: arguments, Messages: []prompt.Message{{Role: "user", Text: text}}}, nil)
	if err == nil {
		t.Fatalf("%q compiles", text)
	}
	return err
}
