package scenarios

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const (
	agentCount = 50
	killEvery  = 5 * time.Second
	// outcomesPatience is how long requests may take to come to all ends there are, while the controller is killed all the time.
	outcomesPatience = 10 * time.Minute
)

// agentsTime returns how long the agents are at it at least.
func agentsTime() time.Duration {
	if testenv.RaceDetector {
		return 15 * time.Second
	}
	return 60 * time.Second
}

// wantedOutcomes are the ends that requests must come to before the agents stop.
var wantedOutcomes = []string{"Add Published", "Update Published", "Delete Published", "Update Refused " + store.ReasonOwnedElsewhere}

// runEverybody lets everybody loose for a while, and until there is to see what the scenario shows.
func (c *world) runEverybody(t *testing.T) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	folder := t.TempDir()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer cancel()
		pauseBetweenActs(ctx, agentsTime())
		seeing, stop := context.WithTimeout(ctx, outcomesPatience)
		defer stop()
		return wait.Until(seeing, c.checkOutcomesReached)
	})
	for i := range agentCount {
		group.Go(func() error { return c.runAgent(ctx, i) })
	}
	group.Go(func() error { return c.killController(ctx) })
	for i, person := range []func(context.Context, *rand.Rand, int) error{
		func(ctx context.Context, r *rand.Rand, n int) error { return c.kubectlApply(ctx, folder, r, n) },
		c.applyAsPipeline, c.editOwned,
	} {
		group.Go(func() error {
			r := c.randomFor(1000 + i)
			for n := 0; ctx.Err() == nil; n++ {
				if err := person(ctx, r, n); err != nil && ctx.Err() == nil {
					return err
				}
				pauseBetweenActs(ctx, 300*time.Millisecond)
			}
			return nil
		})
	}
	return group.Wait()
}

// checkOutcomesReached returns an error until the controller was killed again and again, and requests came to every end.
func (c *world) checkOutcomesReached(ctx context.Context) error {
	var missing []string
	err := c.queryRow(ctx, []any{&missing}, `
		select array(select unnest($2::text[]) except
		  select concat_ws(' ', action, state, nullif(reason, '')) from prompt_changes where namespace = $1)`, c.namespace, wantedOutcomes)
	if n := c.kills.Load(); err == nil && (n < 2 || len(missing) > 0) {
		err = fmt.Errorf("after %d kills no request has ended %q: the scenario shows nothing", n, missing)
	}
	return err
}

// randomFor returns somebody's choices, which are the same in every run; what they meet is not.
func (c *world) randomFor(who int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(who))) }

// pauseBetweenActs waits the time between two acts of one person; nothing is waited for.
func pauseBetweenActs(ctx context.Context, d time.Duration) {
	wait, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-wait.Done()
}

func (c *world) rememberText(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.humanTexts[name] = append(c.humanTexts[name], text)
}

// killController ends the controller every few seconds, half of the time at a step of a change besides.
func (c *world) killController(ctx context.Context) error {
	r := c.randomFor(2000)
	for {
		_ = c.WaitUntilReady(ctx, testenv.Controller) // or it was killed before that
		life, over := context.WithTimeout(ctx, killEvery)
		c.WaitForExit(life, testenv.Controller)
		over()
		c.Kill(testenv.Controller)
		if ctx.Err() != nil {
			return c.Launch(testenv.Controller)
		}
		var env []string
		if points := faultpoint.ChangePoints(); c.kills.Add(1)%2 == 0 {
			env = []string{"LECTERN_FAULTPOINT=" + string(points[r.IntN(len(points))])}
		}
		if err := c.Launch(testenv.Controller, env...); err != nil {
			return err
		}
	}
}
