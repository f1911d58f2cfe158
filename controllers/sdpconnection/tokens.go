package sdpconnection

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// tokenCallTimeout bounds a call to the token endpoint; a claim counts on less than store.TokenRequestTimeout.
	tokenCallTimeout = 20 * time.Second
	// keepTimeout bounds how long what came of it is being written down, though the controller is ending.
	keepTimeout = 10 * time.Second
	// deniedPause is how long what the accounts server refused is not sent again, unless it changes or somebody asks for it.
	deniedPause = 15 * time.Minute
)

// keepToken sees to it that servers have an access token.
func (p *pass) keepToken(ctx context.Context, given connectionlogin.Credentials) error {
	kept, err := p.readKept(ctx)
	if err != nil {
		return err
	}
	chosen, invalid := chooseLogin(string(p.c.Spec.Credentials.SecretName), given, kept.Kept)
	if invalid != nil {
		return invalid
	}
	p.login = chosen
	if err := p.loadToken(ctx); err != nil {
		return err
	}
	before := p.token
	if !chosen.Exchange.IsZero() {
		err = p.exchange(ctx, kept, given.CodeDigest())
	} else {
		err = p.keepFresh(ctx)
	}
	if err != nil {
		return err
	}
	if p.token == nil { // the connection is being deleted
		return errStale
	}
	if p.memory.shown != p.showing() && needsCall(p.c, before, p.token) {
		if err := p.proveToken(ctx, before); err != nil {
			return err
		}
	}
	p.isProven, p.memory.shown = true, p.showing()
	return p.keepTokenSecret(ctx)
}

// showing is what a call with the current token shows.
func (p *pass) showing() shownToken { return shownToken{p.token.ID, p.c.Generation} }

// loadToken reads the current token, if there is one.
func (p *pass) loadToken(ctx context.Context) error {
	current, err := p.Store.CurrentToken(ctx, p.id)
	if errors.Is(err, store.ErrNotFound) {
		p.token = nil
		return nil
	}
	if err != nil {
		return err
	}
	p.token = &current
	return nil
}

// keepFresh refreshes the token when it is due, or when ServiceDesk Plus refuses it.
func (p *pass) keepFresh(ctx context.Context) error {
	_, notOpened := p.access()
	refusal, isRefused := p.refusals.of(p.c.UID, p.token)
	action := connectionlogin.DecideToken(connectionlogin.TokenFacts{
		Now: p.Clock.Now(), Current: p.token, Fingerprint: p.login.Fingerprint(), IsOpenable: notOpened == nil, IsRefused: isRefused,
	})
	cause := store.CauseScheduled
	switch action {
	case connectionlogin.KeepToken:
		return nil
	case connectionlogin.ProveRefusal:
		isRefused, err := p.proveRefusal(ctx, refusal)
		if err != nil || !isRefused {
			return err
		}
		cause = store.CauseRefused
	}
	err := p.refresh(ctx, cause)
	failed, is := errors.AsType[*failure](err)
	if is && failed.concerns == v1alpha1.ConditionTokenFresh && cause == store.CauseScheduled && notOpened == nil &&
		connectionlogin.IsUsable(p.token, p.login.Fingerprint(), p.Clock.Now()) {
		p.comeBack(failed.retryAfter) // what servers have is good for a while
		return nil
	}
	return err
}

// comeBack has the next reconcile be sooner than usual.
func (p *pass) comeBack(after time.Duration) {
	if after > 0 && (p.retryAfter == 0 || after < p.retryAfter) {
		p.retryAfter = after
	}
}

// cell is where a token of the connection is stored.
func (p *pass) cell(token string) seal.Cell {
	return connectionobject.TokenCell(string(p.c.UID), token)
}

// access returns what the current token is.
func (p *pass) access() (redact.Secret, error) {
	if p.token == nil {
		return redact.Secret{}, store.ErrNotFound
	}
	text, err := p.Keys.Open(p.token.Sealed, p.cell(p.token.ID))
	return redact.NewSecret(string(text)), err
}

