package localdesk

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// tokenCallTimeout bounds a call to the token endpoint; a claim counts on less than store.TokenRequestTimeout.
	tokenCallTimeout = 20 * time.Second
	// deniedPause is how long what the accounts server refused is not sent again, unless it changes.
	deniedPause = 15 * time.Minute
)

// pass inspects a connection once.
type pass struct {
	*keeper
	*finding
	c      *v1alpha1.SDPConnection
	row    store.Connection
	remote remote
	given  connectionlogin.Credentials
	login  connectionlogin.Login
	// current is the token there is of what the connection logs in with, nil for none. gotWith tells the credentials of then.
	current *store.StoredToken
	gotWith string
}

// owner returns what a grant code of the connection is given for.
func (p *pass) owner() codeOwner {
	return codeOwner{Connection: p.key.String(), ClientID: p.given.Client.ID, AccountsURL: p.remote.accounts.String()}
}

// errStateChanged says that the state has more than it had: what this process got, or another one.
var errStateChanged = errors.New("the state is another one now")

// findToken sees to it that there is an access token.
func (p *pass) findToken(ctx context.Context) {
	for ctx.Err() == nil {
		p.problem, p.token = "", nil
		s, unsaved, err := p.readState()
		if err != nil {
			p.fail("%s; no token is asked for", err)
			return
		}
		if p.login, err = connectionlogin.Choose("--sdp-credentials "+p.reference.String(), p.given, s.kept(p.owner(), p.given.CodeDigest())); err != nil {
			if _, isSent := errors.AsType[*connectionlogin.CodeNeededError](err); isSent && s.isUnderWay(p.given.CodeDigest(), time.Now()) {
				p.after = waitInterval // another process waits for what comes of it
				return
			}
			p.fail("%s", err)
			return
		}
		p.problem = p.login.Warning
		if !p.login.Exchange.IsZero() {
			err = p.exchange(ctx)
		} else {
			p.adopt(&s)
			p.warnOfUnsaved(unsaved)
			err = p.refreshIfDue(ctx)
		}
		if !errors.Is(err, errStateChanged) {
			p.explain(err)
			return
		}
	}
}

// readState returns the state, once what could not be written before is written. Where it still cannot be, unsaved says why, and the
// state is as it would be; of one that cannot be read there is then what this process has in its memory.
func (p *pass) readState() (s state, unsaved, err error) {
	err = p.source.folder.update(func(now *state) (bool, error) {
		for _, change := range p.unwritten {
			change(now)
		}
		s = *now
		return len(p.unwritten) > 0, nil
	})
	failed, is := errors.AsType[*stateError](err)
	switch {
	case err == nil:
		p.unwritten = nil
		return s, nil, nil
	case is && failed.isUnwritten && s.Format != 0:
		if len(p.unwritten) == 0 { // all that this process got is there
			err = nil
		}
		return s, err, nil
	}
	remembered := state{}
	for _, change := range p.unwritten {
		change(&remembered)
	}
	if len(remembered.Tokens) > 0 {
		return remembered, err, nil
	}
	return s, nil, err
}

// adopt takes over the token that the state has.
func (p *pass) adopt(s *state) {
	p.current, p.opened = s.token(p.login.Fingerprint())
	p.gotWith = s.Tokens[hexOf(p.login.Fingerprint())].For
	p.token = nil
	if connectionlogin.IsUsable(p.current, p.login.Fingerprint(), time.Now()) {
		p.token = &p.current.SealedToken
	}
}

// refreshIfDue refreshes the token when it is due, or when ServiceDesk Plus refuses it.
func (p *pass) refreshIfDue(ctx context.Context) error {
	p.checkReplacement(ctx)
	isRefused := p.current != nil && (p.source.refusedToken(p.keeper) == p.current.ID || p.provenRefused == p.currentToken())
	action := connectionlogin.DecideToken(connectionlogin.TokenFacts{
		Now: time.Now(), Current: p.current, Fingerprint: p.login.Fingerprint(), IsOpenable: true, IsRefused: isRefused,
		IsSecretNew: p.isSecretNew(),
	})
	switch action {
	case connectionlogin.ReplaceCurrent:
		return p.refresh(ctx, store.CauseScheduled)
	case connectionlogin.CheckCurrent:
		if !p.checkRefusal(ctx) {
			return nil
		}
		p.token = nil // nobody is to wait for what is known to be refused
		return p.refresh(ctx, store.CauseRefused)
	}
	p.goodSecret = p.login.Client.Secret
	p.after = time.Until(connectionlogin.RefreshTime(p.current))
	return nil
}

