//go:build argocd

package argocd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/gitops"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// chartSource is the repository that config/argocd names for the chart.
const chartSource = "https://git.example.com/platform/lectern.git"

// newChartRepository makes a repository with the samples and the chart.
func newChartRepository(t *testing.T) *gitops.Repository {
	t.Helper()
	repository, err := gitops.NewRepository(t.Context(), t.TempDir())
	require.NoError(t, err)
	root, err := testenv.Root()
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(filepath.Join(repository.Dir, "charts", "lectern"), os.DirFS(filepath.Join(root, "charts", "lectern"))))
	_, err = repository.Commit(t.Context(), "Take the chart")
	require.NoError(t, err)
	return repository
}

// TestChart installs the chart, without nodes: nothing differs afterwards, and it goes by the commands of docs/argocd.md.
func TestChart(t *testing.T) {
	ctx := t.Context()
	repository := newChartRepository(t)
	require.NoError(t, createApplication(ctx, "chart.yaml", map[string]string{
		chartSource: "file://" + repository.Dir, "targetRevision: v0.2.0": "targetRevision: main", "namespace: lectern-system": "namespace: charted",
	}))
	a := application{"lectern"}
	_, err := a.waitUntil(ctx, "", "Progressing")
	require.NoError(t, err)
	require.NoError(t, completeWorkloads(ctx, "charted"))
	_, err = a.waitUntil(ctx, "", "Healthy")
	require.NoError(t, err)
	for range 2 {
		said, err := a.waitUntilCompared(ctx)
		require.NoError(t, err)
		if said.Status.Sync.Status != "Synced" || len(said.Status.History) != 1 {
			t.Errorf("compared again it is %s, with a history of %d syncs, want Synced and 1: %v", said.Status.Sync.Status, len(said.Status.History), said.Status.Resources)
		}
	}
	require.NoError(t, world.Kubectl(ctx, "patch", "application", "lectern", "--namespace=argocd", "--type=merge",
		"--patch", `{"metadata":{"finalizers":["resources-finalizer.argocd.argoproj.io"]}}`))
	require.NoError(t, world.Kubectl(ctx, "delete", "application", "lectern", "--namespace=argocd", "--timeout=4m"))
	require.NoError(t, waitUntilNoDeployments(ctx, "charted"))
	require.NoError(t, world.Kubectl(ctx, "get", "customresourcedefinition", "prompts.lectern.dev"))
}

// TestWaves installs Lectern and its prompts by one Application, and deletes it.
func TestWaves(t *testing.T) {
	ctx := t.Context()
	repository := newChartRepository(t)
	require.NoError(t, createApplication(ctx, "application.yaml", map[string]string{
		chartSource: "file://" + repository.Dir, promptsSource: "file://" + repository.Dir, "targetRevision: v0.2.0": "targetRevision: main",
		"namespace: lectern-system": "namespace: waves", "namespace: support": "namespace: waves",
	}))
	a := application{"lectern"}
	require.NoError(t, world.Until(ctx, func(ctx context.Context) error {
		said, err := a.read(ctx)
		if err != nil {
			return err
		}
		if state := said.Status.OperationState; state.Phase != "Running" || !strings.HasPrefix(state.Message, "waiting for healthy state of ") {
			return fmt.Errorf("the sync is %s: %s %v; want it to wait", state.Phase, state.Message, said.Status.Conditions)
		}
		var deployments appsv1.DeploymentList
		if err := world.API.List(ctx, &deployments, client.InNamespace("waves")); err != nil || len(deployments.Items) != 2 {
			return fmt.Errorf("there are %d Deployments (%w)", len(deployments.Items), err)
		}
		return nil
	}))
	if names := listPrompts(t, "waves"); len(names) > 0 {
		t.Errorf("before Lectern is healthy there are prompts %v", names)
	}
	require.NoError(t, completeWorkloads(ctx, "waves"))
	_, err := a.waitUntil(ctx, "", "Healthy")
	require.NoError(t, err)
	if names := listPrompts(t, "waves"); len(names) != 6 {
		t.Errorf("there are prompts %v, want 6", names)
	}

	// Prompts that cannot go yet hold Lectern.
	require.NoError(t, world.Postgres.StopServer(ctx))
	require.NoError(t, world.Kubectl(ctx, "delete", "application", "lectern", "--namespace=argocd", "--wait=false"))
	for _, name := range []string{"house-style", "ticket-triage"} {
		require.NoError(t, world.Until(ctx, func(ctx context.Context) error {
			var p v1alpha1.Prompt
			if err := world.API.Get(ctx, client.ObjectKey{Namespace: "waves", Name: name}, &p); err != nil {
				return err
			}
			if p.DeletionTimestamp == nil {
				return fmt.Errorf("%s is not being deleted", name)
			}
			return nil
		}))
	}
	require.NoError(t, world.Postgres.StartServer(ctx))
	require.NoError(t, world.Until(ctx, func(ctx context.Context) error {
		var deployments appsv1.DeploymentList
		if err := world.API.List(ctx, &deployments, client.InNamespace("waves")); err != nil {
			return err
		}
		going := len(deployments.Items) < 2
		for _, d := range deployments.Items {
			going = going || d.DeletionTimestamp != nil
		}
		if names := listPrompts(t, "waves"); going && len(names) > 0 {
			t.Errorf("Lectern goes before the prompts %v", names)
		}
		if len(deployments.Items) > 0 {
			return fmt.Errorf("%d Deployments are still there", len(deployments.Items))
		}
		return nil
	}))
	require.NoError(t, world.Kubectl(ctx, "wait", "--for=delete", "application/lectern", "--namespace=argocd", "--timeout=4m"))
	require.NoError(t, world.Kubectl(ctx, "get", "customresourcedefinition", "prompts.lectern.dev"))
}

