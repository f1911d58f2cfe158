package scenarios

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// testUnreadableConnections: after an upgrade of the program alone, the ClusterRole of before lets it read no connections. Prompts are
// served, metric, log and event say what is missing, and the same process takes connections up once the role is the new one.
func testUnreadableConnections(t *testing.T) {
	s := startScenario(t, releasedStack(t))
	ctx := t.Context()
	var role rbacv1.ClusterRole
	require.NoError(t, s.api.Get(ctx, client.ObjectKey{Name: "lectern-controller"}, &role))
	former := role.DeepCopy()
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "sdpconnections") })
	if len(role.Rules) != len(former.Rules)-1 {
		t.Fatalf("no rule is for connections alone: %+v", role.Rules)
	}
	restore := func(ctx context.Context) {
		var now rbacv1.ClusterRole
		require.NoError(t, s.api.Get(ctx, client.ObjectKeyFromObject(former), &now))
		now.Rules = former.Rules
		require.NoError(t, s.api.Update(ctx, &now))
	}
	require.NoError(t, s.api.Update(ctx, &role))
	t.Cleanup(func() { restore(context.Background()) })
	require.NoError(t, s.Restart(ctx, testenv.Controller))
	pid := s.Pid(testenv.Controller)

	require.NoError(t, s.createPrompts(ctx, s.newPrompt("served", "text")))
	_, err := s.waitForReason(ctx, "served", v1alpha1.ReasonPublished)
	require.NoError(t, err)
	c := &v1alpha1.SDPConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "helpdesk"},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: v1alpha1.EditionCloud, DataCenter: v1alpha1.DataCenterEU,
			Credentials: v1alpha1.CredentialsReference{SecretName: "helpdesk-oauth"},
		},
	}
	require.NoError(t, s.api.Create(ctx, c))
	require.NoError(t, s.waitWhileControllerRuns(ctx, s.unwatchedReads(1)))
	log, err := os.ReadFile(s.LogPath(testenv.Controller))
	require.NoError(t, err)
	if !strings.Contains(string(log), "Left connections to ServiceDesk Plus alone") {
		t.Error("the log does not say that connections are left alone")
	}
	require.NoError(t, s.waitWhileControllerRuns(ctx, func(ctx context.Context) error {
		events, err := s.ControlPlane.Kubectl(ctx, "get", "events", "--namespace="+testenv.SystemNamespace, "--field-selector=reason=ConnectionsNotWatched")
		if err == nil && !strings.Contains(events, "sdpconnections") {
			err = fmt.Errorf("no event says that sdpconnections cannot be listed: %s", events)
		}
		return err
	}))

	restore(ctx)
	require.NoError(t, s.waitWhileControllerRuns(ctx, s.unwatchedReads(0)))
	_, err = (&connectionScenario{scenario: s}).waitForConnection(ctx, c.Name, v1alpha1.ReasonNamespaceNotAllowed)
	require.NoError(t, err)
	if s.Pid(testenv.Controller) != pid {
		t.Error("it is another process")
	}
	require.NoError(t, s.api.Delete(ctx, c))
	(&connectionScenario{scenario: s}).waitUntilConnectionsGone(t)
}

// unwatchedReads returns what waits until the metric says whether connections are left alone.
func (s *scenario) unwatchedReads(want float64) func(context.Context) error {
	return func(ctx context.Context) error {
		read, err := (&extraProcess{client: http.DefaultClient}).readMetricsAt(ctx, s.MetricsURL(testenv.Controller))
		if err == nil && read["lectern_sdp_connections_unwatched"] != want {
			err = fmt.Errorf("lectern_sdp_connections_unwatched is %v, want %v", read["lectern_sdp_connections_unwatched"], want)
		}
		return err
	}
}