// isSecretNew reports whether the client has another secret than the one that was last known to be good, with which no process got the
// current token.
func (p *pass) isSecretNew() bool {
	return !p.goodSecret.IsZero() && !p.goodSecret.Equal(p.login.Client.Secret) && p.gotWith != credentialsDigest(p.login)
}

// pausedError says why a token is not asked for now.
type pausedError struct {
	reason string
	rest   time.Duration
	// isDenied says that a person has something to do.
	isDenied bool
}

func (e *pausedError) Error() string { return e.reason }

// begin writes a request down, unless there may be none now. prepare changes the state with it, or refuses with an error.
func (p *pass) begin(kind store.TokenRequestKind, cause store.TokenRequestCause, subject string, prepare func(*state) error) (tokenRequest, error) {
	fingerprint := p.login.Fingerprint()
	if kind == store.TokenExchange {
		fingerprint = store.FingerprintClient(p.login.Client.ID)
	}
	asked := tokenRequest{ID: uuid.NewString(), Fingerprint: hexOf(fingerprint), Subject: subject, Cause: cause, By: thisProcess()}
	err := p.source.folder.update(func(s *state) (bool, error) {
		if err := prepare(s); err != nil {
			return false, err
		}
		now := time.Now()
		if err := p.checkPauses(s, cause, subject, now); err != nil {
			return false, err
		}
		asked.StartedAt = now
		err := s.claim(asked, store.TokenClaim{UID: subject, Kind: kind, Cause: cause, Fingerprint: fingerprint, At: now})
		return err == nil, err
	})
	return asked, err
}

// checkPauses returns why a token is not asked for now, if it is not: what the accounts server said of the same credentials, and what
// ServiceDesk Plus said of what came of a refusal.
func (p *pass) checkPauses(s *state, cause store.TokenRequestCause, subject string, now time.Time) error {
	by := []*url.URL{p.remote.accounts}
	if cause == store.CauseRefused {
		by = append(by, p.remote.api)
	}
	for _, at := range by {
		if why := s.Pauses[pauseKey(subject, at)]; why.For == credentialsDigest(p.login) && now.Before(why.Until) {
			return &pausedError{why.Reason, why.Until.Sub(now), why.IsDenied}
		}
	}
	return nil
}

// refresh asks the accounts server for an access token.
func (p *pass) refresh(ctx context.Context, cause store.TokenRequestCause) error {
	fingerprint := p.login.Fingerprint()
	asked, err := p.begin(store.TokenRefresh, cause, hexOf(fingerprint), func(s *state) error {
		now, _ := s.token(fingerprint)
		if now != nil && (p.current == nil || p.current.ID != now.ID) {
			return errStateChanged
		}
		return nil
	})
	if err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.RefreshClaimed)
	// A program that is told to end waits for the answer: what is issued counts, whether it arrives or not.
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenCallTimeout)
	defer cancel()
	sent := time.Now()
	issued, err := oauth.Refresh(calling, p.remote.sender, p.remote.accounts, p.login.Client, p.login.RefreshToken)
	p.auditToken("refresh token", sent, err)
	faultpoint.Hit(faultpoint.RefreshAnswered)
	if err != nil {
		return p.recordFailed(asked, err)
	}
	return p.storeIssued(asked, issued, func(*state) {})
}