// listPrompts returns the names of the prompts of a namespace.
func listPrompts(t *testing.T, namespace string) []string {
	t.Helper()
	var all v1alpha1.PromptList
	require.NoError(t, world.API.List(t.Context(), &all, client.InNamespace(namespace)))
	var names []string
	for _, p := range all.Items {
		names = append(names, p.Name)
	}
	return names
}

// completeWorkloads writes the statuses that kube-controller-manager and kubelets, which are not here, would write of what runs.
func completeWorkloads(ctx context.Context, namespace string) error {
	var deployments appsv1.DeploymentList
	var budgets policyv1.PodDisruptionBudgetList
	return world.Until(ctx, func(ctx context.Context) error {
		if err := errors.Join(world.API.List(ctx, &deployments, client.InNamespace(namespace)), world.API.List(ctx, &budgets, client.InNamespace(namespace))); err != nil {
			return err
		}
		if len(deployments.Items) != 2 || len(budgets.Items) == 0 {
			return fmt.Errorf("there are %d Deployments and %d budgets", len(deployments.Items), len(budgets.Items))
		}
		var failed error
		for i := range deployments.Items {
			d := &deployments.Items[i]
			n := *d.Spec.Replicas
			d.Status = appsv1.DeploymentStatus{
				ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
				Conditions: []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable"}},
			}
			failed = errors.Join(failed, world.API.Status().Update(ctx, d))
		}
		for i := range budgets.Items {
			b := &budgets.Items[i]
			b.Status = policyv1.PodDisruptionBudgetStatus{ObservedGeneration: b.Generation, DisruptionsAllowed: 1, CurrentHealthy: 2, DesiredHealthy: 1, ExpectedPods: 2}
			b.Status.Conditions = []metav1.Condition{{
				Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionTrue, Reason: policyv1.SufficientPodsReason,
				LastTransitionTime: metav1.Now(), ObservedGeneration: b.Generation,
			}}
			failed = errors.Join(failed, world.API.Status().Update(ctx, b))
		}
		return failed
	})
}

func waitUntilNoDeployments(ctx context.Context, namespace string) error {
	return world.Until(ctx, func(ctx context.Context) error {
		var deployments appsv1.DeploymentList
		err := world.API.List(ctx, &deployments, client.InNamespace(namespace))
		if err == nil && len(deployments.Items) > 0 {
			err = fmt.Errorf("%d Deployments are still there", len(deployments.Items))
		}
		return err
	})
}
