package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// takeoversEach is how often a controller ends in each way.
const takeoversEach = 10

// takeover is one way in which a controller ends and another one goes on.
type takeover struct {
	what  string
	limit time.Duration
	end   func(name string)
	// pod is the name of the pod that goes on.
	pod func(n int) string
}

// measureTakeovers measures how long an edit waits that is made when the controller ends, until both servers serve it,
// against what it may take. The defaults of the leader election count.
func (b *bench) measureTakeovers(ctx context.Context) error {
	const namespace = "taken-over"
	t, err := newTenant(ctx, b.stack.ControlPlane, namespace)
	if err != nil {
		return err
	}
	defer t.close()
	watch, err := b.newWatchers(ctx, namespace)
	if err != nil {
		return err
	}
	defer watch.close()
	if err := t.createReady(ctx, "edited", "Text before any change"); err != nil {
		return err
	}
	same := func(int) string { return testenv.ControllerPod }
	another := func(n int) string { return fmt.Sprintf("another-%d", n) }
	var rows []row
	edits := 0
	for _, end := range []takeover{
		{"kill -9, the container starts again", 2 * time.Second, b.stack.Kill, same},
		{"kill -9, another pod starts", 7 * time.Second, b.stack.Kill, another},
		{"SIGTERM, another pod starts", time.Second, b.stack.Terminate, another},
	} {
		b.say("%s, %d times.", end.what, takeoversEach)
		if err := b.restartController(ctx, end.pod(0)); err != nil {
			return err
		}
		var waited series
		for n := range takeoversEach {
			edits++
			if err := b.waitForLease(ctx, t, end.pod(n)); err != nil {
				return err
			}
			began := time.Now()
			end.end(testenv.Controller)
			if err := b.launchController(end.pod(n + 1)); err != nil {
				return err
			}
			if err := t.editText(ctx, "edited", changedText(edits)); err != nil {
				return err
			}
			if err := watch.waitUntilServed(ctx, "edited", edits); err != nil {
				return err
			}
			waited = append(waited, time.Since(began).Seconds())
		}
		rows = append(rows, row{
			measured: end.what + ": the edit waits", against: fmt.Sprintf("%g s", end.limit.Seconds()),
			ratios: waited.over(slices.Repeat(series{end.limit.Seconds()}, takeoversEach)), wanted: "≤ 1",
			beside: fmt.Sprintf("%.2f s, the longest of %d %.2f s", waited.median(), takeoversEach, slices.Max(waited)),
		})
	}
	printTable(b.out, "An edit made when the controller ends, until both servers serve it", rows)
	return b.stack.Restart(ctx, testenv.Controller)
}

// launchController starts the controller as a pod of a name, with the product's own leader election.
func (b *bench) launchController(pod string) error {
	return b.stack.Launch(testenv.Controller, "POD_NAME="+pod, "LECTERN_LEADER_ELECTION_LEASE_DURATION=5s", "LECTERN_LEADER_ELECTION_RENEW_DEADLINE=3s")
}

func (b *bench) restartController(ctx context.Context, pod string) error {
	b.stack.Terminate(testenv.Controller)
	if err := b.launchController(pod); err != nil {
		return err
	}
	return b.stack.WaitUntilReady(ctx, testenv.Controller)
}

// waitForLease waits until a pod holds the Lease.
func (b *bench) waitForLease(ctx context.Context, t *tenant, pod string) error {
	path := "/apis/coordination.k8s.io/v1/namespaces/" + testenv.SystemNamespace + "/leases/lectern-controller"
	return wait.Until(ctx, func(ctx context.Context) error {
		var lease coordinationv1.Lease
		if err := t.sendEmpty(ctx, http.MethodGet, path, &lease); err != nil {
			return err
		}
		if holder := ptr.Deref(lease.Spec.HolderIdentity, ""); holder != pod {
			return fmt.Errorf("the Lease is held by %q, not by %q", holder, pod)
		}
		return nil
	})
}
