package sdpconnection

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	metav1apply "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
)

// getSecret reads a Secret of the connection's namespace; nil where there is none.
func (p *pass) getSecret(ctx context.Context, name string) (*corev1.Secret, error) {
	var found corev1.Secret
	err := p.API.Get(ctx, types.NamespacedName{Namespace: p.c.Namespace, Name: name}, &found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read Secret %s: %w", name, err)
	}
	return &found, nil
}

// createSecret makes a Secret of the connection. It returns an error where one is there already.
func (p *pass) createSecret(ctx context.Context, name string, annotations map[string]string, data map[string][]byte) (*corev1.Secret, error) {
	made := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: p.c.Namespace, Name: name, Labels: map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByController},
			Annotations: p.annotate(annotations),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.SDPConnectionKind, Name: p.c.Name, UID: p.c.UID,
			}},
		},
		Data: data,
	}
	if err := p.API.Create(ctx, made, client.FieldOwner(v1alpha1.ManagedByController)); err != nil {
		return nil, fmt.Errorf("create Secret %s: %w", name, err)
	}
	return made, nil
}

// applySecret writes a Secret of the connection as it was read: one that changed meanwhile is a conflict.
func (p *pass) applySecret(ctx context.Context, read *corev1.Secret, annotations map[string]string, data map[string][]byte) (*corev1.Secret, error) {
	wanted := corev1apply.Secret(read.Name, read.Namespace).
		WithResourceVersion(read.ResourceVersion).
		WithLabels(map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByController}).
		WithAnnotations(p.annotate(annotations)).
		WithOwnerReferences(metav1apply.OwnerReference().
			WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(v1alpha1.SDPConnectionKind).WithName(p.c.Name).WithUID(p.c.UID))
	if len(data) > 0 {
		wanted = wanted.WithData(data)
	}
	if err := p.API.Apply(ctx, wanted, client.FieldOwner(v1alpha1.ManagedByController), client.ForceOwnership); err != nil {
		return nil, fmt.Errorf("write Secret %s: %w", read.Name, err)
	}
	return p.getSecret(ctx, read.Name)
}

func (p *pass) annotate(annotations map[string]string) map[string]string {
	all := map[string]string{connectionAnnotation: connectionobject.KeyOf(p.c).String()}
	maps.Copy(all, annotations)
	return all
}

// deleteSecret deletes a Secret that is the connection's, as it was read.
func (p *pass) deleteSecret(ctx context.Context, read *corev1.Secret) error {
	err := p.API.Delete(ctx, read, client.Preconditions{UID: &read.UID, ResourceVersion: &read.ResourceVersion})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Secret %s: %w", read.Name, err)
	}
	return nil
}

// secretForeign says that a Secret which the controller would write is somebody else's.
func secretForeign(name, purpose string) *failure {
	return failBlocked("", v1alpha1.ReasonSecretForeign, fmt.Sprintf(
		"Secret %s, in which Lectern %s, is there already and was not made for this connection; it is left as it is: rename or delete it", name, purpose))
}
