package sdpconnection

import (
	"context"
	"errors"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// deniedPause is how long what was refused is not sent again, unless it changes or somebody asks for it.
const deniedPause = 15 * time.Minute

// requestPause is until when no token is asked for, at an address and of a budget, and why.
type requestPause struct {
	fingerprint store.TokenFingerprint
	address     string
	said        *failure
	until       time.Time
}

// fingerprintOf returns whose budget a request counts against.
func (p *pass) fingerprintOf(kind store.TokenRequestKind) store.TokenFingerprint {
	if kind == store.TokenExchange {
		return store.FingerprintClient(p.login.Client.ID)
	}
	return p.login.Fingerprint()
}

// loginAddress is of who takes or refuses the credentials.
func (p *pass) loginAddress() string {
	if p.remote.accounts == nil {
		return p.remote.api.String()
	}
	return p.remote.accounts.String()
}

// claim takes leave for a call to the token endpoint, or says why there is none now.
func (p *pass) claim(ctx context.Context, claim store.TokenClaim) (int64, error) {
	claim.Key, claim.UID, claim.Fingerprint = connectionobject.KeyOf(p.c), string(p.c.UID), p.fingerprintOf(claim.Kind)
	if pause := p.memory.pause; claim.At.Before(pause.until) && !p.isAsked() && pause.fingerprint == claim.Fingerprint && pause.address == p.loginAddress() {
		said := *pause.said
		said.retryAfter = pause.until.Sub(claim.At)
		return 0, &said
	}
	p.memory.claimedFor = p.c.Annotations[v1alpha1.RequestedAtAnnotation]
	request, err := p.Store.ClaimTokenRequest(ctx, claim)
	if spent, is := errors.AsType[*store.TokenBudgetError](err); is {
		return 0, failWaiting(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonRefreshBudgetSpent, spent.Error(), spent.RetryAt.Sub(claim.At))
	}
	if underWay, is := errors.AsType[*store.TokenRequestUnderWayError](err); is {
		return 0, failWaiting(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonProgressing, "a token is being asked for", underWay.RetryAt.Sub(claim.At))
	}
	return request, err
}

// denial is what an address refused to take, and what was said of it.
type denial struct {
	client       oauth.Client
	refreshToken redact.Secret
	address      string
	said         *failure
	until        time.Time
}

// rememberDenied has what the connection logs in with be sent no more for a while.
func (p *pass) rememberDenied(said *failure) {
	p.memory.denied = &denial{p.login.Client, p.login.RefreshToken, p.loginAddress(), said, p.Clock.Now().Add(deniedPause)}
}

// checkDenied returns what was said of the same credentials a short while ago, unless somebody asks for a reconcile.
func (p *pass) checkDenied() error {
	d := p.memory.denied
	if d == nil || p.isAsked() || !p.Clock.Now().Before(d.until) || d.address != p.loginAddress() || d.client.ID != p.login.Client.ID ||
		!d.client.Secret.Equal(p.login.Client.Secret) || !d.refreshToken.Equal(p.login.RefreshToken) {
		return nil
	}
	return d.said
}

// isAsked reports whether somebody asked for a reconcile for which nothing was tried yet. One that ends in a retry is not written down
// as made, and would ask again and again.
func (p *pass) isAsked() bool {
	asked := p.c.Annotations[v1alpha1.RequestedAtAnnotation]
	return asked != "" && asked != p.c.Status.LastHandledReconcileAt && asked != p.memory.claimedFor
}
