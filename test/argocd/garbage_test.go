//go:build argocd

package argocd

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// collectedKinds are those of what Applications here delete.
var collectedKinds = []schema.GroupVersionKind{
	v1alpha1.GroupVersion.WithKind("PromptList"),
	{Group: "apps", Version: "v1", Kind: "DeploymentList"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudgetList"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicyList"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleList"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBindingList"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleList"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBindingList"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicyList"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicyBindingList"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingAdmissionPolicyList"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingAdmissionPolicyBindingList"},
	{Version: "v1", Kind: "ServiceList"}, {Version: "v1", Kind: "ServiceAccountList"}, {Version: "v1", Kind: "ConfigMapList"}, {Version: "v1", Kind: "SecretList"},
}

// collectGarbage does what kube-controller-manager, which is not here, does of a foreground deletion of objects that nothing
// belongs to. Argo CD deletes in the foreground.
func collectGarbage(ctx context.Context) {
	for ctx.Err() == nil {
		for _, kind := range collectedKinds {
			all := &metav1.PartialObjectMetadataList{}
			all.SetGroupVersionKind(kind)
			if err := world.API.List(ctx, all); err != nil {
				continue // asked again soon
			}
			for i := range all.Items {
				release(ctx, &all.Items[i])
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func release(ctx context.Context, object *metav1.PartialObjectMetadata) {
	if object.DeletionTimestamp == nil || !slices.Contains(object.Finalizers, metav1.FinalizerDeleteDependents) {
		return
	}
	before := object.DeepCopy()
	controllerutil.RemoveFinalizer(object, metav1.FinalizerDeleteDependents)
	// What changed meanwhile is met again.
	_ = world.API.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}
