package controllerstest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// Agent is who makes the requests.
const Agent = "system:serviceaccount:agents:triage"

// NewRequest builds a change request of the Agent.
func NewRequest(key store.Key, action store.Action, edit store.Edit) store.ChangeRequest {
	return store.ChangeRequest{ID: uuid.NewString(), Key: key, Action: action, Edit: edit, Subject: Agent}
}

// RequestAndWait makes a request and returns its final outcome.
func RequestAndWait(t *testing.T, s *postgres.Store, r store.ChangeRequest) store.ChangeOutcome {
	t.Helper()
	_, err := s.RequestChange(t.Context(), r)
	require.NoError(t, err)
	var end store.ChangeOutcome
	require.Eventually(t, func() error {
		found, err := s.ChangeOutcomes(t.Context(), r.Subject, []string{r.ID})
		if err != nil || len(found) != 1 || !found[0].State.IsFinal() {
			return fmt.Errorf("%s of %s is at %+v, %v", r.Action, r.Key, found, err)
		}
		end = found[0]
		return nil
	})
	if end.ID != r.ID || end.Key != r.Key || end.Action != r.Action {
		t.Errorf("the outcome is of another request: %+v", end)
	}
	return end
}

// WaitUntilApplied waits until a request is known to be in its object.
func WaitUntilApplied(t *testing.T, s *postgres.Store, r store.ChangeRequest) {
	t.Helper()
	require.Eventually(t, func() error {
		found, err := s.ChangeOutcomes(t.Context(), Agent, []string{r.ID})
		if err != nil || len(found) != 1 || found[0].State != store.ChangeApplied {
			return fmt.Errorf("the request is at %+v, %v; want it applied", found, err)
		}
		return nil
	})
}

// WantOutcome compares all of an outcome but which request it is of, and its message. There is one unless the change is
// published.
func WantOutcome(t *testing.T, got, want store.ChangeOutcome) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.ChangeOutcome{}, "ID", "Key", "Action", "Message")); diff != "" {
		t.Errorf("outcome (-want +got):\n%s\nmessage: %s", diff, got.Message)
	}
	if said := got.Message != ""; said == (got.State == store.ChangePublished) {
		t.Errorf("state %s has message %q", got.State, got.Message)
	}
}
