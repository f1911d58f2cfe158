package sdpconnection

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// ensureAPIKey sees to it that servers have the API key, once ServiceDesk Plus took it.
func (p *pass) ensureAPIKey(ctx context.Context, given connectionlogin.Credentials) error {
	fingerprint := store.FingerprintAPIKey(given.APIKey.Reveal())
	_, notOpened := p.openToken()
	refusal, isRefused := p.refusals.of(p.c.UID, p.token)
	isStored := notOpened == nil && p.token.Fingerprint == fingerprint
	p.login.RefreshToken = given.APIKey
	if err := p.checkDenied(); err != nil {
		return err
	}
	if isStored && !isRefused && (p.memory.proven == p.provenNow() || !needsKeyCall(p.c)) {
		p.isProven = true
		return nil
	}
	if rest := p.proofRest(); isRefused && isStored && rest > 0 {
		p.requeueWithin(rest)
		p.isProven = !needsKeyCall(p.c)
		return nil
	}
	err := p.callWith(ctx, given.APIKey, store.LaneProof)
	if isRefused {
		p.noteProof(err)
	}
	if err != nil {
		return p.keyFailure(err, refusal, isStored)
	}
	if isRefused {
		if err := p.disprove(ctx, refusal); err != nil {
			return err
		}
	}
	if !isStored {
		if err := errors.Join(p.storeKey(ctx, given.APIKey, fingerprint), p.loadToken(ctx)); err != nil {
			return err
		}
	}
	if p.token == nil { // the connection is being deleted
		return errStale
	}
	p.isProven, p.memory.proven = true, p.provenNow()
	return nil
}

// storeKey has servers have an API key, also where they have the same one under a seal key that is lost.
func (p *pass) storeKey(ctx context.Context, apiKey redact.Secret, fingerprint store.TokenFingerprint) error {
	token := store.SealedToken{ID: uuid.NewString(), Kind: store.APIKey, IssuedAt: p.Clock.Now()}
	var err error
	if token.Sealed, err = p.Keys.Seal([]byte(apiKey.Reveal()), p.tokenCell(token.ID)); err != nil {
		return err
	}
	key, uid := connectionobject.KeyOf(p.c), string(p.c.UID)
	if p.token != nil && p.token.Fingerprint == fingerprint {
		return p.Store.ReplaceAPIKey(ctx, key, uid, fingerprint, token, p.token.ID)
	}
	return p.Store.StoreAPIKey(ctx, key, uid, fingerprint, token)
}

// needsKeyCall decides whether a call has to show that a stored API key is good: it was shown before it was stored.
func needsKeyCall(c *v1alpha1.SDPConnection) bool {
	return !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady) || c.Status.ObservedGeneration != c.Generation
}

// keyFailure says why a call with the API key failed. A refusal of it that a server reported stays open: there is no other key to
// get, and it ends with the next one.
func (p *pass) keyFailure(err error, refusal store.TokenRefusal, isStored bool) error {
	if !errors.Is(err, sdp.ErrTokenRefused) {
		if isStored && refusal.TokenID != "" && !needsKeyCall(p.c) {
			if wait, is := errors.AsType[*sdp.WaitError](err); is {
				p.isProven = true
				p.requeueWithin(max(wait.RetryAfter, time.Second))
				return nil
			}
		}
		return p.callFailure(err)
	}
	said := failBlocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonAPIKeyRefused,
		"ServiceDesk Plus does not take the API key; generate another one, and put it into the Secret as "+v1alpha1.CredentialAPIKey)
	p.rememberDenied(said)
	return said
}
