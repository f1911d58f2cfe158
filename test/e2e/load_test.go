//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const (
	identities     = 12
	callsPerSecond = 200
)

// load is a pod that calls the servers all the time, as many agents.
type load struct {
	release
	pod   *corev1.Pod
	begun time.Time
}

// counted is what the pod says of its calls.
type counted struct {
	Identities, Calls, Failed int
	Slowest                   float64
	Streams, Ended, Cut       int
	Failures                  []string
}

// startLoad starts it, and waits until calls are answered.
func (r release) startLoad(t *testing.T) *load {
	t.Helper()
	namespace := "load"
	r.createNamespace(t, namespace)
	tokens := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "tokens", Namespace: namespace}, Data: map[string][]byte{}}
	for i := range identities {
		name := fmt.Sprintf("caller-%d", i)
		r.createAgent(t, namespace, name, prompts, "lectern-agent")
		token, err := r.api.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name, &authenticationv1.TokenRequest{
			Spec: authenticationv1.TokenRequestSpec{Audiences: []string{r.endpoint()}, ExpirationSeconds: ptr.To[int64](7200)},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		tokens.Data[name] = []byte(token.Status.Token)
	}
	require.NoError(t, r.objects.Create(t.Context(), tokens))
	spec := agent{r.world, namespace, "caller-0"}.podSpec(r, "load", r.endpoint()+"/"+prompts, "/var/run/lectern/", fmt.Sprint(callsPerSecond))
	spec.Volumes[0].VolumeSource = corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "tokens"}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "load", Namespace: namespace}, Spec: spec}
	require.NoError(t, r.objects.Create(t.Context(), pod))
	l := &load{release: r, pod: pod}
	eventually(t, "the first calls", func(ctx context.Context) error {
		seen, err := l.read(ctx)
		if err == nil && seen.Calls < callsPerSecond {
			err = fmt.Errorf("%+v", seen)
		}
		return err
	})
	l.begun = time.Now()
	return l
}

// read asks the pod what it counted.
func (l *load) read(ctx context.Context) (seen counted, err error) {
	raw, err := l.api.CoreV1().Pods(l.pod.Namespace).ProxyGet("http", l.pod.Name, "8080", "/report", nil).DoRaw(ctx)
	if err != nil {
		return seen, err
	}
	return seen, json.Unmarshal(raw, &seen)
}

// waitForCalls waits until so many more calls were made.
func (l *load) waitForCalls(t *testing.T, more int) {
	t.Helper()
	before, err := l.read(t.Context())
	require.NoError(t, err)
	eventually(t, "calls", func(ctx context.Context) error {
		seen, err := l.read(ctx)
		if err == nil && seen.Calls < before.Calls+more {
			err = fmt.Errorf("%+v", seen)
		}
		return err
	})
}

// finish fails the test when a call failed or a stream broke off, and records what was counted.
func (l *load) finish(t *testing.T) {
	t.Helper()
	l.waitForCalls(t, 2*callsPerSecond)
	took := time.Since(l.begun)
	seen, err := l.read(t.Context())
	require.NoError(t, err)
	if seen.Failed > 0 || seen.Cut > 0 {
		t.Errorf("%d of %d calls failed, %d of %d streams broke off: %q", seen.Failed, seen.Calls, seen.Cut, seen.Streams, seen.Failures)
		l.logState(t)
	}
	l.record(t, "%d failed of %d calls by %d identities (%.0f/s), slowest %.2f s; %d streams ended with a result, %d without",
		seen.Failed, seen.Calls, seen.Identities, float64(seen.Calls)/took.Seconds(), seen.Slowest, seen.Ended, seen.Cut)
}
