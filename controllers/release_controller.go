package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// stopInterval is the time between two questions whether the controller has ended.
const stopInterval = time.Second

// stopController scales the controller's Deployment to zero, and waits until its pods have ended and nobody holds the Lease.
func (r *releaser) stopController(ctx context.Context) error {
	if r.deployment == "" {
		return nil
	}
	pods, err := r.scaleToZero(ctx)
	if err != nil {
		return err
	}
	runs := errors.New("nobody looked yet")
	err = wait.PollUntilContextCancel(ctx, stopInterval, true, func(ctx context.Context) (bool, error) {
		runs = r.checkStopped(ctx, pods)
		return runs == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait until the controller has ended: %w", runs)
	}
	r.say("Stopped the controller of Deployment %s/%s.", r.cluster.leaseNamespace, r.deployment)
	return nil
}

// scaleToZero returns what selects the pods of the Deployment; of one that is gone, none.
func (r *releaser) scaleToZero(ctx context.Context) (labels.Selector, error) {
	var deployment appsv1.Deployment
	err := r.api.Get(ctx, types.NamespacedName{Namespace: r.cluster.leaseNamespace, Name: r.deployment}, &deployment)
	if apierrors.IsNotFound(err) {
		return labels.Nothing(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the Deployment of the controller: %w", err)
	}
	pods, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("read the selector of Deployment %s: %w", r.deployment, err)
	}
	toZero := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":0}}`))
	if err := r.api.SubResource("scale").Patch(ctx, &deployment, toZero, client.WithSubResourceBody(&autoscalingv1.Scale{})); err != nil {
		return nil, fmt.Errorf("scale Deployment %s to zero: %w", r.deployment, err)
	}
	return pods, nil
}

// checkStopped returns an error while a pod of the Deployment runs, or somebody holds the Lease. A pod that ends may still
// take it, until it has heard that it ends.
func (r *releaser) checkStopped(ctx context.Context, ofDeployment labels.Selector) error {
	var pods corev1.PodList
	if err := r.api.List(ctx, &pods, client.InNamespace(r.cluster.leaseNamespace), client.MatchingLabelsSelector{Selector: ofDeployment}); err != nil {
		return fmt.Errorf("list the controller's pods: %w", err)
	}
	var running []string
	for i := range pods.Items {
		// Asked again here: where the Deployment is gone, what selects nothing reads as no selector, which is all pods.
		if pod := &pods.Items[i]; mayRun(pod) && ofDeployment.Matches(labels.Set(pod.Labels)) {
			running = append(running, pod.Name)
		}
	}
	if len(running) > 0 {
		slices.Sort(running)
		return fmt.Errorf("these pods have not ended: %s", excerpt.List(running, ", "))
	}
	holder, err := r.leaseHolder(ctx)
	if err == nil && holder != "" {
		err = fmt.Errorf("%s holds the Lease %s", holder, r.cluster.controllerName())
	}
	return err
}

// mayRun reports whether a pod is a replica of a Deployment, and has not ended.
func mayRun(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return owner != nil && owner.Kind == "ReplicaSet" && !ended
}

// leaseHolder returns who holds the Lease of the installation; empty when nobody does, or it ran out.
func (r *releaser) leaseHolder(ctx context.Context) (string, error) {
	var lease coordinationv1.Lease
	err := r.api.Get(ctx, types.NamespacedName{Namespace: r.cluster.leaseNamespace, Name: r.cluster.leaseName}, &lease)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the Lease of the controller: %w", err)
	}
	spec := lease.Spec
	if spec.HolderIdentity == nil || spec.RenewTime == nil || spec.LeaseDurationSeconds == nil {
		return "", nil
	}
	if ends := spec.RenewTime.Add(time.Duration(*spec.LeaseDurationSeconds) * time.Second); time.Now().After(ends) {
		return "", nil
	}
	return *spec.HolderIdentity, nil
}

// deleteLease deletes the Lease of a controller that was stopped for good: it is the one object that a controller makes and
// nothing owns.
func (r *releaser) deleteLease(ctx context.Context) error {
	if r.deployment == "" {
		return nil
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: r.cluster.leaseNamespace, Name: r.cluster.leaseName}}
	if err := r.api.Delete(ctx, lease); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete the Lease of the controller: %w", err)
	}
	return nil
}
