package scenarios

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// requester is who asks for changes in a scenario, as its servers do.
const requester = "system:serviceaccount:agents:scenario"

// openChangeStore takes change requests with the role of a server.
func (s *scenario) openChangeStore(t *testing.T) *postgres.Store {
	t.Helper()
	opened, err := postgres.Open(t.Context(), postgres.Options{URL: s.ServerURL, PoolSize: 10, ConnectTimeout: wait.Patience})
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	return opened
}

// requestChange asks for a change and returns its id.
func (s *scenario) requestChange(ctx context.Context, at *postgres.Store, name string, action store.Action, edit store.Edit) (string, error) {
	r := store.ChangeRequest{
		ID: uuid.NewString(), Key: store.Key{Namespace: s.namespace, Name: name}, Action: action, Edit: edit, Subject: requester,
	}
	_, err := at.RequestChange(ctx, r)
	return r.ID, err
}

// waitForOutcome waits for the end of a request.
func waitForOutcome(ctx context.Context, at *postgres.Store, id string) (store.ChangeOutcome, error) {
	var end store.ChangeOutcome
	err := wait.Until(ctx, func(ctx context.Context) error {
		found, err := at.ChangeOutcomes(ctx, requester, []string{id})
		if err != nil {
			return err
		}
		if len(found) != 1 || !found[0].State.IsFinal() {
			return fmt.Errorf("change %s is at %+v", id, found)
		}
		end = found[0]
		return nil
	})
	return end, err
}

// testChangesKilledAtEveryStep kills the controller once at each step of each kind of change, and expects from the next one
// the answer that is true, and the change in the object once.
func testChangesKilledAtEveryStep(t *testing.T) {
	s := startScenario(t, killableStack(t))
	office := s.openChangeStore(t)
	newVersion := func(version int64) store.ChangeOutcome {
		return store.ChangeOutcome{State: store.ChangePublished, Version: version, Served: version, NewVersion: true}
	}
	// Whether a creation that was begun came through and was undone since, nobody can tell.
	interrupted := store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonInterrupted}
	for _, point := range faultpoint.ChangePoints() {
		name := string(point)
		added := newVersion(1)
		if point == faultpoint.ChangeBegun {
			added = interrupted
		}
		for _, step := range []struct {
			name   string
			action store.Action
			edit   store.Edit
			want   store.ChangeOutcome
			// generation and text of the object afterwards; generation 0 says that there is none.
			generation int64
			text       string
		}{
			{"added", store.ActionAdd, store.Edit{Content: new("one")}, added, min(added.Version, 1), "one"},
			{"edited", store.ActionUpdate, store.Edit{Content: new("two")}, newVersion(2), 2, "two"},
			{"deleted", store.ActionDelete, store.Edit{}, store.ChangeOutcome{State: store.ChangePublished}, 0, ""},
		} {
			t.Run(name+" "+step.name, func(t *testing.T) {
				ctx := t.Context()
				if step.name == "edited" && added.Version == 0 { // nothing was added to be edited
					require.NoError(t, s.addPromptAsAgent(ctx, office, name))
				}
				s.Terminate(testenv.Controller)
				id, err := s.requestChange(ctx, office, name, step.action, step.edit)
				require.NoError(t, err)
				require.NoError(t, s.Launch(testenv.Controller, "LECTERN_FAULTPOINT="+name))
				require.NoError(t, s.waitUntilControllerKilledItself(ctx))
				require.NoError(t, s.Launch(testenv.Controller))
				got, err := waitForOutcome(ctx, office, id)
				require.NoError(t, err)
				if diff := cmp.Diff(step.want, got, cmpopts.IgnoreFields(store.ChangeOutcome{}, "ID", "Key", "Action", "Message")); diff != "" {
					t.Errorf("outcome (-want +got):\n%s\n%s", diff, got.Message)
				}
				if step.generation == 0 {
					require.NoError(t, s.waitUntilGone(ctx, name))
					return
				}
				var p v1alpha1.Prompt
				require.NoError(t, s.api.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, &p))
				if p.Generation != step.generation || p.Spec.Text != step.text || p.Annotations[v1alpha1.LastChangeAnnotation] != id {
					t.Errorf("the object is at generation %d and says %q by %v; want generation %d and %q by %s",
						p.Generation, p.Spec.Text, p.Annotations, step.generation, step.text, id)
				}
			})
		}
	}
}

// addPromptAsAgent adds a prompt without a kill.
func (s *scenario) addPromptAsAgent(ctx context.Context, at *postgres.Store, name string) error {
	id, err := s.requestChange(ctx, at, name, store.ActionAdd, store.Edit{Content: new("one")})
	if err != nil {
		return err
	}
	end, err := waitForOutcome(ctx, at, id)
	if err == nil && end.State != store.ChangePublished {
		err = fmt.Errorf("adding %s ends %+v", name, end)
	}
	return err
}
