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
)

// ensureToken sees to it that servers have an access token.
func (p *pass) ensureToken(ctx context.Context, given connectionlogin.Credentials) error {
	kept, err := p.readKept(ctx)
	if err != nil {
		return err
	}
	chosen, invalid := chooseLogin(string(p.c.Spec.Credentials.SecretName), given, kept.Kept)
	if invalid != nil {
		return invalid
	}
	p.login = chosen
	before := p.token
	if !chosen.Exchange.IsZero() {
		err = p.exchange(ctx, kept, given.CodeDigest())
	} else {
		err = p.refreshIfDue(ctx)
	}
	if err != nil {
		return err
	}
	if p.token == nil { // the connection is being deleted
		return errStale
	}
	if p.memory.proven != p.provenNow() && needsCall(p.c, before, p.token) {
		if err := p.proveToken(ctx, before); err != nil {
			return err
		}
	}
	p.isProven, p.memory.proven, p.memory.answeredSecret = true, p.provenNow(), p.login.Client.Secret
	return p.ensureTokenSecret(ctx)
}

// isSecretNew reports whether the client has another secret than the one that was last known to be good. What the current token was
// got with does not tell: the budget is the refresh token's, whatever the secret.
func (p *pass) isSecretNew() bool {
	good := p.memory.answeredSecret
	return !good.IsZero() && !good.Equal(p.login.Client.Secret)
}

// provenNow is what a call with the current token shows.
func (p *pass) provenNow() provenToken { return provenToken{p.token.ID, p.c.Generation} }

// loadToken reads the current token, if there is one.
func (p *pass) loadToken(ctx context.Context) error {
	current, err := p.Store.CurrentToken(ctx, p.id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		p.token = nil
	case err != nil:
		return err
	default:
		p.token = &current
	}
	p.isTokenKnown = true
	return nil
}

// refreshIfDue refreshes the token when it is due, or when ServiceDesk Plus refuses it.
func (p *pass) refreshIfDue(ctx context.Context) error {
	_, notOpened := p.openToken()
	refusal, isRefused := p.refusals.of(p.c.UID, p.token)
	action := connectionlogin.DecideToken(connectionlogin.TokenFacts{
		Now: p.Clock.Now(), Current: p.token, Fingerprint: p.login.Fingerprint(), IsOpenable: notOpened == nil, IsRefused: isRefused,
		IsSecretNew: p.isSecretNew(),
	})
	cause := store.CauseScheduled
	switch action {
	case connectionlogin.UseCurrent:
		return nil
	case connectionlogin.CheckCurrent:
		isRefused, err := p.checkRefusal(ctx, refusal)
		if err != nil || !isRefused {
			return err
		}
		cause = store.CauseRefused
	}
	err := p.refresh(ctx, cause)
	failed, is := errors.AsType[*failure](err)
	if is && failed.concerns == v1alpha1.ConditionTokenFresh && cause == store.CauseScheduled && notOpened == nil &&
		connectionlogin.IsUsable(p.token, p.login.Fingerprint(), p.Clock.Now()) {
		p.requeueWithin(failed.retryAfter) // what servers have is good for a while
		return nil
	}
	return err
}

// requeueWithin has the next reconcile be sooner than usual.
func (p *pass) requeueWithin(after time.Duration) {
	if after > 0 && (p.retryAfter == 0 || after < p.retryAfter) {
		p.retryAfter = after
	}
}

// tokenCell is where a token of the connection is stored.
func (p *pass) tokenCell(token string) seal.Cell {
	return connectionobject.TokenCell(string(p.c.UID), token)
}

// openToken returns what the current token is.
func (p *pass) openToken() (redact.Secret, error) {
	if p.token == nil {
		return redact.Secret{}, store.ErrNotFound
	}
	text, err := p.Keys.Open(p.token.Sealed, p.tokenCell(p.token.ID))
	return redact.NewSecret(string(text)), err
}

// refresh asks the accounts server for an access token.
func (p *pass) refresh(ctx context.Context, cause store.TokenRequestCause) error {
	if err := p.checkDenied(); err != nil {
		return err
	}
	at := p.Clock.Now()
	request, err := p.claim(ctx, store.TokenClaim{Kind: store.TokenRefresh, Cause: cause, At: at})
	if err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.RefreshClaimed)
	if isReplaced, err := p.isReplaced(ctx); err != nil || isReplaced { // by another controller, before the claim
		return errors.Join(err, p.recordUnsent(ctx, request))
	}
	// A controller that is told to end waits for the answer: what is issued counts, whether it arrives or not.
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenCallTimeout)
	defer cancel()
	sent := p.Clock.Now()
	issued, err := oauth.Refresh(calling, p.remote.sender, p.remote.accounts, p.login.Client, p.login.RefreshToken)
	p.auditToken(ctx, "refresh token", sent, err)
	faultpoint.Hit(faultpoint.RefreshAnswered)
	if err != nil {
		return p.recordFailed(ctx, store.TokenRefresh, request, err)
	}
	return p.storeIssued(ctx, store.TokenRefresh, request, issued, at)
}

