package scenarios

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// The rate of the busy connection, which is what a connection has that says nothing; the background has a fifth of it.
const (
	busyPerMinute, busyBurst = 30, 10
	busyBackground           = busyPerMinute / 5
	// busyPause is between two calls of an agent, who makes those of the storm as well.
	busyPause = time.Second
)

// busyConnection is a connection that agents at every server read through as often as they can, while the controllers read the lists
// of all its toolsets.
type busyConnection struct {
	*connectionScenario
	answered, late atomic.Int64
}

// newBusyConnection makes it, on premises, with a ServiceDesk Plus of its own.
func newBusyConnection(t *testing.T, s *scenario) *busyConnection {
	t.Helper()
	return &busyConnection{connectionScenario: &connectionScenario{scenario: s, desk: sdptest.Start(t, sdptest.Options{Edition: sdptest.OnPremises})}}
}

func (b *busyConnection) create(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, errors.Join(
		b.api.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "busy"}, Type: v1alpha1.SDPCredentialsSecretType,
			StringData: map[string]string{v1alpha1.CredentialAPIKey: b.desk.Options().APIKey},
		}),
		b.api.Create(ctx, &v1alpha1.SDPConnection{
			ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "busy"},
			Spec: v1alpha1.SDPConnectionSpec{
				Edition: v1alpha1.EditionOnPremises, APIURL: v1alpha1.ServiceURL(b.desk.URL()),
				Credentials: v1alpha1.CredentialsReference{SecretName: "busy"},
			},
		})))
	_, err := b.waitForConnection(ctx, "busy", v1alpha1.ReasonConnected)
	require.NoError(t, err)
}

// waitUntilKnown waits until the servers of all agents know the connection, which calls it not once.
func (b *busyConnection) waitUntilKnown(t *testing.T, agents []*agent) {
	t.Helper()
	for _, a := range agents {
		require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
			result, err := a.session.CallTool(ctx, &mcp.CallToolParams{
				Name: "connection_status", Arguments: map[string]any{"connection": b.namespace + "/busy"},
			})
			if err == nil && result.IsError {
				err = fmt.Errorf("connection_status: %s", result.Content[0].(*mcp.TextContent).Text)
			}
			return err
		}))
	}
}

// callBusily has an agent read until the context ends. What it would wait for too long is refused with a time.
func (b *busyConnection) callBusily(ctx context.Context, t *testing.T, s *tokenStorm, a *agent) {
	for ctx.Err() == nil {
		failure, err := s.readKnowledge(ctx, a, "busy")
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.Error(err)
			return
		case failure == "":
			b.answered.Add(1)
		case strings.Contains(failure, "RateLimitError: ") && strings.Contains(failure, "; try again in "):
			b.late.Add(1)
		default:
			t.Errorf("a call of a busy connection was answered %q", failure)
		}
		pauseFor(ctx, busyPause)
	}
}

// report prints what ServiceDesk Plus was asked for, and holds it against the rate.
func (b *busyConnection) report(t *testing.T) {
	t.Helper()
	isInteractive := sdptest.To("GET", "/solutions")
	isBackground := func(c sdptest.Call) bool { return !isInteractive(c) }
	inMinute, inTwoSeconds := b.desk.Busiest(time.Minute, sdptest.ToAPI), b.desk.Busiest(2*time.Second, sdptest.ToAPI)
	inBackground := b.desk.Busiest(time.Minute, isBackground)
	t.Logf("a busy connection: %d calls answered at %d servers, %d told when to try again; at most %d calls in 60 s of %d, %d in 2 s of %d, and %d in 60 s of the background, which has %d; %d of %d were the background's",
		b.answered.Load(), stormServers, b.late.Load(), inMinute, busyPerMinute, inTwoSeconds, busyBurst, inBackground, busyBackground,
		b.desk.Count(isBackground), b.desk.Count(sdptest.ToAPI))
	if inMinute > busyPerMinute || inTwoSeconds > busyBurst || inBackground > busyBackground {
		t.Errorf("at most %d calls in 60 s, %d in 2 s and %d in 60 s of the background; %d, %d and %d are allowed",
			inMinute, inTwoSeconds, inBackground, busyPerMinute, busyBurst, busyBackground)
	}
	if b.late.Load() == 0 || b.desk.Count(isInteractive) <= b.desk.Count(isBackground) {
		t.Error("agents did not come first, or did not take all there was")
	}
}
