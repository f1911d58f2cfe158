package localdesk

import (
	"context"
	"errors"
	"time"

	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

// checkRefusal finds out whether ServiceDesk Plus refuses the current token, as a call of a tool says. A site that refuses one thing in
// the words for a token would otherwise cost a token with each call.
func (p *pass) checkRefusal(ctx context.Context) (isRefused bool) {
	if p.provenRefused == p.currentToken() {
		return true
	}
	if rest := time.Until(p.provenAt.Add(connectionlogin.ProofPause)); rest > 0 {
		p.after = rest
		return false
	}
	verdict := p.callOnce(ctx)
	if verdict != connectionlogin.RefusalProven && p.after == 0 {
		p.after = connectionlogin.ProofPause
	}
	return verdict == connectionlogin.RefusalProven
}

// currentToken is the current token as one that may be refused.
func (p *pass) currentToken() refusedToken { return refusedToken{p.current.ID, p.remote.api.String()} }

// callOnce makes a call with the current token, and returns and remembers what it says of that. Where there is no turn for it now,
// after says when there is.
func (p *pass) callOnce(ctx context.Context) connectionlogin.Verdict {
	client, err := sdp.New(sdp.Config{
		Edition: sdp.Edition(p.c.Spec.Edition), URL: p.remote.api, Portal: p.c.Spec.Portal, HTTP: p.remote.sender,
		Tokens: sdp.StaticToken(p.opened), Limiter: turns{p.source, p.row.ID}, Retry: sdp.RetryPolicy{Attempts: 1}, Observe: p.auditCall,
	})
	if err != nil {
		p.fail("%s", err)
		return connectionlogin.RefusalUndecided
	}
	err = connectionlogin.CallOnce(ctx, client, connectionobject.Toolsets(&p.c.Spec))
	if wait, is := errors.AsType[*sdp.WaitError](err); is {
		p.after = max(wait.RetryAfter, time.Second)
		return connectionlogin.RefusalUndecided
	}
	p.provenAt = time.Now()
	verdict := connectionlogin.VerdictOf(err)
	switch verdict {
	case connectionlogin.RefusalProven:
		p.provenRefused = p.currentToken()
	case connectionlogin.RefusalDisproved:
		p.provenRefused = refusedToken{}
		p.source.forgetRefusal(p.keeper)
	}
	return verdict
}

// checkReplacement makes a call with the token that this process just got for a refused one. Where that is refused, too, no other one is
// asked for because of refusals: the next would be refused as well.
func (p *pass) checkReplacement(ctx context.Context) {
	if p.current == nil || p.replacement != p.current.ID {
		return
	}
	before := p.provenAt
	verdict := p.callOnce(ctx)
	if p.provenAt.Equal(before) {
		return // there was no turn for a call; the next pass makes it
	}
	p.replacement = ""
	if verdict != connectionlogin.RefusalProven {
		return
	}
	_ = p.write(func(s *state) { // what cannot be written is written by the next pass
		setEntry(&s.Pauses, pauseKey(hexOf(p.current.Fingerprint), p.remote.api), tokenPause{
			Until: time.Now().Add(deniedPause), Failures: 1, For: credentialsDigest(p.login), IsDenied: true,
			Reason: "ServiceDesk Plus refuses the token that the accounts server gave; apiURL may belong to another data centre than accountsURL",
		})
	})
}

// turns gives turns to call. It waits for none: a keeper comes back.
type turns struct {
	source     *Source
	connection int64
}

// Wait implements sdp.Limiter.
func (t turns) Wait(ctx context.Context) error {
	grant, err := t.source.TakeRate(ctx, t.connection, store.LaneProof, 1)
	switch _, isState := errors.AsType[*stateError](err); {
	case isState:
		return nil // without a place for the rate a server goes by the whole of it, and a proof is one call in ten seconds
	case err == nil && grant.Granted == 0:
		return &sdp.WaitError{RetryAfter: grant.RetryAfter}
	}
	return err
}

// Pause implements sdp.Limiter. Where the pause cannot be written down, the next call meets the same refusal.
func (t turns) Pause(ctx context.Context, pause time.Duration) {
	_, _ = t.source.PauseRate(ctx, t.connection, pause)
}
