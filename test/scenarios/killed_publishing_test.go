package scenarios

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// kills is how often the controller dies at every fault point.
const kills = 20

// chapter is what a user does while the controller is down.
type chapter struct {
	name string
	act  func(context.Context, *scenario) error
	// end waits until there is nothing left to do.
	end func(context.Context, *scenario) error
}

// standalonePrompts are prompts that stand alone; beside them a page includes the fragment style.
var standalonePrompts = []string{"p0", "p1", "p2", "p3", "p4", "p5"}

func chapters() []chapter {
	everything := append([]string{"page", "style"}, standalonePrompts...)
	return []chapter{
		{
			name: "create",
			act: func(ctx context.Context, s *scenario) error {
				for _, name := range standalonePrompts {
					p := s.newPrompt(name, "First text of "+name+" for {{who}}")
					p.Spec.Channels = []v1alpha1.Channel{{Name: "production"}}
					if err := s.createPrompts(ctx, p); err != nil {
						return err
					}
				}
				return s.createPrompts(ctx, s.newPrompt("page", "Top {{> style}}"), s.newPrompt("style", "plain"))
			},
			end: func(ctx context.Context, s *scenario) error { return s.waitUntilPublished(ctx) },
		},
		{
			name: "edit",
			act: func(ctx context.Context, s *scenario) error {
				for _, name := range standalonePrompts {
					if err := s.editText(ctx, name, "Second text of "+name); err != nil {
						return err
					}
				}
				return s.editText(ctx, "style", "fancy")
			},
			end: func(ctx context.Context, s *scenario) error {
				return errors.Join(s.waitUntilPublished(ctx), s.waitUntilNewestIncluded(ctx, "page", 2))
			},
		},
		{
			name: "delete",
			act:  func(ctx context.Context, s *scenario) error { return s.deletePrompts(ctx, everything...) },
			end:  func(ctx context.Context, s *scenario) error { return s.waitUntilGone(ctx, everything...) },
		},
	}
}

// waitUntilNewestIncluded waits until a page went along with its fragment.
func (s *scenario) waitUntilNewestIncluded(ctx context.Context, name string, version int64) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		p, err := s.waitForReason(ctx, name, v1alpha1.ReasonPublished)
		if err == nil && (len(p.Status.Includes) != 1 || p.Status.Includes[0].Version != version) {
			err = fmt.Errorf("%s includes %+v; want version %d", name, p.Status.Includes, version)
		}
		return err
	})
}

// killsPerChapter returns how many of the kills fall into each chapter: only a deletion gets as far as the
// removal, only the others compile and publish.
func killsPerChapter(point faultpoint.Name) map[string]int {
	switch point {
	case faultpoint.Removed:
		return map[string]int{"delete": kills}
	case faultpoint.Fetched:
		return map[string]int{"create": kills / 4, "edit": kills / 4, "delete": kills / 2}
	default:
		return map[string]int{"create": kills / 2, "edit": kills / 2}
	}
}

// testKilledAtEveryStep kills the controller at each of its steps, again and again, and expects the
// end that comes without kills. No kill is idle: until a chapter's last start nothing in it can be
// finished, because every start dies at the point before it could be.
func testKilledAtEveryStep(t *testing.T) {
	stack := killableStack(t)
	undisturbed := playChapters(t, stack, "", nil)
	for _, point := range faultpoint.ReconcilePoints() {
		t.Run(string(point), func(t *testing.T) {
			began := time.Now()
			if diff := cmp.Diff(undisturbed, playChapters(t, stack, point, killsPerChapter(point))); diff != "" {
				t.Errorf("the end (-without kills +with):\n%s", diff)
			}
			t.Logf("%d kills in %v", kills, time.Since(began).Round(time.Second))
		})
	}
}

// playChapters plays the chapters in a scenario of their own and returns what is there after each.
func playChapters(t *testing.T, stack *testenv.Stack, point faultpoint.Name, planned map[string]int) []finalState {
	t.Helper()
	ctx := t.Context()
	s := startScenario(t, stack)
	var after []finalState
	for _, c := range chapters() {
		s.Terminate(testenv.Controller)
		require.NoError(t, c.act(ctx, s))
		for i := range planned[c.name] {
			require.NoError(t, s.Launch(testenv.Controller, "LECTERN_FAULTPOINT="+string(point)))
			if err := s.waitUntilControllerKilledItself(ctx); err != nil {
				t.Fatalf("kill %d of %s: %v", i+1, c.name, err)
			}
		}
		require.NoError(t, s.Launch(testenv.Controller))
		require.NoError(t, c.end(ctx, s))
		after = append(after, s.readFinalState(t))
	}
	return after
}

// waitUntilControllerKilledItself waits until the controller has killed itself.
func (s *scenario) waitUntilControllerKilledItself(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	exit := s.WaitForExit(ctx, testenv.Controller)
	if exit == nil {
		return errors.New("the controller passed the fault point or never came to it")
	}
	if status, is := exit.Sys().(syscall.WaitStatus); !is || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the controller ended by itself: %s", exit)
	}
	return nil
}

// finalState is all that remains of a chapter, without what differs between two runs.
type finalState struct {
	Statuses map[string]v1alpha1.PromptStatus
	Rows     []string
}

func (s *scenario) readFinalState(t *testing.T) finalState {
	t.Helper()
	st := finalState{Statuses: map[string]v1alpha1.PromptStatus{}}
	var all v1alpha1.PromptList
	require.NoError(t, s.listObjects(t.Context(), &all))
	for _, p := range all.Items {
		for i := range p.Status.Conditions {
			p.Status.Conditions[i].LastTransitionTime = metav1.Time{}
		}
		p.Status.ServedSince = nil
		st.Statuses[p.Name] = p.Status
	}
	require.NoError(t, s.queryRow(t.Context(), []any{&st.Rows}, `
		with mine as (select * from prompts where namespace = $1)
		select array_agg(line order by line) from (
		  select format('%s: generation %s, highest %s, latest %s, default %s, %s, tombstone %s',
		    name, generation, highest_version, latest_version, default_version, digest, deleted_at is not null) from mine
		  union all
		  select format('%s: version %s, %s, %s', name, version, v.digest, includes)
		    from mine join prompt_versions v on v.prompt_id = mine.id
		  union all
		  select format('%s: channel %s at %s', mine.name, c.name, version)
		    from mine join prompt_channels c on c.prompt_id = mine.id
		  union all
		  select format('%s: %s moved from %s to %s', mine.name, m.name, from_version, to_version)
		    from mine join prompt_channel_moves m on m.prompt_id = mine.id
		) as lines (line)`, s.namespace))
	return st
}

// queryRow asks the database for one row.
func (s *scenario) queryRow(ctx context.Context, into []any, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, s.OwnerURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return conn.QueryRow(ctx, sql, args...).Scan(into...)
}
