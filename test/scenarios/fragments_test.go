package scenarios

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// testCycle closes a circle of includes and goes on working elsewhere: nobody in the
// circle gets another version.
func testCycle(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("a", "A"), s.newPrompt("b", "B {{> a}}"), s.newPrompt("outside", "O {{> a}}"), s.newPrompt("elsewhere", "0")))
	require.NoError(t, s.waitUntilPublished(ctx))
	require.NoError(t, s.editText(ctx, "a", "A {{> b}}"))
	versions := func() map[string]int64 {
		got := map[string]int64{}
		for _, name := range []string{"a", "b"} {
			p, err := s.waitForReason(ctx, name, v1alpha1.ReasonIncludeCycle)
			require.NoError(t, err)
			got[name] = p.Status.Version
		}
		return got
	}
	before := versions()
	for i := range 40 {
		text := fmt.Sprintf("%d {{> a}}", i)
		require.NoError(t, s.editText(ctx, "elsewhere", text))
		_, err := s.waitForReason(ctx, "elsewhere", v1alpha1.ReasonPublished)
		require.NoError(t, err)
		require.NoError(t, s.waitUntilServed(ctx, "elsewhere", nil, fmt.Sprintf("%d A", i)))
	}
	if diff := cmp.Diff(before, versions()); diff != "" {
		t.Errorf("the circle went on (-before +after):\n%s", diff)
	}
	var rows map[string]int64
	require.NoError(t, s.queryRow(ctx, []any{&rows}, `
		select jsonb_object_agg(name, n) from (
		  select name, count(*) as n from prompts join prompt_versions on prompt_id = id
		   where namespace = $1 and name in ('a', 'b') group by name) as counted`, s.namespace))
	if diff := cmp.Diff(map[string]int64{"a": 1, "b": 1}, rows); diff != "" {
		t.Errorf("stored versions (-want +got):\n%s", diff)
	}
	require.NoError(t, s.waitUntilServed(ctx, "b", nil, "B A"))
}

const (
	dependents = 1000
	editions   = 10
)

// testThousandDependents edits a fragment that a thousand prompts include, ten times, while a person
// edits another prompt: the person does not wait for the thousand.
func testThousandDependents(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, largeStack(t))
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("style", "edition 0"), s.newPrompt("person", "0")))
	group, creating := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range dependents {
		group.Go(func() error {
			return s.createPrompts(creating, s.newPrompt(dependentName(i), fmt.Sprintf("%d {{> style}}", i)))
		})
	}
	require.NoError(t, group.Wait())
	require.NoError(t, s.waitUntilPublished(ctx))

	edits := s.editMeanwhile(t, func() error {
		for edition := range editions {
			if err := s.editText(ctx, "style", fmt.Sprintf("edition %d", edition+1)); err != nil {
				return err
			}
			if _, err := s.waitForReason(ctx, "style", v1alpha1.ReasonPublished); err != nil {
				return err
			}
		}
		return s.waitUntilAllInclude(ctx, editions+1)
	})
	var took []time.Duration
	waiting, passed := 0, 0
	for _, e := range edits {
		took = append(took, e.took)
		if e.behind >= dependents/2 {
			waiting, passed = waiting+1, max(passed, e.passed)
		}
	}
	slices.Sort(took)
	t.Logf("%d edits elsewhere meanwhile, apply to Ready: p50 %v, p99 %v, longest %v", len(took),
		took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	t.Logf("%d of them while %d or more dependents were behind; at most %d dependents came first", waiting, dependents/2, passed)
	if waiting == 0 || passed >= dependents*2/5 {
		t.Error("edits elsewhere do not overtake the dependents")
	}

	var least, most, last int
	require.NoError(t, s.queryRow(ctx, []any{&least, &most, &last}, `
		select min(highest_version)::int - 1, max(highest_version)::int - 1,
		       count(*) filter (where v.content = substring(name from 5)::int || ' edition ' || $2::text)::int
		  from prompts p join prompt_versions v on v.prompt_id = p.id and v.version = p.default_version
		 where namespace = $1 and name like 'dep-%'`, s.namespace, strconv.Itoa(editions)))
	t.Logf("new versions of a dependent: %d to %d for %d edits", least, most, editions)
	if most > editions || least < 1 || last != dependents {
		t.Errorf("%d to %d new versions, %d of %d with the last text", least, most, last, dependents)
	}
	for i := 0; i < dependents; i += 100 {
		require.NoError(t, s.waitUntilServed(ctx, dependentName(i), nil, fmt.Sprintf("%d edition %d", i, editions)))
	}
}

func dependentName(i int) string { return fmt.Sprintf("dep-%04d", i) }

// unrelatedEdit is one edit of another prompt.
type unrelatedEdit struct {
	took time.Duration // from apply to Ready
	// behind are the dependents that waited for their turn before it, passed those that were published
	// between it and its own publish: by the times in the database.
	behind, passed int
}

