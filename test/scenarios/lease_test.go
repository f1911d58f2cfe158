package scenarios

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// testRestartedContainer kills the controller, which leaves a Lease that is good for an hour. The next container of the pod
// does not wait for its end.
func testRestartedContainer(t *testing.T) {
	s := startScenario(t, releasedStack(t))
	ctx := t.Context()
	const hour = "LECTERN_LEADER_ELECTION_LEASE_DURATION=1h"
	require.NoError(t, s.Restart(ctx, testenv.Controller, hour))
	t.Cleanup(func() { require.NoError(t, s.Restart(context.Background(), testenv.Controller)) })
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("edited", "version 1")))
	_, err := s.waitForReason(ctx, "edited", v1alpha1.ReasonPublished)
	require.NoError(t, err)
	before := s.readLease(t)
	for round := range 3 {
		s.Kill(testenv.Controller)
		require.NoError(t, s.editText(ctx, "edited", fmt.Sprintf("version %d", round+2)))
		began := time.Now()
		require.NoError(t, s.Launch(testenv.Controller, hour))
		_, err := s.waitForReason(ctx, "edited", v1alpha1.ReasonPublished)
		require.NoError(t, err)
		t.Logf("kill -9: the edit was published %v after the start of the next container", time.Since(began).Round(time.Millisecond))
	}
	after := s.readLease(t)
	if *after.HolderIdentity != testenv.ControllerPod || *after.LeaseTransitions != *before.LeaseTransitions {
		t.Errorf("the Lease is held by %s after %d transitions; want %s after %d",
			*after.HolderIdentity, *after.LeaseTransitions, testenv.ControllerPod, *before.LeaseTransitions)
	}
}

func (s *scenario) readLease(t *testing.T) coordinationv1.LeaseSpec {
	t.Helper()
	var lease coordinationv1.Lease
	require.NoError(t, s.api.Get(t.Context(), client.ObjectKey{Namespace: testenv.SystemNamespace, Name: "lectern-controller"}, &lease))
	return lease.Spec
}

// testTwoControllersOfOneName: two processes with the name of one pod both hold the Lease, as when the old one is cut
// off and not dead. Every request and every edit ends once, as with one of them.
func testTwoControllersOfOneName(t *testing.T) {
	s := startScenario(t, releasedStack(t))
	metrics := testenv.FreeAddress(t)
	probe := testenv.FreeAddress(t)
	second := s.launchExtraProcess(t, probe, append(testenv.LongLease(), "POD_NAME="+testenv.ControllerPod, "LECTERN_DATABASE_URL="+s.OwnerURL),
		"controller", "--kubeconfig="+s.ControlPlane.Kubeconfig, "--leader-election-namespace="+testenv.SystemNamespace,
		"--changes=unproven", "--metrics-address="+metrics, "--probe-address="+probe)
	require.NoError(t, wait.Until(t.Context(), second.checkReady))
	office := s.openChangeStore(t)
	group, ctx := errgroup.WithContext(t.Context())
	const agents = 8
	rounds := make([]int64, agents)
	for i := range agents {
		group.Go(func() error {
			bothLead := func(ctx context.Context) error {
				return errors.Join(second.checkApplied(ctx, s.MetricsURL(testenv.Controller)), second.checkApplied(ctx, "http://"+metrics+"/metrics"))
			}
			for err := bothLead(ctx); rounds[i] < 10 || err != nil; err = bothLead(ctx) {
				if rounds[i]++; rounds[i] > 200 {
					return err
				}
				if err := s.changeTwice(ctx, office, i, rounds[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for i := range agents {
		for _, name := range []string{fmt.Sprintf("agents-%d", i), fmt.Sprintf("owned-%d", i)} {
			p, err := s.waitForReason(t.Context(), name, v1alpha1.ReasonPublished)
			require.NoError(t, err)
			if p.Generation != rounds[i] || p.Status.Version != rounds[i] {
				t.Errorf("%s is at generation %d and version %d after %d changes", name, p.Generation, p.Status.Version, rounds[i])
			}
		}
	}
}

// changeTwice has an agent change its prompt, and a client of the API server another; the first round makes both. It returns
// once both are published: of two edits that a busy controller finds at once, it publishes the later one alone.
func (s *scenario) changeTwice(ctx context.Context, office *postgres.Store, agent int, round int64) error {
	name, owned, text := fmt.Sprintf("agents-%d", agent), fmt.Sprintf("owned-%d", agent), fmt.Sprintf("text %d", round)
	action := store.ActionUpdate
	var err error
	if round == 1 {
		action = store.ActionAdd
		err = s.createPrompts(ctx, s.newPrompt(owned, text))
	} else {
		err = s.editText(ctx, owned, text)
	}
	if err != nil {
		return err
	}
	id, err := s.requestChange(ctx, office, name, action, store.Edit{Content: &text})
	if err != nil {
		return err
	}
	got, err := waitForOutcome(ctx, office, id)
	if err == nil && (got.State != store.ChangePublished || got.Version != round) {
		err = fmt.Errorf("change %d of %s ended %+v", round, name, got)
	}
	if err != nil {
		return err
	}
	_, err = s.waitForReason(ctx, owned, v1alpha1.ReasonPublished)
	return err
}

// checkApplied returns an error until a controller has written a change request into an object.
func (a *extraProcess) checkApplied(ctx context.Context, metrics string) error {
	found, err := a.readMetricsAt(ctx, metrics)
	if err == nil && found[`lectern_changes_applied_total{action="Update"}`] == 0 {
		err = errors.New("this controller has applied nothing yet")
	}
	return err
}
