package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// testConnectionsKilledAtEveryStep kills the controller at each step of an exchange, of a refresh and of a deletion, again and again.
func testConnectionsKilledAtEveryStep(t *testing.T) {
	stack := killableStack(t)
	for _, point := range faultpoint.ConnectionPoints() {
		t.Run("exchange "+string(point), func(t *testing.T) { killExchanges(t, stack, point) })
	}
	for _, point := range faultpoint.RefreshPoints() {
		t.Run("refresh "+string(point), func(t *testing.T) { killRefreshes(t, stack, point) })
	}
	for _, point := range faultpoint.ConnectionDeletionPoints() {
		t.Run("deletion "+string(point), func(t *testing.T) { killDeletions(t, stack, point) })
	}
}

// mayLoseCode reports whether a controller that dies at a point may have sent a code whose answer nobody has. Everywhere else a code
// was not sent, or what came of it is written down.
func mayLoseCode(point faultpoint.Name) bool {
	return point == faultpoint.CodeMarked || point == faultpoint.CodeSent
}

func killExchanges(t *testing.T, stack *testenv.Stack, point faultpoint.Name) {
	ctx, began := t.Context(), time.Now()
	s := startConnectionScenario(t, stack)
	s.Terminate(testenv.Controller)
	var names []string
	for i := range kills {
		names = append(names, fmt.Sprintf("c%d", i))
		require.NoError(t, s.add(ctx, names[i], false))
		require.NoError(t, s.killAt(ctx, point))
	}
	require.NoError(t, s.Launch(testenv.Controller, s.env...))
	reasons := []string{v1alpha1.ReasonConnected}
	if mayLoseCode(point) {
		reasons = append(reasons, v1alpha1.ReasonGrantCodeNeeded)
	}
	lost := 0
	for _, name := range names {
		reason, err := s.waitForConnection(ctx, name, reasons...)
		require.NoError(t, err)
		if reason == v1alpha1.ReasonGrantCodeNeeded {
			lost++
		} else {
			s.wantKeptRefreshToken(t, name)
		}
		if n := s.count(name, "authorization_code"); n > 1 || n == 0 && point != faultpoint.CodeMarked {
			t.Errorf("the code of %s was sent %d times", name, n)
		}
		if n := s.count(name, "refresh_token"); n > 1 {
			t.Errorf("%s was refreshed %d times", name, n)
		}
	}
	if mayLoseCode(point) && lost == 0 {
		t.Error("no code was lost: this test shows nothing")
	}
	t.Logf("%d kills in %v, %d of %d connections say that they need another code", kills, time.Since(began).Round(time.Second), lost, len(names))
	s.deleteConnections(t, names)
}

// wantKeptRefreshToken checks that the managed Secret has a refresh token that the accounts server takes.
func (s *connectionScenario) wantKeptRefreshToken(t *testing.T, name string) {
	t.Helper()
	var kept corev1.Secret
	require.NoError(t, s.api.Get(t.Context(), types.NamespacedName{Namespace: s.namespace, Name: name + v1alpha1.ManagedCredentialsSuffix}, &kept))
	if s.desk.IsRevoked(string(kept.Data[v1alpha1.CredentialRefreshToken])) {
		t.Errorf("the refresh token of %s is lost", name)
	}
}

func killRefreshes(t *testing.T, stack *testenv.Stack, point faultpoint.Name) {
	ctx, began := t.Context(), time.Now()
	s := startConnectionScenario(t, stack)
	s.Terminate(testenv.Controller)
	var names []string
	for i := range kills {
		names = append(names, fmt.Sprintf("r%d", i))
		require.NoError(t, s.add(ctx, names[i], true))
		require.NoError(t, s.killAt(ctx, point))
	}
	require.NoError(t, s.Launch(testenv.Controller, s.env...))
	vain := 0
	for _, name := range names {
		_, err := s.waitForConnection(ctx, name, v1alpha1.ReasonConnected)
		require.NoError(t, err)
		n := s.count(name, "refresh_token")
		vain += n - 1
		if s.desk.IsRevoked("1000.refresh-" + name) {
			t.Errorf("the refresh token of %s is lost", name)
		}
	}
	if vain > kills { // where kills take longer than a claim is waited for, one connection may meet two of them
		t.Errorf("%d kills cost %d tokens: more than one each", kills, vain)
	}
	t.Logf("%d kills in %v, %d tokens in vain of %d connections", kills, time.Since(began).Round(time.Second), vain, len(names))
	s.deleteConnections(t, names)
}

func killDeletions(t *testing.T, stack *testenv.Stack, point faultpoint.Name) {
	ctx, began := t.Context(), time.Now()
	s := startConnectionScenario(t, stack)
	s.Terminate(testenv.Controller)
	require.NoError(t, s.Launch(testenv.Controller, s.env...))
	var names, refreshTokens []string
	for i := range kills {
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
	for _, name := range names {
		require.NoError(t, s.deleteConnection(ctx, name))
		require.NoError(t, s.killAt(ctx, point))
	}
	require.NoError(t, s.Launch(testenv.Controller, s.env...))
	s.waitUntilConnectionsGone(t)
	for i, token := range refreshTokens {
		if !s.desk.IsRevoked(token) {
			t.Errorf("the refresh token of %s is not revoked", names[i])
		}
	}
	t.Logf("%d kills in %v", kills, time.Since(began).Round(time.Second))
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
