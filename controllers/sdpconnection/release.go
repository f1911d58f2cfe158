package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/sets"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/store"
)

// releaseMargin is how much before the end of ReleaseTimeout a deleted object is let go.
const releaseMargin = 30 * time.Second

// release takes a deleted connection from the servers, revokes what was exchanged for it, deletes its Secrets and lets the object
// go. Revocation and Secrets are best effort: an event tells what was left.
func (r *Reconciler) release(ctx context.Context, c *v1alpha1.SDPConnection) (ctrl.Result, error) {
	if !controllerutil.ContainsFinalizer(c, v1alpha1.SDPConnectionFinalizer) {
		r.memories.forget(client.ObjectKeyFromObject(c))
		return ctrl.Result{}, nil // another's finalizer holds the object: nothing of ours is left
	}
	err := r.Store.RemoveConnection(ctx, connectionobject.KeyOf(c), string(c.UID))
	faultpoint.Hit(faultpoint.ConnectionRemoved)
	foreign, isForeign := errors.AsType[*store.ForeignClusterError](err)
	switch {
	case err == nil, isForeign && foreign.Owner != "": // in another cluster's database no row is ours
		p := r.newPass(c)
		p.revokeExchanged(ctx)
		faultpoint.Hit(faultpoint.TokenRevoked)
		p.deleteSecrets(ctx)
	case r.Clock.Since(c.DeletionTimestamp.Time) >= max(r.ReleaseTimeout-releaseMargin, r.ReleaseTimeout/2):
		releasedWithoutRow.Inc()
		r.Status.RecordWarning(c, v1alpha1.ReasonReleased, fmt.Sprintf("the database stayed away for %s, so the object is let go; "+
			"%s", duration.HumanDuration(r.ReleaseTimeout), whatServersKeep(c.Spec.Edition)))
	default:
		before := c.DeepCopy()
		return r.Status.Finish(ctx, before, c, failureOf(err).outcome(r.Interval))
	}
	r.memories.forget(client.ObjectKeyFromObject(c))
	return status.ResultOfPatch(r.Status.DropFinalizer(ctx, c, v1alpha1.SDPConnectionFinalizer))
}

// whatServersKeep says what a released connection leaves with the servers when its row could not be removed.
func whatServersKeep(edition v1alpha1.Edition) string {
	if edition == v1alpha1.EditionOnPremises {
		return "servers keep its API key, which does not expire, until upkeep finds the row without an object"
	}
	return "servers keep its token until it expires, and a refresh token that was got for a grant code was not revoked"
}

// revokeExchanged ends what was got for the connection's grant code.
func (p *pass) revokeExchanged(ctx context.Context) {
	if p.c.Spec.Edition == v1alpha1.EditionOnPremises {
		return
	}
	if !slices.Contains(p.Namespaces, p.c.Namespace) {
		p.tellNotRevoked("this installation does not serve the namespace, so whether there is one is not known")
		return
	}
	secret, err := p.getSecret(ctx, managedName(p.c))
	if err != nil {
		p.tellNotRevoked(err.Error())
	}
	var exchanged []connectionlogin.Kept
	if ownershipOf(secret, p.c) == ownedByConnection {
		exchanged = append(exchanged, readManaged(secret))
	}
	if p.memory.unsaved != nil {
		exchanged = append(exchanged, *p.memory.unsaved)
	}
	if !slices.ContainsFunc(exchanged, func(m connectionlogin.Kept) bool { return !m.RefreshToken.IsZero() }) {
		return
	}
	certificates, err := p.readCABundle(ctx)
	if err == nil {
		p.remote, err = p.openRemote(certificates)
	}
	if err != nil {
		p.tellNotRevoked(err.Error())
		return
	}
	for _, managed := range exchanged {
		p.revoke(ctx, managed)
	}
}

// revoke ends a refresh token that was got for a grant code, unless another connection uses it.
func (p *pass) revoke(ctx context.Context, managed connectionlogin.Kept) {
	if managed.RefreshToken.IsZero() {
		return
	}
	shared, err := p.Store.IsFingerprintShared(ctx, store.FingerprintRefreshToken(managed.ClientID, managed.RefreshToken.Reveal()), string(p.c.UID))
	if err != nil {
		p.tellNotRevoked("it is not known whether another connection uses it")
		return
	}
	if shared {
		return
	}
	calling, cancel := context.WithTimeout(ctx, tokenCallTimeout)
	defer cancel()
	sent := p.Clock.Now()
	err = oauth.Revoke(calling, p.remote.sender, p.remote.accounts, managed.RefreshToken)
	p.auditToken(ctx, "revoke token", sent, err)
	if known, is := errors.AsType[*oauth.Error](err); is && known.Outcome == oauth.InvalidToken {
		err = nil // it is gone already
	}
	if err != nil {
		p.tellNotRevoked(err.Error())
		return
	}
	p.Status.RecordEvent(p.c, corev1.EventTypeNormal, v1alpha1.ReasonRevoked, "the refresh token that was got for the grant code is revoked")
}

func (p *pass) tellNotRevoked(why string) {
	p.Status.RecordWarning(p.c, v1alpha1.ReasonRevocationFailed,
		"the refresh token that was got for the grant code is not revoked: "+why+"; remove it in the account's connected applications")
}

// deleteSecrets deletes what was written for the connection. What stays goes with the object, which owns it.
func (p *pass) deleteSecrets(ctx context.Context) {
	if !slices.Contains(p.Namespaces, p.c.Namespace) {
		return
	}
	names := sets.New(managedName(p.c), string(p.c.Spec.TokenSecretName), string(p.c.Status.TokenSecretName)).Delete("")
	for _, name := range sets.List(names) {
		secret, err := p.getSecret(ctx, name)
		if err == nil && ownershipOf(secret, p.c) == ownedByConnection {
			err = p.deleteSecret(ctx, secret)
		}
		if err != nil {
			p.Status.RecordWarning(p.c, v1alpha1.ReasonReleased, "Secret "+name+" could not be deleted; it goes with the object, which owns it")
			ctrl.LoggerFrom(ctx).Error(err, "Cannot delete a Secret of a deleted connection", "Secret", name)
		}
	}
}
