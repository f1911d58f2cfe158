package sdpconnection

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func tokenSecretIsKept(t *testing.T, w *world) {
	w.createReady(t, func(c *v1alpha1.SDPConnection) { c.Spec.TokenSecretName = "helpdesk-token" })
	kept := w.getSecret(t, "helpdesk-token")
	if got := string(kept.Data[tokenSecretToken]); got != w.openServed(t) {
		t.Error("the Secret for other workloads has another token than servers")
	}
	w.desk.KillAccessTokens()
	w.reportRefusal(t)
	require.Until(t, "the Secret has the new token", func() bool {
		return string(w.getSecret(t, "helpdesk-token").Data[tokenSecretToken]) == w.openServed(t)
	})
}

// setTokenSecretName edits the name of the Secret for other workloads, and returns the connection when that is reconciled.
func (w *world) setTokenSecretName(t *testing.T, name v1alpha1.ObjectName) *v1alpha1.SDPConnection {
	t.Helper()
	var c v1alpha1.SDPConnection
	require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "helpdesk"}, &c))
	before := c.DeepCopy()
	c.Spec.TokenSecretName = name
	require.NoError(t, w.Client.Patch(t.Context(), &c, client.MergeFrom(before)))
	return w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
}

func (w *world) hasSecret(t *testing.T, name string) bool {
	t.Helper()
	err := w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, &corev1.Secret{})
	require.NoError(t, client.IgnoreNotFound(err))
	return !apierrors.IsNotFound(err)
}

// formerTokenSecretGoes: a Secret that the manifest does not name any more would keep a token for whoever may read it.
func formerTokenSecretGoes(t *testing.T, w *world) {
	w.createReady(t, func(c *v1alpha1.SDPConnection) { c.Spec.TokenSecretName = "first-token" })
	w.setTokenSecretName(t, "second-token")
	if w.hasSecret(t, "first-token") || string(w.getSecret(t, "second-token").Data[tokenSecretToken]) != w.openServed(t) {
		t.Error("the Secret of before is there, or the new one has another token")
	}
	if c := w.setTokenSecretName(t, ""); w.hasSecret(t, "second-token") || c.Status.TokenSecretName != "" {
		t.Errorf("the Secret that is no longer named is there, or the status names %q", c.Status.TokenSecretName)
	}
	w.waitForEvent(t, v1alpha1.ReasonTokenSecretDeleted)
	wantCount(t, "refreshes", w.refreshes(), 1)
}

// formerTokenSecretOfOthersStays: one that somebody made in its place is not the connection's.
func formerTokenSecretOfOthersStays(t *testing.T, w *world) {
	w.createReady(t, func(c *v1alpha1.SDPConnection) { c.Spec.TokenSecretName = "first-token" })
	require.NoError(t, w.Client.Delete(t.Context(), w.getSecret(t, "first-token")))
	w.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "first-token"}, StringData: map[string]string{"mine": "precious"}})
	before := w.getSecret(t, "first-token").ResourceVersion
	w.setTokenSecretName(t, "second-token")
	if w.getSecret(t, "first-token").ResourceVersion != before {
		t.Error("somebody else's Secret was written")
	}
}

// writesNoOutcome stands for a controller that ends before it writes the outcome of a reconcile.
type writesNoOutcome struct{ client.Client }

func (w writesNoOutcome) Status() client.SubResourceWriter { return failingStatus{w.Client.Status()} }

type failingStatus struct{ client.SubResourceWriter }

func (f failingStatus) Patch(ctx context.Context, obj client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	if c, is := obj.(*v1alpha1.SDPConnection); is && c.Status.ObservedGeneration == c.Generation {
		return errors.New("the controller was killed")
	}
	return f.SubResourceWriter.Patch(ctx, obj, patch, options...)
}

// formerTokenSecretGoesAfterKill: a controller that ended after it made the Secret left word of it.
func formerTokenSecretGoesAfterKill(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()},
		func(c *v1alpha1.SDPConnection) { c.Spec.TokenSecretName = "first-token" })
	killed := w.newByHand()
	killed.Status.Client = writesNoOutcome{killed.Status.Client}
	if _, err := w.reconcileByHand(t.Context(), killed, c); err == nil || !w.hasSecret(t, "first-token") {
		t.Fatalf("the controller ended otherwise than was wanted: %v", err)
	}
	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	before := c.DeepCopy()
	c.Spec.TokenSecretName = ""
	require.NoError(t, w.Client.Patch(t.Context(), c, client.MergeFrom(before)))
	_, err := w.reconcileByHand(t.Context(), w.newByHand(), c)
	require.NoError(t, err)
	if w.hasSecret(t, "first-token") {
		t.Error("the Secret of before is there")
	}
}

// deletionTakesFormerTokenSecret: also one that was to go, and did not go yet.
func deletionTakesFormerTokenSecret(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()},
		func(c *v1alpha1.SDPConnection) { c.Spec.TokenSecretName = "first-token" })
	r := w.newByHand()
	c, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	before := c.DeepCopy()
	c.Spec.TokenSecretName = "second-token"
	require.NoError(t, w.Client.Patch(t.Context(), c, client.MergeFrom(before)))
	require.NoError(t, w.Client.Delete(t.Context(), c))
	_, err = w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	w.waitUntilGone(t, c)
	if w.hasSecret(t, "first-token") {
		t.Error("a Secret with a token is left")
	}
}