// isReplaced reports whether there is another token of what the connection logs in with than the one that was decided about, and reads it.
func (p *pass) isReplaced(ctx context.Context) (bool, error) {
	decidedOn := p.token
	if err := p.loadToken(ctx); err != nil {
		return false, err
	}
	return p.token != nil && (decidedOn == nil || decidedOn.ID != p.token.ID) && p.token.Fingerprint == p.login.Fingerprint(), nil
}

// storeIssued stores a token for the servers.
func (p *pass) storeIssued(ctx context.Context, kind store.TokenRequestKind, request int64, issued oauth.Token, at time.Time) error {
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	token := store.SealedToken{
		ID: uuid.NewString(), Kind: store.AccessToken, Scopes: issued.Scopes, IssuedAt: at, ExpiresAt: at.Add(issued.Lifetime),
	}
	var err error
	if token.Sealed, err = p.Keys.Seal([]byte(issued.Access.Reveal()), p.tokenCell(token.ID)); err != nil {
		return err
	}
	current, err := p.Store.EndTokenRequest(keeping, store.TokenRequestResult{
		Request: request, Key: connectionobject.KeyOf(p.c), UID: string(p.c.UID), Outcome: store.TokenIssued, At: p.Clock.Now(),
		Token: &token, Fingerprint: p.login.Fingerprint(),
	})
	if err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.TokenStored)
	tokenRequestsTotal.WithLabelValues(string(kind), string(store.TokenIssued)).Inc()
	p.memory.failures, p.memory.denied, p.memory.answeredSecret = 0, nil, p.login.Client.Secret
	if !current { // a later request was answered first
		return p.loadToken(ctx)
	}
	p.token = &store.StoredToken{SealedToken: token, Fingerprint: p.login.Fingerprint()}
	return nil
}

// recordFailed writes down what became of a request that gave no token, and returns it as a failure.
func (p *pass) recordFailed(ctx context.Context, kind store.TokenRequestKind, request int64, failed error) error {
	keeping, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	outcome := oauth.Refused
	if known, is := errors.AsType[*oauth.Error](failed); is {
		outcome = known.Outcome
	}
	recorded := recordedOutcome(outcome)
	_, err := p.Store.EndTokenRequest(keeping, store.TokenRequestResult{
		Request: request, Key: connectionobject.KeyOf(p.c), UID: string(p.c.UID), Outcome: recorded, Detail: failed.Error(), At: p.Clock.Now(),
	})
	if err != nil {
		return err
	}
	tokenRequestsTotal.WithLabelValues(string(kind), string(recorded)).Inc()
	said := tokenFailure(outcome, failed, p.login)
	if recorded == store.TokenDenied {
		p.rememberDenied(said)
		return said
	}
	p.memory.failures++
	pause := max(connectionlogin.PauseAfterFailures(p.memory.failures), outcome.RetryAfter())
	said.retryAfter = pause
	p.memory.pause = requestPause{fingerprint: p.fingerprintOf(kind), address: p.loginAddress(), said: said, until: p.Clock.Now().Add(pause)}
	return said
}

// recordedOutcome returns what is written down of an outcome.
func recordedOutcome(outcome oauth.Outcome) store.TokenRequestOutcome {
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
		return failWaiting(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonRefreshBudgetSpent, failed.Error(), oauth.Window)
	case oauth.InvalidClient, oauth.InvalidClientSecret:
		return failBlocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonClientRefused, failed.Error())
	case oauth.InvalidCode, oauth.InvalidToken:
		message := "the accounts server does not take the refresh token of client " + by.Client.ID +
			": it was revoked, or is another client's; put a new refresh token or a new grant code into the Secret"
		return failBlocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonTokenRevoked, message)
	}
	if outcome.IsTransient() {
		return failRetrying(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonAccountsUnavailable, failed.Error()+"; trying again", 0)
	}
	return failBlocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonClientRefused, failed.Error())
}
