package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// keptCredentials are those in the managed Secret, and the Secret as it was read.
type keptCredentials struct {
	connectionlogin.Kept
	secret *corev1.Secret
	owner  ownership
}

// readKept reads the managed Secret. One of an object of this name that is gone becomes this one's, and a refresh token that could
// not be written before is written now.
func (p *pass) readKept(ctx context.Context) (keptCredentials, error) {
	secret, err := p.getSecret(ctx, managedName(p.c))
	if err != nil {
		return keptCredentials{}, err
	}
	kept := keptCredentials{secret: secret, owner: ownershipOf(secret, p.c)}
	if kept.owner == ownedByOthers {
		return kept, nil // it matters only where one is needed
	}
	kept.Kept = readManaged(secret)
	if kept.owner == ownedByPredecessor {
		if err := p.write(ctx, &kept, kept.Kept); err != nil {
			return kept, err
		}
		kept.owner = ownedByConnection
		p.Status.RecordEvent(p.c, corev1.EventTypeNormal, "Adopted", fmt.Sprintf(
			"took over Secret %s of a connection of this name that is gone", secret.Name))
	}
	if unsaved := p.memory.unsaved; unsaved != nil {
		if err := p.saveRefreshToken(ctx, &kept, *unsaved); err != nil {
			return kept, err
		}
	}
	return kept, nil
}

// write puts credentials into the managed Secret, which is made where there is none.
func (p *pass) write(ctx context.Context, kept *keptCredentials, managed connectionlogin.Kept) error {
	var err error
	var written *corev1.Secret
	if kept.secret == nil {
		written, err = p.createSecret(ctx, managedName(p.c), managedAnnotations(managed), managedData(managed))
	} else {
		written, err = p.applySecret(ctx, kept.secret, managedAnnotations(managed), managedData(managed))
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return failRetrying("", v1alpha1.ReasonContended, "other changes came first; trying again", time.Second)
	}
	if err != nil {
		return err
	}
	kept.secret, kept.Kept = written, managed
	return nil
}

// saveRefreshToken writes a refresh token into its Secret, however often that takes within keepTimeout. What cannot be written is remembered: it
// is nowhere else.
func (p *pass) saveRefreshToken(ctx context.Context, kept *keptCredentials, managed connectionlogin.Kept) error {
	p.memory.unsaved = &managed
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	pause := time.NewTicker(keepTimeout / 20)
	defer pause.Stop()
	for err := p.write(keeping, kept, managed); err != nil; err = p.writeAgain(keeping, kept, managed) {
		failed, is := errors.AsType[*failure](err)
		if is && failed.reason == v1alpha1.ReasonSecretForeign || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) {
			return err // which the next attempt meets as well
		}
		select {
		case <-keeping.Done():
			return err
		case <-pause.C:
		}
	}
	p.memory.unsaved = nil
	return nil
}

// writeAgain is write, on the managed Secret as it is now.
func (p *pass) writeAgain(ctx context.Context, kept *keptCredentials, managed connectionlogin.Kept) error {
	found, err := p.getSecret(ctx, managedName(p.c))
	if err != nil {
		return err
	}
	if ownershipOf(found, p.c) == ownedByOthers {
		return p.managedForeign()
	}
	kept.secret = found
	return p.write(ctx, kept, managed)
}

// managedForeign says that the managed Secret is somebody else's.
func (p *pass) managedForeign() *failure {
	return secretForeign(managedName(p.c), "keeps the refresh token that it gets for the grant code")
}

// exchange spends a grant code. The place for the refresh token is made before, and the code is marked as spent in it: a code that is
// marked is never sent again, by whoever takes over.
func (p *pass) exchange(ctx context.Context, kept keptCredentials, code string) error {
	if kept.owner == ownedByOthers {
		return p.managedForeign()
	}
	if kept.secret == nil {
		if err := p.write(ctx, &kept, kept.Kept); err != nil {
			return err
		}
	}
	faultpoint.Hit(faultpoint.ManagedSecretMade)
	at := p.Clock.Now()
	request, err := p.claim(ctx, store.TokenClaim{
		Kind: store.TokenExchange, Cause: store.CauseScheduled, At: at,
	})
	if err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.ExchangeClaimed)
	if err := p.write(ctx, &kept, kept.WithSpent(code)); err != nil { // who is first here sends it
		return errors.Join(err, p.recordUnsent(ctx, request))
	}
	faultpoint.Hit(faultpoint.CodeMarked)
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenCallTimeout)
	defer cancel()
	sent := p.Clock.Now()
	issued, err := oauth.Exchange(calling, p.remote.sender, p.remote.accounts, p.login.Client, p.login.Exchange, "")
	p.auditToken(ctx, "exchange grant code", sent, err)
	faultpoint.Hit(faultpoint.CodeSent)
	if err != nil {
		return p.exchangeFailed(ctx, kept, code, request, err)
	}
	former := kept.Kept
	got := former
	got.ClientID, got.RefreshToken, got.Code = p.login.Client.ID, issued.Refresh, code
	if err := p.saveRefreshToken(ctx, &kept, got); err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.RefreshTokenKept)
	p.login.RefreshToken = issued.Refresh
	if err := p.storeIssued(ctx, store.TokenExchange, request, issued, at); err != nil {
		return err
	}
	if !former.RefreshToken.Equal(issued.Refresh) {
		p.revoke(ctx, former)
	}
	return nil
}

// recordUnsent ends a claim of which nothing was sent.
func (p *pass) recordUnsent(ctx context.Context, request int64) error {
	_, err := p.Store.EndTokenRequest(ctx, store.TokenRequestResult{
		Request: request, Key: connectionobject.KeyOf(p.c), UID: string(p.c.UID), Outcome: store.TokenFailed, Detail: "not sent", At: p.Clock.Now(),
	})
	return err
}

// exchangeFailed writes down that a code gave nothing. Only where nothing can have been sent it may be sent again.
func (p *pass) exchangeFailed(ctx context.Context, kept keptCredentials, code string, request int64, failed error) error {
	said := p.recordFailed(ctx, store.TokenExchange, request, failed)
	p.memory.denied = nil // what was denied is the code, which its mark tells
	managed := kept.Kept
	managed.Outcome = failed.Error()
	known, is := errors.AsType[*oauth.Error](failed)
	if wasSent := !is || known.Outcome != oauth.NotSent; !wasSent {
		managed = managed.WithoutSpent(code, failed.Error())
	} else {
		p.memory.failures, p.memory.pause = 0, requestPause{} // a new code waits for nothing
		secret := "Secret " + string(p.c.Spec.Credentials.SecretName)
		_, said = orFailure(connectionlogin.ChooseAfterFailure(secret, p.login, redact.Secret{}, managed.Outcome))
		if !managed.RefreshToken.IsZero() {
			p.requeueWithin(time.Second) // with the one of an earlier code
		}
	}
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	if err := p.write(keeping, &kept, managed); err != nil {
		return err
	}
	return said
}