// refresh asks the accounts server for an access token.
func (p *pass) refresh(ctx context.Context, cause store.TokenRequestCause) error {
	if err := p.checkDenied(); err != nil {
		return err
	}
	at := p.Clock.Now()
	request, err := p.claim(ctx, store.TokenClaim{Kind: store.TokenRefresh, Cause: cause, Fingerprint: p.login.Fingerprint(), At: at})
	if err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.RefreshClaimed)
	if isReplaced, err := p.isReplaced(ctx); err != nil || isReplaced { // by another controller, before the claim
		return errors.Join(err, p.settleUnsent(ctx, request))
	}
	// A controller that is told to end waits for the answer: what is issued counts, whether it arrives or not.
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenCallTimeout)
	defer cancel()
	issued, err := oauth.Refresh(calling, p.remote.sender, p.remote.accounts, p.login.Client, p.login.RefreshToken)
	faultpoint.Hit(faultpoint.RefreshAnswered)
	if err != nil {
		return p.settleFailed(ctx, store.TokenRefresh, request, err)
	}
	return p.settleIssued(ctx, store.TokenRefresh, request, issued, at)
}

// isReplaced reports whether there is another token of what the connection logs in with than the one that was decided about, and reads it.
func (p *pass) isReplaced(ctx context.Context) (bool, error) {
	decidedOn := p.token
	if err := p.loadToken(ctx); err != nil {
		return false, err
	}
	return p.token != nil && (decidedOn == nil || decidedOn.ID != p.token.ID) && p.token.Fingerprint == p.login.Fingerprint(), nil
}

// claim takes leave for a call to the token endpoint, or says why there is none now.
func (p *pass) claim(ctx context.Context, claim store.TokenClaim) (int64, error) {
	claim.Key, claim.UID = connectionobject.KeyOf(p.c), string(p.c.UID)
	if pause := p.memory.tokenPause.Sub(claim.At); pause > 0 && !p.isAsked() {
		said := *p.memory.pausedFor
		said.retryAfter = pause
		return 0, &said
	}
	request, err := p.Store.ClaimTokenRequest(ctx, claim)
	if spent, is := errors.AsType[*store.TokenBudgetError](err); is {
		return 0, waiting(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonRefreshBudgetSpent, spent.Error(), spent.RetryAt.Sub(claim.At))
	}
	if underWay, is := errors.AsType[*store.TokenRequestUnderWayError](err); is {
		return 0, waiting(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonProgressing, "a token is being asked for", underWay.RetryAt.Sub(claim.At))
	}
	return request, err
}

// settleIssued stores a token for the servers.
func (p *pass) settleIssued(ctx context.Context, kind store.TokenRequestKind, request int64, issued oauth.Token, at time.Time) error {
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	token := store.SealedToken{
		ID: uuid.NewString(), Kind: store.AccessToken, Scopes: issued.Scopes, IssuedAt: at, ExpiresAt: at.Add(issued.Lifetime),
	}
	var err error
	if token.Sealed, err = p.Keys.Seal([]byte(issued.Access.Reveal()), p.cell(token.ID)); err != nil {
		return err
	}
	current, err := p.Store.SettleTokenRequest(keeping, store.TokenSettlement{
		Request: request, Key: connectionobject.KeyOf(p.c), UID: string(p.c.UID), Outcome: store.TokenIssued, At: p.Clock.Now(),
		Token: &token, Fingerprint: p.login.Fingerprint(),
	})
	if err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.TokenStored)
	tokenRequestsTotal.WithLabelValues(string(kind), string(store.TokenIssued)).Inc()
	p.memory.failures, p.memory.denied = 0, nil
	if !current { // a later request was answered first
		return p.loadToken(ctx)
	}
	p.token = &store.StoredToken{SealedToken: token, Fingerprint: p.login.Fingerprint()}
	return nil
}

// settleFailed writes down what became of a request that gave no token, and returns it as a failure.
func (p *pass) settleFailed(ctx context.Context, kind store.TokenRequestKind, request int64, failed error) error {
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	outcome := oauth.Refused
	if known, is := errors.AsType[*oauth.Error](failed); is {
		outcome = known.Outcome
	}
	settled := settledOutcome(outcome)
	_, err := p.Store.SettleTokenRequest(keeping, store.TokenSettlement{
		Request: request, Key: connectionobject.KeyOf(p.c), UID: string(p.c.UID), Outcome: settled, Detail: failed.Error(), At: p.Clock.Now(),
	})
	if err != nil {
		return err
	}
	tokenRequestsTotal.WithLabelValues(string(kind), string(settled)).Inc()
	said := tokenFailure(outcome, failed, p.login)
	if settled == store.TokenDenied {
		p.memory.denied, p.memory.deniedUntil = &denial{p.login.Client, p.login.RefreshToken, said}, p.Clock.Now().Add(deniedPause)
		return said
	}
	p.memory.failures++
	pause := max(connectionlogin.PauseAfterFailures(p.memory.failures), outcome.RetryAfter())
	p.memory.tokenPause, p.memory.pausedFor = p.Clock.Now().Add(pause), said
	said.retryAfter = pause
	return said
}

