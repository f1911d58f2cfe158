package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const deskSecret = "secret-of-a-test-client"

// connectionScenario is a namespace with connections to a fake ServiceDesk Plus, each with a client of its own.
type connectionScenario struct {
	*scenario
	desk *sdptest.Server
	env  []string
}

func startConnectionScenario(t *testing.T, stack *testenv.Stack) *connectionScenario {
	t.Helper()
	s := &connectionScenario{scenario: openNamespace(t, stack), desk: sdptest.Start(t, sdptest.Options{})}
	require.NoError(t, stack.GrantConnections(t.Context(), s.namespace))
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keys := filepath.Join(t.TempDir(), "keyset.json")
	require.NoError(t, os.WriteFile(keys, keyset.Text(), 0o600))
	s.env = []string{
		"LECTERN_CONNECTION_NAMESPACES=" + s.namespace, "LECTERN_SEAL_KEY_FILE=" + keys,
		"LECTERN_SDP_ALLOWED_HOSTS=" + s.desk.URL() + "," + s.desk.AccountsURL(),
		"LECTERN_CONCURRENCY=1", // a kill meets one connection, so that what is lost can be counted
	}
	return s
}

// add makes a connection with a grant code, or where that is wanted with a refresh token.
func (s *connectionScenario) add(ctx context.Context, name string, withRefreshToken bool) error {
	clientID := "1000." + name
	s.desk.AddClient(clientID, deskSecret, "")
	values := map[string]string{v1alpha1.CredentialClientID: clientID, v1alpha1.CredentialClientSecret: deskSecret}
	if withRefreshToken {
		values[v1alpha1.CredentialRefreshToken] = "1000.refresh-" + name
		s.desk.AddRefreshToken(clientID, values[v1alpha1.CredentialRefreshToken])
	} else {
		values[v1alpha1.CredentialGrantCode] = "1000.code-" + name
		s.desk.AddGrantCode(clientID, values[v1alpha1.CredentialGrantCode])
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}, Type: v1alpha1.SDPCredentialsSecretType, StringData: values,
	}
	return errors.Join(s.api.Create(ctx, secret), s.createConnection(ctx, name, name))
}

// createConnection makes a connection with the credentials of a Secret.
func (s *connectionScenario) createConnection(ctx context.Context, name, secret string) error {
	rate := int32(1000)
	return s.api.Create(ctx, &v1alpha1.SDPConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: v1alpha1.EditionCloud, Portal: "itdesk",
			APIURL: v1alpha1.ServiceURL(s.desk.URL()), AccountsURL: v1alpha1.ServiceURL(s.desk.AccountsURL()),
			Credentials: v1alpha1.CredentialsReference{SecretName: v1alpha1.ObjectName(secret)},
			Access:      &v1alpha1.Access{Toolsets: []v1alpha1.Toolset{v1alpha1.ToolsetKnowledge}}, // which needs no list
			RateLimit:   &v1alpha1.RateLimit{RequestsPerMinute: &rate, Burst: &rate},
		},
	})
}

// killAt starts the controller, and waits until it has killed itself at a point.
func (s *connectionScenario) killAt(ctx context.Context, point faultpoint.Name) error {
	if err := s.Launch(testenv.Controller, append(s.env, "LECTERN_FAULTPOINT="+string(point))...); err != nil {
		return err
	}
	return s.waitUntilControllerKilledItself(ctx)
}

// waitForConnection waits until Ready of a connection has one of the reasons, and returns which.
func (s *scenario) waitForConnection(ctx context.Context, name string, reasons ...string) (reason string, err error) {
	var c v1alpha1.SDPConnection
	return reason, wait.Until(ctx, func(ctx context.Context) error {
		if err := s.api.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name}, &c); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady)
		for _, wanted := range reasons {
			if ready != nil && ready.Reason == wanted {
				reason = wanted
				return nil
			}
		}
		return fmt.Errorf("%s is %+v, want one of %v", name, ready, reasons)
	})
}

