package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
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
		r.memories.forget(c.UID)
		return ctrl.Result{}, nil // another's finalizer holds the object: nothing of ours is left
	}
	err := r.Store.RemoveConnection(ctx, connectionobject.KeyOf(c), string(c.UID))
	faultpoint.Hit(faultpoint.ConnectionRemoved)
	foreign, isForeign := errors.AsType[*store.ForeignClusterError](err)
	switch {
	case err == nil, isForeign && foreign.Owner != "": // in another cluster's database no row is ours
		p := r.newPass(c)
		p.revoke(ctx)
		faultpoint.Hit(faultpoint.TokenRevoked)
		p.deleteSecrets(ctx)
	case r.Clock.Since(c.DeletionTimestamp.Time) >= max(r.ReleaseTimeout-releaseMargin, r.ReleaseTimeout/2):
		releasedWithoutRow.Inc()
		r.Status.RecordWarning(c, v1alpha1.ReasonReleased, fmt.Sprintf("the database stayed away for %s, so the object is let go; "+
			"servers keep its token until it expires, and the refresh token was not revoked", duration.HumanDuration(r.ReleaseTimeout)))
	default:
		before := c.DeepCopy()
		return r.Status.Finish(ctx, before, c, failureOf(err).outcome(r.Interval))
	}
	r.memories.forget(c.UID)
	return status.ResultOfPatch(r.Status.DropFinalizer(ctx, c, v1alpha1.SDPConnectionFinalizer))
}

// revoke ends the refresh token that was got for a grant code, unless another connection uses it.
func (p *pass) revoke(ctx context.Context) {
	if !slices.Contains(p.Namespaces, p.c.Namespace) || p.c.Spec.Edition == v1alpha1.EditionOnPremises {
		return
	}
	secret, err := p.getSecret(ctx, managedName(p.c))
	if err != nil {
		p.tellNotRevoked(err.Error())
		return
	}
	managed := readManaged(secret)
	if ownershipOf(secret, p.c) != ownedByConnection || managed.RefreshToken.IsZero() {
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
	certificates, err := p.readCABundle(ctx)
	if err == nil {
		p.remote, err = p.openRemote(certificates)
	}
	if err != nil {
		p.tellNotRevoked(err.Error())
		return
	}
	calling, cancel := context.WithTimeout(ctx, tokenCallTimeout)
	defer cancel()
	err = oauth.Revoke(calling, p.remote.sender, p.remote.accounts, managed.RefreshToken)
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
	for _, name := range []string{managedName(p.c), string(p.c.Spec.TokenSecretName)} {
		if name == "" {
			continue
		}
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
