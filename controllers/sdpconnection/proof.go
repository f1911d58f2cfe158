package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// proofTimeout bounds such a call: others wait for its worker.
	proofTimeout = 10 * time.Second
	// throttledPause is how long nothing is called that was throttled by who does not say for how long.
	throttledPause = 10 * time.Second
)

// proveToken makes one cheap call with the current token. One that was there before, and that ServiceDesk Plus takes no more, is
// replaced first: it ended before its time. One that was refused on its first call is not: the next one would be, too.
func (p *pass) proveToken(ctx context.Context, before *store.StoredToken) error {
	said := failBlocked(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonTokenExpired,
		"ServiceDesk Plus refuses the token that the accounts server gave; apiURL may belong to another data centre than accountsURL")
	now := rejectedToken{p.token.ID, p.address(), p.Clock.Now().Add(deniedPause)}
	if known := p.memory.rejected; known.id == now.id && known.by == now.by && p.Clock.Now().Before(known.until) && !p.isAsked() {
		return said
	}
	err := p.callOnce(ctx)
	if errors.Is(err, sdp.ErrTokenRefused) && before != nil && before.ID == p.token.ID {
		if err := p.refresh(ctx, store.CauseRefused); err != nil {
			return err
		}
		now.id = p.token.ID
		err = p.callOnce(ctx)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sdp.ErrTokenRefused):
		p.memory.rejected = now
		return said
	}
	return p.callFailure(err)
}

// callOnce makes one cheap call with the current token.
func (p *pass) callOnce(ctx context.Context) error {
	access, err := p.openToken()
	if err != nil {
		return fmt.Errorf("open the token: %w", err)
	}
	return p.callWith(ctx, access, store.LaneProof)
}

// checkRefusal finds out whether ServiceDesk Plus refuses the current token, as a server says. A refusal that is disproved ends.
func (p *pass) checkRefusal(ctx context.Context, refusal store.TokenRefusal) (isRefused bool, err error) {
	if rest := p.proofRest(); rest > 0 {
		p.requeueWithin(rest)
		return false, nil
	}
	access, err := p.openToken()
	if err != nil {
		return false, fmt.Errorf("open the token: %w", err)
	}
	err = p.callWith(ctx, access, store.LaneProof)
	if wait, is := errors.AsType[*sdp.WaitError](err); is {
		p.requeueWithin(max(wait.RetryAfter, time.Second))
		return false, nil
	}
	p.noteProof(err)
	switch connectionlogin.VerdictOf(err) {
	case connectionlogin.RefusalProven:
		return true, nil
	case connectionlogin.RefusalUndecided:
		p.requeueWithin(p.proofRest())
		return false, nil
	}
	return false, p.disprove(ctx, refusal)
}

// proofRest returns for how long no other proof of a refusal is made.
func (p *pass) proofRest() time.Duration {
	return p.memory.provenAt.Add(max(connectionlogin.ProofPause, p.unavailablePause())).Sub(p.Clock.Now())
}

// unavailablePause returns for how long ServiceDesk Plus is left alone after it did not answer, which is the longer the more often
// that was: a few hosts that are gone would have every worker wait for them.
func (p *pass) unavailablePause() time.Duration {
	if p.memory.unanswered == 0 {
		return 0
	}
	return connectionlogin.PauseAfterFailures(p.memory.unanswered)
}

// noteProof remembers that it was just tried to prove a refusal, with what came of it.
func (p *pass) noteProof(result error) {
	p.memory.provenAt = p.Clock.Now()
	if errors.Is(result, sdp.ErrTokenRefused) {
		refusalsTotal.WithLabelValues(refusalProven).Inc()
	}
}

// disprove ends a refusal of a token that ServiceDesk Plus takes.
func (p *pass) disprove(ctx context.Context, refusal store.TokenRefusal) error {
	if err := p.Store.DeleteRefusal(ctx, refusal.TokenID); err != nil {
		return err
	}
	refusalsTotal.WithLabelValues(refusalDisproved).Inc()
	p.refusals.forget(refusal)
	return nil
}

// callWith asks for one record of something that the connection's tools read.
func (p *pass) callWith(ctx context.Context, token redact.Secret, lane store.Lane) error {
	client, err := p.open(token, lane)
	if err != nil {
		return err
	}
	err = connectionlogin.CallOnce(ctx, client, connectionobject.Toolsets(&p.c.Spec))
	if p.memory.unanswered++; sdp.KindOf(err) != sdp.KindUnavailable {
		p.memory.unanswered = 0
	}
	return err
}

// callFailure says in plain words why a call with a token that is not refused failed. An sdp.Error has no word of the server.
func (p *pass) callFailure(err error) *failure {
	if refused, is := notAllowedHost(err); is {
		return hostNotAllowed("the address of ServiceDesk Plus: ", refused)
	}
	if wait, is := errors.AsType[*sdp.WaitError](err); is {
		return failWaiting(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonProgressing,
			"waiting for a turn to call ServiceDesk Plus with the token", max(wait.RetryAfter, time.Second))
	}
	failed, is := errors.AsType[*sdp.Error](err)
	if !is {
		return failureOf(err)
	}
	switch failed.Kind {
	case sdp.KindForbidden:
		return failBlocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonScopeMissing,
			"ServiceDesk Plus takes what the Secret has, and permits nothing with it: "+failed.Error()+"; the token lacks an OAuth scope, or its owner a role")
	case sdp.KindThrottled:
		return failWaiting("", v1alpha1.ReasonRateLimited, failed.Error(), max(failed.RetryAfter, throttledPause))
	case sdp.KindNotSDP, sdp.KindNotFound:
		return failBlocked("", v1alpha1.ReasonServiceDeskUnavailable, failed.Error()+"; check apiURL and portal")
	}
	return failRetrying("", v1alpha1.ReasonServiceDeskUnavailable, failed.Error()+"; trying again", max(connectionlogin.ProofPause, p.unavailablePause()))
}

// notAllowedHost returns why nothing was sent, where that is because of what a host resolves to.
func notAllowedHost(err error) (*egress.NotAllowedError, bool) {
	return errors.AsType[*egress.NotAllowedError](err)
}