// count returns how often the accounts server was asked with a grant type by a connection's client.
func (s *connectionScenario) count(name, grantType string) int {
	return s.desk.Count(func(c sdptest.Call) bool {
		return sdptest.Grants(grantType)(c) && c.Parameters["client_id"] == "1000."+name
	})
}

// killStep is a place at which the controller dies, and what its connection logs in with: a refresh token, or a grant code.
type killStep struct {
	point            faultpoint.Name
	withRefreshToken bool
}

// killSteps are all places of an exchange and of a refresh. Those that leave a claim, which the next controller waits for, come first.
func killSteps() []killStep {
	var steps []killStep
	for _, point := range faultpoint.RefreshPoints() {
		steps = append(steps, killStep{point, true})
	}
	for _, point := range slices.Backward(faultpoint.ConnectionPoints()) {
		steps = append(steps, killStep{point, false})
	}
	return steps
}

// testConnectionsKilledAtEveryStep kills the controller at each step of an exchange, of a refresh and of a deletion: once, with the
// connections of all steps beside each other, or with LECTERN_CONNECTION_KILLS=full again and again, one step after the other.
func testConnectionsKilledAtEveryStep(t *testing.T) {
	stack := killableStack(t)
	if os.Getenv("LECTERN_CONNECTION_KILLS") != "full" {
		killConnections(t, stack, killSteps(), 1)
		killDeletions(t, stack, faultpoint.ConnectionDeletionPoints(), 1)
		return
	}
	for _, step := range killSteps() {
		t.Run(fmt.Sprintf("%s, refresh token %t", step.point, step.withRefreshToken), func(t *testing.T) {
			killConnections(t, stack, []killStep{step}, kills)
		})
	}
	for _, point := range faultpoint.ConnectionDeletionPoints() {
		t.Run("deletion "+string(point), func(t *testing.T) { killDeletions(t, stack, []faultpoint.Name{point}, kills) })
	}
}

// killConnections kills the controller so many times at each of the steps, with another connection for each time, and expects that all
// of them become ready. A kill costs a code where one was marked and its answer is nowhere, and a token where that is not stored.
func killConnections(t *testing.T, stack *testenv.Stack, steps []killStep, times int) {
	ctx, began := t.Context(), time.Now()
	s := startConnectionScenario(t, stack)
	s.Terminate(testenv.Controller)
	var names []string
	killed, withCode := map[faultpoint.Name]int{}, 0
	for _, step := range steps {
		for range times {
			name := fmt.Sprintf("c%d", len(names))
			require.NoError(t, s.add(ctx, name, step.withRefreshToken))
			require.NoError(t, s.killAt(ctx, step.point))
			names = append(names, name)
			killed[step.point]++
			if !step.withRefreshToken {
				withCode++
			}
		}
	}
	require.NoError(t, s.Launch(testenv.Controller, s.env...))
	lost, sent, refreshed := 0, 0, 0
	for _, name := range names {
		reason, err := s.waitForConnection(ctx, name, v1alpha1.ReasonConnected, v1alpha1.ReasonGrantCodeNeeded)
		require.NoError(t, err)
		if reason == v1alpha1.ReasonGrantCodeNeeded {
			lost++
		} else {
			s.wantRefreshToken(t, name)
		}
		codes := s.count(name, "authorization_code")
		if codes > 1 {
			t.Errorf("the code of %s was sent %d times", name, codes)
		}
		sent += codes
		refreshed += s.count(name, "refresh_token")
	}
	if want := killed[faultpoint.CodeMarked] + killed[faultpoint.CodeSent]; lost != want {
		t.Errorf("%d connections need another code, want %d: one for each kill between the mark and the answer", lost, want)
	}
	if want := withCode - killed[faultpoint.CodeMarked]; sent != want {
		t.Errorf("%d codes were sent of %d, want %d", sent, withCode, want)
	}
	wanted := len(names) - withCode + killed[faultpoint.RefreshTokenKept]
	if vain := refreshed - wanted; vain > killed[faultpoint.RefreshAnswered] {
		t.Errorf("%d tokens were got in vain, by %d kills after an answer", vain, killed[faultpoint.RefreshAnswered])
	}
	t.Logf("%d kills in %v: %d connections of %d say that they need another code, %d tokens were got in vain",
		len(names), time.Since(began).Round(time.Second), lost, len(names), max(0, refreshed-wanted))
	s.deleteConnections(t, names)
}

