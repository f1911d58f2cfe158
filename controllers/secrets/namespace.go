package secrets

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

const (
	// collectionTimeout is how long a Secret of an installation that is gone may take to go, too.
	collectionTimeout = 2 * time.Minute
	collectionPause   = time.Second
)

// Namespace is where an installation keeps its Secrets.
type Namespace struct {
	Name string
	// API asks the API server itself, never a cache.
	API client.Client
	// Owner is the Deployment of the controller, with which Secrets go; nil for none.
	Owner *metav1.OwnerReference
	Log   logr.Logger
}

// FindOwner sets Owner to a Deployment of the namespace.
func (n *Namespace) FindOwner(ctx context.Context, deployment string) error {
	var found appsv1.Deployment
	if err := n.API.Get(ctx, n.keyOf(deployment), &found); err != nil {
		return fmt.Errorf("read Deployment %s, which owns what the controller makes: %w", n.keyOf(deployment), err)
	}
	n.Owner = &metav1.OwnerReference{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment", Name: found.Name, UID: found.UID}
	return nil
}

func (n *Namespace) keyOf(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: n.Name, Name: name}
}

// Wanted is a Secret that has to be there.
type Wanted struct {
	Name string
	// Keys are those it has to have.
	Keys []string
	// IsOwned says that it goes with the installation.
	IsOwned bool
	// Make returns what is in it, where it has to be made, and its annotations.
	Make func(ctx context.Context) (values map[string][]byte, annotations map[string]string, err error)
}

// Ensure returns a Secret, which it makes where there is none. Any number may do so at once: the first one's values win. It waits for
// the garbage collector to take a Secret of an installation of before.
func (n *Namespace) Ensure(ctx context.Context, wanted Wanted) (*corev1.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, collectionTimeout)
	defer cancel()
	for isTold := false; ; {
		secret, err := n.getOrCreate(ctx, wanted)
		switch {
		case err != nil:
			return nil, err
		case secret == nil: // another one was first
			continue
		case !n.isLeaving(secret):
			if err := checkKeys(secret, wanted.Keys); err != nil {
				return nil, err
			}
			n.alignOwner(ctx, secret, wanted.IsOwned)
			return secret, nil
		case !isTold:
			isTold = true
			n.Log.Info("Waiting for the Secret of an installation of before to be collected", "Secret", n.keyOf(wanted.Name))
		}
		pause := time.NewTimer(collectionPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, fmt.Errorf("the Secret %s belongs to a Deployment that is gone, and was not collected within %s; delete it", n.keyOf(wanted.Name), collectionTimeout)
		case <-pause.C:
		}
	}
}

// getOrCreate returns nil when somebody else made the Secret in between.
func (n *Namespace) getOrCreate(ctx context.Context, wanted Wanted) (*corev1.Secret, error) {
	secret, err := n.Get(ctx, wanted.Name)
	if !apierrors.IsNotFound(err) {
		return secret, err
	}
	values, annotations, err := wanted.Make(ctx)
	if err != nil {
		return nil, fmt.Errorf("make Secret %s: %w", n.keyOf(wanted.Name), err)
	}
	made := &corev1.Secret{Data: values}
	made.Namespace, made.Name, made.Annotations = n.Name, wanted.Name, annotations
	made.Labels = map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByController}
	if wanted.IsOwned && n.Owner != nil {
		made.OwnerReferences = []metav1.OwnerReference{*n.Owner}
	}
	switch err := n.API.Create(ctx, made); {
	case apierrors.IsAlreadyExists(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("create Secret %s: %w", n.keyOf(wanted.Name), err)
	}
	n.Log.Info("Made a Secret", "Secret", n.keyOf(wanted.Name), "keys", wanted.Keys)
	return made, nil
}

// Get reads a Secret.
func (n *Namespace) Get(ctx context.Context, name string) (*corev1.Secret, error) {
	var secret corev1.Secret
	if err := n.API.Get(ctx, n.keyOf(name), &secret); err != nil {
		return nil, fmt.Errorf("read Secret %s: %w", n.keyOf(name), err)
	}
	return &secret, nil
}

// isOurs says whether this package made a Secret.
func isOurs(secret *corev1.Secret) bool {
	return secret.Labels[v1alpha1.ManagedByLabel] == v1alpha1.ManagedByController
}

// isLeaving says whether a Secret is deleted, or will be because the Deployment that it belongs to is another than ours.
func (n *Namespace) isLeaving(secret *corev1.Secret) bool {
	if secret.DeletionTimestamp != nil {
		return true
	}
	return isOurs(secret) && n.Owner != nil && len(secret.OwnerReferences) > 0 &&
		!slices.ContainsFunc(secret.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == n.Owner.UID })
}

// checkKeys returns an error when a Secret does not have all keys. Nothing is added to it: it may be another's.
func checkKeys(secret *corev1.Secret, keys []string) error {
	missing := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return len(secret.Data[key]) > 0 })
	if len(missing) == 0 {
		return nil
	}
	whose := "was not made by Lectern's controller"
	if isOurs(secret) {
		whose = "was made by Lectern's controller"
	}
	return fmt.Errorf("the Secret %s %s and lacks the keys %s: it is left as it is; add them, name another Secret, or delete this one so that one is made",
		client.ObjectKeyFromObject(secret), whose, strings.Join(missing, ", "))
}

// alignOwner has a Secret of ours go with the installation, or stay. Where it may not, that is told: what is in the Secret is right.
func (n *Namespace) alignOwner(ctx context.Context, secret *corev1.Secret, isOwned bool) {
	if n.Owner == nil || !isOurs(secret) || isOwned == (len(secret.OwnerReferences) > 0) {
		return
	}
	before := secret.DeepCopy()
	secret.OwnerReferences = nil
	if isOwned {
		secret.OwnerReferences = []metav1.OwnerReference{*n.Owner}
	}
	if err := n.API.Patch(ctx, secret, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		n.Log.Error(err, "Cannot change whether a Secret goes with the Deployment of the controller", "Secret", client.ObjectKeyFromObject(secret), "goes", isOwned)
	}
}
