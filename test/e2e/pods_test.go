//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func (w *world) listPods(ctx context.Context, namespace string, labels ...client.ListOption) ([]corev1.Pod, error) {
	var pods corev1.PodList
	err := w.objects.List(ctx, &pods, append([]client.ListOption{client.InNamespace(namespace)}, labels...)...)
	return pods.Items, err
}

func (w *world) listEvents(ctx context.Context, namespace string) (lines []string, err error) {
	var events corev1.EventList
	err = w.objects.List(ctx, &events, client.InNamespace(namespace))
	slices.SortFunc(events.Items, func(a, b corev1.Event) int {
		return cmp.Compare(a.CreationTimestamp.Unix(), b.CreationTimestamp.Unix())
	})
	for i := range events.Items {
		e := &events.Items[i]
		lines = append(lines, fmt.Sprintf("%s %s/%s %s: %s", e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message))
	}
	return lines[max(0, len(lines)-40):], err
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func describePod(pod *corev1.Pod) string {
	said := []string{string(pod.Status.Phase)}
	for _, s := range append(slices.Clone(pod.Status.InitContainerStatuses), pod.Status.ContainerStatuses...) {
		said = append(said, fmt.Sprintf("%s ready=%t restarts=%d", s.Name, s.Ready, s.RestartCount))
		if s.State.Waiting != nil {
			said = append(said, s.State.Waiting.Reason, s.State.Waiting.Message)
		}
		if s.LastTerminationState.Terminated != nil {
			said = append(said, fmt.Sprintf("ended before with %d", s.LastTerminationState.Terminated.ExitCode))
		}
	}
	return strings.Join(said, " ")
}

// readLog returns the end of what a pod logged, or why it cannot be had.
func (w *world) readLog(ctx context.Context, pod *corev1.Pod) string {
	var all strings.Builder
	for _, container := range append(slices.Clone(pod.Spec.InitContainers), pod.Spec.Containers...) {
		log, err := w.api.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container.Name, TailLines: ptr.To[int64](60)}).DoRaw(ctx)
		if err != nil {
			log = []byte(err.Error())
		}
		all.Write(log)
	}
	return all.String()
}

// agent is a ServiceAccount, and the pods that run as it.
type agent struct {
	*world
	namespace, name string
}

// createAgent makes a ServiceAccount that has ClusterRoles in a namespace of prompts.
func (w *world) createAgent(t *testing.T, namespace, name, prompts string, roles ...string) agent {
	t.Helper()
	w.apply(t, namespace, fmt.Sprintf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %s}\n", name))
	for _, role := range roles {
		w.apply(t, prompts, fmt.Sprintf(`apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %s-%s-%s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %s}
subjects: [{kind: ServiceAccount, namespace: %s, name: %s}]
`, namespace, name, role, role, namespace, name))
	}
	return agent{w, namespace, name}
}

// podSpec is a pod of the client, with a token of its account for the release.
func (a agent) podSpec(r release, args ...string) corev1.PodSpec {
	return corev1.PodSpec{
		ServiceAccountName: a.name, RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: new(false),
		SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
		Containers: []corev1.Container{{
			Name: "client", Image: a.clientImage, Args: args,
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
			VolumeMounts: []corev1.VolumeMount{{Name: "lectern", MountPath: "/var/run/lectern", ReadOnly: true}},
		}},
		Volumes: []corev1.Volume{{Name: "lectern", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: r.endpoint(), Path: "token"}},
		}}}}},
	}
}

// runJob runs a Job as the agent, and returns what it logged and whether it succeeded.
func (a agent) runJob(t *testing.T, r release, args ...string) (log string, succeeded bool) {
	t.Helper()
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{GenerateName: a.name + "-", Namespace: a.namespace},
		Spec:       batchv1.JobSpec{BackoffLimit: ptr.To[int32](0), Template: corev1.PodTemplateSpec{Spec: a.podSpec(r, args...)}},
	}
	require.NoError(t, a.objects.Create(t.Context(), job))
	return a.waitForJob(t, job)
}

func (w *world) waitForJob(t *testing.T, job *batchv1.Job) (log string, succeeded bool) {
	t.Helper()
	eventually(t, "the end of job "+job.Name, func(ctx context.Context) error {
		if err := w.objects.Get(ctx, client.ObjectKeyFromObject(job), job); err != nil {
			return err
		}
		for _, c := range job.Status.Conditions {
			if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%+v", job.Status)
	})
	pods, err := w.listPods(t.Context(), job.Namespace, client.MatchingLabels{batchv1.JobNameLabel: job.Name})
	require.NoError(t, err)
	for i := range pods {
		log += w.readLog(t.Context(), &pods[i])
	}
	return log, job.Status.Succeeded > 0
}

// waitForRollout waits until all pods of a Deployment are those of its newest template, and ready.
func (w *world) waitForRollout(t *testing.T, namespace, name string) {
	t.Helper()
	eventually(t, "the rollout of "+name, func(ctx context.Context) error {
		var d appsv1.Deployment
		if err := w.objects.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &d); err != nil {
			return err
		}
		want := ptr.Deref(d.Spec.Replicas, 1)
		if s := d.Status; s.ObservedGeneration < d.Generation || s.UpdatedReplicas != want || s.Replicas != want || s.AvailableReplicas != want {
			return fmt.Errorf("%+v of %d", d.Status, want)
		}
		return nil
	})
}
