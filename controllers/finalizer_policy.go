package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/namespaces"
)

// refuseWhileFinalizerIsSet returns an error while an admission policy sets the finalizer on new objects of the watched
// namespaces: what is created after the release would never be let go. Where nobody can look, nothing is released, either.
func refuseWhileFinalizerIsSet(ctx context.Context, api client.Client, watched namespaces.Watched) error {
	policies, err := listAdmission[admissionregistrationv1.MutatingAdmissionPolicy](ctx, api, "MutatingAdmissionPolicy")
	if err != nil {
		return err
	}
	bindings, err := listAdmission[admissionregistrationv1.MutatingAdmissionPolicyBinding](ctx, api, "MutatingAdmissionPolicyBinding")
	if err != nil {
		return err
	}
	bound := boundFinalizerPolicies(policies, bindings, watched)
	if len(bound) == 0 {
		return nil
	}
	return fmt.Errorf("an admission policy sets the finalizer on every new prompt, and nobody would drop it; delete its binding first: "+
		"kubectl delete mutatingadmissionpolicybinding %s", strings.Join(bound, " "))
}

// boundFinalizerPolicies returns the names of the bindings of policies that set the finalizer in watched namespaces, sorted. A
// policy is known by what it sets: its name is the operator's.
func boundFinalizerPolicies(policies []admissionregistrationv1.MutatingAdmissionPolicy, bindings []admissionregistrationv1.MutatingAdmissionPolicyBinding,
	watched namespaces.Watched,
) []string {
	var found []string
	for _, binding := range bindings {
		if slices.ContainsFunc(policies, func(p admissionregistrationv1.MutatingAdmissionPolicy) bool {
			return p.Name == binding.Spec.PolicyName && setsFinalizer(p) &&
				maySelect(watched, p.Spec.MatchConstraints, binding.Spec.MatchResources)
		}) {
			found = append(found, binding.Name)
		}
	}
	slices.Sort(found)
	return found
}

func setsFinalizer(p admissionregistrationv1.MutatingAdmissionPolicy) bool {
	return slices.ContainsFunc(p.Spec.Mutations, func(m admissionregistrationv1.Mutation) bool {
		return m.ApplyConfiguration != nil && strings.Contains(m.ApplyConfiguration.Expression, v1alpha1.PromptFinalizer) ||
			m.JSONPatch != nil && strings.Contains(m.JSONPatch.Expression, v1alpha1.PromptFinalizer)
	})
}

// maySelect reports whether the selectors of a policy and its binding may take one of the watched namespaces. A namespace is
// known by its name alone, which is a label of it (kubernetes.io/metadata.name); what asks for other labels may take any.
func maySelect(watched namespaces.Watched, resources ...*admissionregistrationv1.MatchResources) bool {
	if watched.IsAll() {
		return true
	}
	return slices.ContainsFunc(watched.Names(), func(namespace string) bool {
		return !slices.ContainsFunc(resources, func(r *admissionregistrationv1.MatchResources) bool {
			return r != nil && r.NamespaceSelector != nil && rulesOut(r.NamespaceSelector, namespace)
		})
	})
}

// rulesOut reports whether a selector does not take a namespace, by its name.
func rulesOut(selector *metav1.LabelSelector, namespace string) bool {
	byName := &metav1.LabelSelector{}
	if name, is := selector.MatchLabels[corev1.LabelMetadataName]; is {
		byName.MatchLabels = map[string]string{corev1.LabelMetadataName: name}
	}
	for _, requirement := range selector.MatchExpressions {
		if requirement.Key == corev1.LabelMetadataName {
			byName.MatchExpressions = append(byName.MatchExpressions, requirement)
		}
	}
	compiled, err := metav1.LabelSelectorAsSelector(byName)
	return err == nil && !compiled.Matches(labels.Set{corev1.LabelMetadataName: namespace})
}

// listAdmission returns all objects of a kind of the group admissionregistration.k8s.io, in whichever version the API server
// has of it, all of which have the same shape; none where it has no such kind.
func listAdmission[T any](ctx context.Context, api client.Client, kind string) ([]T, error) {
	mapping, err := api.RESTMapper().RESTMapping(schema.GroupKind{Group: admissionregistrationv1.GroupName, Kind: kind})
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find out whether the API server has kind %s: %w", kind, err)
	}
	listed := &unstructured.UnstructuredList{}
	listed.SetGroupVersionKind(mapping.GroupVersionKind.GroupVersion().WithKind(kind + "List"))
	if err := api.List(ctx, listed); err != nil {
		return nil, fmt.Errorf("look for a policy that sets the finalizer: %w", err)
	}
	all := make([]T, len(listed.Items))
	for i := range listed.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(listed.Items[i].Object, &all[i]); err != nil {
			return nil, fmt.Errorf("read %s %s: %w", kind, listed.Items[i].GetName(), err)
		}
	}
	return all, nil
}
