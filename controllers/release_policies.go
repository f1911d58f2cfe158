package controllers

import (
	"context"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// policyDelay is how long an API server may go on with a policy that is deleted: it reads them again once a second.
const policyDelay = 2 * time.Second

// policyKinds are the kinds of the policies in config/policies. A binding goes first: one without its policy is an error to
// every writer.
var policyKinds = []string{
	"ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy",
}

// deletePolicies deletes the policies named with their bindings, of whichever kind they are.
func (r *releaser) deletePolicies(ctx context.Context) error {
	deleted := false
	for _, kind := range policyKinds {
		for _, name := range r.policies {
			is, err := r.deletePolicy(ctx, kind, name)
			if err != nil {
				return fmt.Errorf("delete %s %s: %w", kind, name, err)
			}
			if is {
				r.say("Deleted %s %s.", kind, name)
				deleted = true
			}
		}
	}
	if !deleted {
		return nil
	}
	select { // what is created meanwhile may get the finalizer, and is to be released with the rest
	case <-time.After(policyDelay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deletePolicy deletes an object of a kind, if it and its kind are there.
func (r *releaser) deletePolicy(ctx context.Context, kind, name string) (bool, error) {
	mapping, err := r.api.RESTMapper().RESTMapping(schema.GroupKind{Group: admissionregistrationv1.GroupName, Kind: kind})
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find out whether the API server has the kind: %w", err)
	}
	policy := &unstructured.Unstructured{}
	policy.SetGroupVersionKind(mapping.GroupVersionKind)
	policy.SetName(name)
	err = r.api.Delete(ctx, policy)
	return err == nil, client.IgnoreNotFound(err)
}
