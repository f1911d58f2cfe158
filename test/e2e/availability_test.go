//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// restart does what kubectl rollout restart does.
func (r release) restart(t *testing.T, component string) {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: r.fullName() + "-" + component}}
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`, time.Now().Format(time.RFC3339Nano))
	require.NoError(t, r.objects.Patch(t.Context(), d, client.RawPatch(types.StrategicMergePatchType, []byte(patch))))
}

// testRestart replaces all pods while agents call.
func (r release) testRestart(t *testing.T) {
	l := r.startLoad(t)
	for range 2 {
		r.restart(t, "server")
		r.restart(t, "controller")
		r.waitForRollout(t, r.namespace, r.fullName()+"-server")
		r.waitForRollout(t, r.namespace, r.fullName()+"-controller")
	}
	l.finish(t)
}

func (r release) serverPods(t *testing.T) []corev1.Pod {
	t.Helper()
	pods, err := r.listPods(t.Context(), r.namespace, client.MatchingLabels{
		"app.kubernetes.io/instance": r.name, "app.kubernetes.io/component": "server",
	})
	require.NoError(t, err)
	if len(pods) < 2 {
		t.Fatalf("%d pods are servers", len(pods))
	}
	return pods
}

func (r release) evict(ctx context.Context, pod *corev1.Pod) error {
	return r.api.PolicyV1().Evictions(pod.Namespace).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}})
}

// testEvictions evicts the servers one by one while agents call, as draining nodes does.
func (r release) testEvictions(t *testing.T) {
	l := r.startLoad(t)
	pods := r.serverPods(t)
	require.NoError(t, r.evict(t.Context(), &pods[0]))
	if err := r.evict(t.Context(), &pods[1]); !apierrors.IsTooManyRequests(err) {
		t.Errorf("the second eviction was answered %v", err)
	}
	eventually(t, "the second eviction, once there is another pod", func(ctx context.Context) error {
		return client.IgnoreNotFound(r.evict(ctx, &pods[1]))
	})
	for i := range pods[:2] {
		r.waitUntilGone(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: pods[i].Name, Namespace: pods[i].Namespace}})
	}
	r.waitForRollout(t, r.namespace, r.fullName()+"-server")
	l.finish(t)
}

// testRollback upgrades to another setting and back while agents call.
func (r release) testRollback(t *testing.T) {
	l := r.startLoad(t)
	r.run(t, "upgrade", append([]string{chart, "--wait", "--timeout", "5m"}, r.values("--set-string", "server.podAnnotations.changed=yes", "--set-string", "controller.podAnnotations.changed=yes")...)...)
	r.run(t, "rollback", "--wait", "--timeout", "5m")
	l.finish(t)
}