// wantRefreshToken checks that a connection has a refresh token that the accounts server takes.
func (s *connectionScenario) wantRefreshToken(t *testing.T, name string) {
	t.Helper()
	token := "1000.refresh-" + name
	var kept corev1.Secret
	err := s.api.Get(t.Context(), types.NamespacedName{Namespace: s.namespace, Name: name + v1alpha1.ManagedCredentialsSuffix}, &kept)
	if err == nil {
		token = string(kept.Data[v1alpha1.CredentialRefreshToken])
	}
	require.NoError(t, client.IgnoreNotFound(err))
	if s.desk.IsRevoked(token) {
		t.Errorf("the refresh token of %s is lost", name)
	}
}

// killDeletions kills the controller so many times at each of the places, and expects that all connections go, and their tokens.
func killDeletions(t *testing.T, stack *testenv.Stack, points []faultpoint.Name, times int) {
	ctx, began := t.Context(), time.Now()
	s := startConnectionScenario(t, stack)
	s.Terminate(testenv.Controller)
	require.NoError(t, s.Launch(testenv.Controller, s.env...))
	var names, refreshTokens []string
	for i := range len(points) * times {
		names = append(names, fmt.Sprintf("d%d", i))
		require.NoError(t, s.add(ctx, names[i], false))
	}
	for _, name := range names {
		_, err := s.waitForConnection(ctx, name, v1alpha1.ReasonConnected)
		require.NoError(t, err)
		var kept corev1.Secret
		require.NoError(t, s.api.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name + v1alpha1.ManagedCredentialsSuffix}, &kept))
		refreshTokens = append(refreshTokens, string(kept.Data[v1alpha1.CredentialRefreshToken]))
	}
	s.Terminate(testenv.Controller)
	for i, name := range names {
		require.NoError(t, s.deleteConnection(ctx, name))
		require.NoError(t, s.killAt(ctx, points[i/times]))
	}
	require.NoError(t, s.Launch(testenv.Controller, s.env...))
	s.waitUntilConnectionsGone(t)
	for i, token := range refreshTokens {
		if !s.desk.IsRevoked(token) {
			t.Errorf("the refresh token of %s is not revoked", names[i])
		}
	}
	t.Logf("%d kills in %v: every refresh token is revoked", len(names), time.Since(began).Round(time.Second))
}

func (s *scenario) deleteConnection(ctx context.Context, name string) error {
	return s.api.Delete(ctx, &v1alpha1.SDPConnection{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}})
}

// deleteConnections deletes connections, so that controllers of later tests have nothing to do with them.
func (s *scenario) deleteConnections(t *testing.T, names []string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, s.deleteConnection(t.Context(), name))
	}
	s.waitUntilConnectionsGone(t)
}

// waitUntilConnectionsGone waits until there is no connection, and nothing that the controller made for one.
func (s *scenario) waitUntilConnectionsGone(t *testing.T) {
	t.Helper()
	require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
		var connections v1alpha1.SDPConnectionList
		var secrets corev1.SecretList
		err := errors.Join(s.api.List(ctx, &connections, client.InNamespace(s.namespace)), s.api.List(ctx, &secrets, client.InNamespace(s.namespace)))
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		if n := len(connections.Items); n > 0 {
			return fmt.Errorf("there are %d connections, such as %+v", n, connections.Items[0].Status.Conditions)
		}
		for _, secret := range secrets.Items {
			if strings.HasSuffix(secret.Name, v1alpha1.ManagedCredentialsSuffix) {
				return fmt.Errorf("there still is Secret %s", secret.Name)
			}
		}
		return nil
	}))
}
