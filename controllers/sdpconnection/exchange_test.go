package sdpconnection

import (
	"context"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// brokenSecrets is an API server on which calls of the managed Secret fail, once a code was sent, as told.
type brokenSecrets struct {
	client.Client
	w *world
	// fail returns why the nth call since then fails.
	fail  func(n int) error
	calls int
}

func (b *brokenSecrets) check(name string) error {
	if !strings.HasSuffix(name, v1alpha1.ManagedCredentialsSuffix) || b.w.exchanges() == 0 {
		return nil
	}
	b.calls++
	return b.fail(b.calls)
}

func (b *brokenSecrets) Get(ctx context.Context, key client.ObjectKey, obj client.Object, o ...client.GetOption) error {
	if err := b.check(key.Name); err != nil {
		return err
	}
	return b.Client.Get(ctx, key, obj, o...)
}

func (b *brokenSecrets) Create(ctx context.Context, obj client.Object, o ...client.CreateOption) error {
	if err := b.check(obj.GetName()); err != nil {
		return err
	}
	return b.Client.Create(ctx, obj, o...)
}

func (b *brokenSecrets) Apply(ctx context.Context, obj runtime.ApplyConfiguration, o ...client.ApplyOption) error {
	if err := b.check(*obj.(*corev1apply.SecretApplyConfiguration).Name); err != nil {
		return err
	}
	return b.Client.Apply(ctx, obj, o...)
}

// absentAPIServerIsOutlasted: an API server that is away for some seconds, for writes and reads alike, costs no refresh token.
func absentAPIServerIsOutlasted(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()})
	r := w.newByHand()
	r.API = &brokenSecrets{Client: r.API, w: w, fail: func(n int) error {
		if n <= 3 {
			return apierrors.NewServiceUnavailable("away")
		}
		return nil
	}}
	now, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	if kept := readManaged(w.getSecret(t, managedName(c))); kept.RefreshToken.IsZero() || !meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the refresh token is not kept: %s", describe(now.Status.Conditions))
	}
	wantCount(t, "exchanges", w.exchanges(), 1)
}

// takenPlaceIsTold: where somebody makes a Secret of their own in the place for a refresh token, the object says so and the token waits.
func takenPlaceIsTold(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()})
	r, foreign := w.newByHand(), corev1.Secret{}
	r.API = &brokenSecrets{Client: r.API, w: w, fail: func(n int) error {
		if n > 1 {
			return nil
		}
		foreign = corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: managedName(c)}, StringData: map[string]string{"mine": "precious"}}
		require.NoError(t, w.Client.Delete(t.Context(), w.getSecret(t, managedName(c))))
		require.NoError(t, w.Client.Create(t.Context(), &foreign))
		return apierrors.NewServiceUnavailable("away")
	}}
	now, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	if ready := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady); ready.Reason != v1alpha1.ReasonSecretForeign {
		t.Errorf("the object says %s", describe(now.Status.Conditions))
	}
	require.NoError(t, w.Client.Delete(t.Context(), &foreign))
	require.Until(t, "the token is kept", func() bool {
		now, err := w.reconcileByHand(t.Context(), r, c)
		return err == nil && meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady)
	})
	if kept := readManaged(w.getSecret(t, managedName(c))); kept.RefreshToken.IsZero() || w.desk.IsRevoked(kept.RefreshToken.Reveal()) {
		t.Error("the refresh token is lost")
	}
	wantCount(t, "exchanges", w.exchanges(), 1)
}

// refusedPlaceIsRevoked: a refresh token that may not be written is told at once, and ends with the object.
func refusedPlaceIsRevoked(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()})
	r := w.newByHand()
	broken := &brokenSecrets{Client: r.API, w: w, fail: func(int) error {
		return apierrors.NewForbidden(corev1.Resource("secrets"), managedName(c), errors.New(`User "u" cannot patch resource "secrets"`))
	}}
	r.API = broken
	_, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	wantCount(t, "attempts to write what may not be written", broken.calls, 1)
	got := r.memories.of(c).unsaved.RefreshToken.Reveal()
	require.NoError(t, w.Client.Delete(t.Context(), c))
	broken.fail = func(int) error { return nil }
	_, err = w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	if !w.desk.IsRevoked(got) {
		t.Error("the refresh token lives on, and nobody has it")
	}
}

// formerTokenIsRevoked: the refresh token of an earlier code is nowhere once the one of another code is in its place.
func formerTokenIsRevoked(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}), w.newConnection(fast))
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	former := readManaged(w.getSecret(t, managedName(c))).RefreshToken.Reveal()
	w.setCredentials(t, map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()})
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	wantCount(t, "exchanges", w.exchanges(), 2)
	if now := readManaged(w.getSecret(t, managedName(c))).RefreshToken.Reveal(); !w.desk.IsRevoked(former) || w.desk.IsRevoked(now) {
		t.Errorf("the former token is revoked: %t, the one in its place: %t", w.desk.IsRevoked(former), w.desk.IsRevoked(now))
	}
	if !w.desk.IsAccepted(w.openServed(t)) {
		t.Error("ServiceDesk Plus does not take what servers call with")
	}
}
