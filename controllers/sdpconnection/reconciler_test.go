package sdpconnection

import (
	"testing"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

func TestReconciler(t *testing.T) {
	w := startWorld(t)
	for name, test := range map[string]func(*testing.T, *world){
		"ready by a grant code": readyByGrantCode,
	} {
		t.Run(name, func(t *testing.T) { test(t, w.inPlace(t, sdptest.Cloud)) })
	}
}

// readyByGrantCode: a grant code is exchanged once, the refresh token is in its Secret, and servers call with what they find.
func readyByGrantCode(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	if !w.desk.IsAccepted(w.openServed(t)) {
		t.Error("ServiceDesk Plus does not take what servers call with")
	}
	if n := w.desk.Count(sdptest.Grants("authorization_code")); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	if n := w.desk.Count(sdptest.Grants("refresh_token")); n != 0 {
		t.Errorf("a code that was answered cost %d refreshes", n)
	}
	managed := readManaged(w.getSecret(t, managedName(c)))
	if w.desk.IsRevoked(managed.refreshToken.Reveal()) || managed.clientID != clientID {
		t.Errorf("the managed Secret has no refresh token of the client: %+v", managed)
	}
}