// editMeanwhile edits a prompt again and again while work goes on.
func (s *scenario) editMeanwhile(t *testing.T, work func() error) (edits []unrelatedEdit) {
	t.Helper()
	ctx := t.Context()
	done := make(chan error, 1)
	go func() { done <- work() }()
	for i := 1; ; i++ {
		select {
		case err := <-done:
			require.NoError(t, err)
			return edits
		default:
		}
		var e unrelatedEdit
		if i == 1 { // that an edit overtakes shows only where there is what to overtake
			require.NoError(t, wait.Until(ctx, s.checkManyOutdated))
		}
		var err error
		e.behind, err = s.countOutdatedDependents(ctx)
		require.NoError(t, err)
		began := time.Now()
		require.NoError(t, s.editText(ctx, "person", strconv.Itoa(i)))
		// What comes first is counted from when the edit was there to be seen: how long a busy machine took to write it says nothing.
		var at time.Time
		require.NoError(t, s.queryRow(ctx, []any{&at}, "select clock_timestamp()"))
		p, err := s.waitForReason(ctx, "person", v1alpha1.ReasonPublished)
		require.NoError(t, err)
		e.took = time.Since(began)
		require.NoError(t, s.queryRow(ctx, []any{&e.passed}, `
			with ours as (select name, version, published_at from prompts join prompt_versions on prompt_id = id where namespace = $1)
			select count(*)::int from ours where name like 'dep-%' and published_at > $2
			   and published_at < (select published_at from ours where name = 'person' and version = $3)`, s.namespace, at, p.Status.Version))
		edits = append(edits, e)
	}
}

// checkManyOutdated returns an error until half of the dependents are behind.
func (s *scenario) checkManyOutdated(ctx context.Context) error {
	behind, err := s.countOutdatedDependents(ctx)
	if err == nil && behind < dependents/2 {
		err = fmt.Errorf("%d dependents are behind", behind)
	}
	return err
}

// countOutdatedDependents counts the dependents that include an older fragment than the newest.
func (s *scenario) countOutdatedDependents(ctx context.Context) (behind int, err error) {
	err = s.queryRow(ctx, []any{&behind}, `
		select (count(*) filter (where (v.includes->0->>'version')::bigint < f.default_version))::int
		  from prompts p
		  join prompt_versions v on v.prompt_id = p.id and v.version = p.default_version
		  join prompts f on f.namespace = p.namespace and f.name = 'style'
		 where p.namespace = $1 and p.name like 'dep-%'`, s.namespace)
	return behind, err
}

// waitUntilAllInclude waits until every dependent includes this version of the fragment, the newest, as long as
// those behind become fewer.
func (s *scenario) waitUntilAllInclude(ctx context.Context, version int64) error {
	for left := dependents + 1; left > 0; {
		behind := 0
		err := s.waitWhileControllerRuns(ctx, func(ctx context.Context) (err error) {
			if behind, err = s.countOutdatedDependents(ctx); err == nil && behind >= left {
				err = fmt.Errorf("%d dependents are behind, and do not become fewer", behind)
			}
			return err
		})
		if err != nil {
			return err
		}
		left = behind
	}
	for i := range dependents {
		if err := s.waitUntilNewestIncluded(ctx, dependentName(i), version); err != nil {
			return err
		}
	}
	return nil
}

// testNothingButIncludes applies prompts that would expand without end, and expects a refusal that
// costs the controller little.
func testNothingButIncludes(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("big", strings.Repeat("x", 128<<10)), s.newPrompt("f", "small")))
	require.NoError(t, s.waitUntilPublished(ctx))
	var distinct strings.Builder
	for i := 0; distinct.Len() < 128<<10-20; i++ {
		fmt.Fprintf(&distinct, "{{> f-%d}}", i)
	}
	before := s.peakMemory(t)
	for name, tc := range map[string]struct{ text, message string }{
		"many-small":    {strings.Repeat("{{> f}}", 128<<10/7), "1000"},
		"many-big":      {strings.Repeat("{{> big}}", 128<<10/9), "include"},
		"many-distinct": {distinct.String(), "64"},
		"few-big":       {strings.Repeat("{{> big}}", 900), "524288"},
	} {
		require.NoError(t, s.createPrompts(ctx, s.newPrompt(name, tc.text)))
		p, err := s.waitForReason(ctx, name, v1alpha1.ReasonLimitExceeded)
		require.NoError(t, err)
		_, message := readyCondition(p)
		t.Logf("%s: %s", name, message)
		if !strings.Contains(message, tc.message) || p.Status.Version != 0 {
			t.Errorf("%s has version %d and says %q; want %q in it", name, p.Status.Version, message, tc.message)
		}
	}
	after := s.peakMemory(t)
	t.Logf("the controller's memory: at most %d MiB before, %d MiB after", before>>20, after>>20)
	const allowed = 256 << 20
	if after > before+allowed {
		t.Errorf("refusing four prompts took %d MiB", (after-before)>>20)
	}
}

// peakMemory returns the most memory the controller has had, in bytes.
func (s *scenario) peakMemory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid(testenv.Controller)))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.Atoi(fields[1])
			require.NoError(t, err)
			return kib << 10
		}
	}
	t.Fatal("the kernel does not say VmHWM")
	return 0
}