// settledOutcome returns what is written down of an outcome.
func settledOutcome(outcome oauth.Outcome) store.TokenRequestOutcome {
	switch {
	case outcome == oauth.AccessDenied:
		return store.TokenThrottled
	case outcome.IsTransient():
		return store.TokenFailed
	}
	return store.TokenDenied
}

// tokenFailure says in plain words why there is no token. An oauth.Error has no word of the server.
func tokenFailure(outcome oauth.Outcome, failed error, by connectionlogin.Login) *failure {
	if refused, is := notAllowedHost(failed); is {
		return hostNotAllowed("the accounts server: ", refused)
	}
	switch outcome {
	case oauth.AccessDenied:
		return waiting(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonRefreshBudgetSpent, failed.Error(), oauth.Window)
	case oauth.InvalidClient, oauth.InvalidClientSecret:
		return blocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonClientRefused, failed.Error())
	case oauth.InvalidCode, oauth.InvalidToken:
		message := "the accounts server does not take the refresh token of client " + by.Client.ID +
			": it was revoked, or is another client's; put a new refresh token or a new grant code into the Secret"
		return blocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonTokenRevoked, message)
	}
	if outcome.IsTransient() {
		return unknown(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonAccountsUnavailable, failed.Error()+"; trying again", 0)
	}
	return blocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonClientRefused, failed.Error())
}

// denial is what the accounts server refused to take, and what was said of it.
type denial struct {
	client       oauth.Client
	refreshToken redact.Secret
	said         *failure
}

// checkDenied returns what was said of the same credentials a short while ago, unless somebody asks for a reconcile.
func (p *pass) checkDenied() error {
	d := p.memory.denied
	if d == nil || p.isAsked() || !p.Clock.Now().Before(p.memory.deniedUntil) || d.client.ID != p.login.Client.ID ||
		!d.client.Secret.Equal(p.login.Client.Secret) || !d.refreshToken.Equal(p.login.RefreshToken) {
		return nil
	}
	return d.said
}

// isAsked reports whether somebody asked for a reconcile that was not made yet.
func (p *pass) isAsked() bool {
	asked := p.c.Annotations[v1alpha1.RequestedAtAnnotation]
	return asked != "" && asked != p.c.Status.LastHandledReconcileAt
}

// keepAPIKey sees to it that servers have the API key, once ServiceDesk Plus took it.
func (p *pass) keepAPIKey(ctx context.Context, given connectionlogin.Credentials) error {
	if err := p.loadToken(ctx); err != nil {
		return err
	}
	fingerprint := store.FingerprintAPIKey(given.APIKey.Reveal())
	_, notOpened := p.access()
	refusal, isRefused := p.refusals.of(p.c.UID, p.token)
	isStored := notOpened == nil && p.token.Fingerprint == fingerprint
	p.login.RefreshToken = given.APIKey
	if err := p.checkDenied(); err != nil {
		return err
	}
	if isStored && !isRefused && (p.memory.shown == p.showing() || !needsKeyCall(p.c)) {
		p.isProven = true
		return nil
	}
	if err := p.callWith(ctx, given.APIKey, store.LaneProof); err != nil {
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
	p.isProven, p.memory.shown = true, p.showing()
	return nil
}

// storeKey has servers have an API key, also where they have the same one under a seal key that is lost.
func (p *pass) storeKey(ctx context.Context, apiKey redact.Secret, fingerprint store.TokenFingerprint) error {
	token := store.SealedToken{ID: uuid.NewString(), Kind: store.APIKey, IssuedAt: p.Clock.Now()}
	var err error
	if token.Sealed, err = p.Keys.Seal([]byte(apiKey.Reveal()), p.cell(token.ID)); err != nil {
		return err
	}
	key, uid := connectionobject.KeyOf(p.c), string(p.c.UID)
	if p.token != nil && p.token.Fingerprint == fingerprint {
		return p.Store.ReplaceAPIKey(ctx, key, uid, fingerprint, token, p.token.ID)
	}
	return p.Store.StoreAPIKey(ctx, key, uid, fingerprint, token)
}