// storeIssued writes a token into the state, and what else came with it.
func (p *pass) storeIssued(asked tokenRequest, issued oauth.Token, also func(*state)) error {
	got := keptToken{
		ID: uuid.NewString(), Access: issued.Access.Reveal(), Scopes: issued.Scopes, IssuedAt: asked.StartedAt, ExpiresAt: asked.StartedAt.Add(issued.Lifetime),
		For: credentialsDigest(p.login),
	}
	if asked.Cause == store.CauseRefused {
		p.replacement = got.ID
	}
	replaced := ""
	if p.current != nil {
		replaced = p.current.ID // or begin would have said that the state is another one
	}
	p.goodSecret = p.login.Client.Secret
	fingerprint := p.login.Fingerprint()
	unsaved := p.write(func(s *state) {
		also(s)
		s.end(asked.ID)
		s.keepToken(fingerprint, got, replaced)
		delete(s.Pauses, pauseKey(hexOf(fingerprint), p.remote.accounts))
	})
	faultpoint.Hit(faultpoint.TokenStored)
	if unsaved == nil {
		return errStateChanged
	}
	s := state{}
	s.keepToken(fingerprint, got, replaced)
	p.adopt(&s)
	p.warnOfUnsaved(unsaved)
	return nil
}

// warnOfUnsaved says why what this process got is in its memory alone; nothing for nil.
func (p *pass) warnOfUnsaved(err error) {
	if err != nil && p.token != nil {
		p.fail("%s; this process has a token, and others do not find it", err)
	}
}

// write changes the state. What cannot be written is written by the next pass.
func (p *pass) write(change func(*state)) error {
	err := p.source.folder.update(func(s *state) (bool, error) { change(s); return true, nil })
	if err != nil {
		p.unwritten = append(p.unwritten, change)
	}
	return err
}

// recordFailed writes down that a request gave no token, and for how long it is not made again.
func (p *pass) recordFailed(asked tokenRequest, failed error) error {
	outcome := outcomeOf(failed)
	said := explainOutcome(outcome, failed, p.reference.String(), p.login.Client.ID)
	about, key := credentialsDigest(p.login), pauseKey(asked.Subject, p.remote.accounts)
	isDenied := !outcome.IsTransient()
	var rest time.Duration
	err := p.write(func(s *state) {
		s.end(asked.ID)
		failures := 1
		if before := s.Pauses[key]; before.For == about {
			failures += before.Failures
		}
		rest = deniedPause
		if !isDenied {
			rest = max(connectionlogin.PauseAfterFailures(failures), outcome.RetryAfter())
		}
		setEntry(&s.Pauses, key, tokenPause{Until: time.Now().Add(rest), Failures: failures, Reason: said, For: about, IsDenied: isDenied})
	})
	return errors.Join(&pausedError{said, max(rest, rereadInterval), isDenied}, err)
}

// outcomeOf returns what became of a call to the token endpoint.
func outcomeOf(failed error) oauth.Outcome {
	if known, is := errors.AsType[*oauth.Error](failed); is {
		return known.Outcome
	}
	return oauth.Refused
}

// explainOutcome says in plain words why there is no token. An oauth.Error has no word of the server.
func explainOutcome(outcome oauth.Outcome, failed error, where, clientID string) string {
	if refused, is := errors.AsType[*egress.NotAllowedError](failed); is {
		return fmt.Sprintf("the accounts server: %s; list the hosts that credentials may go to with --sdp-allowed-hosts", refused)
	}
	switch {
	case outcome == oauth.InvalidCode, outcome == oauth.InvalidToken:
		return fmt.Sprintf("the accounts server does not take the refresh token of client %s: it was revoked, or is another client's; "+
			"put a new refresh token or a new grant code into %s", clientID, where)
	case outcome.IsTransient():
		return failed.Error() + "; trying again"
	}
	return failed.Error()
}

// explain says why nothing was asked for, or nothing came, where that keeps tools from working or is for a person to mend. A token that
// is there stays in use.
func (p *pass) explain(err error) {
	spent, isSpent := errors.AsType[*store.TokenBudgetError](err)
	underWay, isUnderWay := errors.AsType[*store.TokenRequestUnderWayError](err)
	paused, isPaused := errors.AsType[*pausedError](err)
	switch {
	case err == nil:
		return
	case isUnderWay:
		p.after = min(waitInterval, time.Until(underWay.RetryAt)) // another process asks, or did and was killed
		return
	case isSpent:
		p.after = time.Until(spent.RetryAt)
	case isPaused:
		p.after = paused.rest
	}
	if p.token == nil || isPaused && paused.isDenied {
		p.fail("%s", err)
	}
}
