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

// proveRefusal finds out whether ServiceDesk Plus refuses the current token, as a call of a tool says. A site that refuses one thing in
// the words for a token would otherwise cost a token with each call.
func (p *pass) proveRefusal(ctx context.Context) (isRefused bool) {
	if p.provenRefused == p.current.ID {
		return true
	}
	if rest := time.Until(p.provenAt.Add(connectionlogin.ProofPause)); rest > 0 {
		p.after = rest
		return false
	}
	client, err := sdp.New(sdp.Config{
		Edition: sdp.Edition(p.c.Spec.Edition), URL: p.remote.api, Portal: p.c.Spec.Portal, HTTP: p.remote.sender,
		Tokens: sdp.StaticToken(p.opened), Limiter: turns{p.source, p.row.ID}, Retry: sdp.RetryPolicy{Attempts: 1},
	})
	if err != nil {
		p.fail("%s", err)
		return false
	}
	err = connectionlogin.CallOnce(ctx, client, connectionobject.Toolsets(&p.c.Spec))
	if wait, is := errors.AsType[*sdp.WaitError](err); is {
		p.after = max(wait.RetryAfter, time.Second)
		return false
	}
	p.provenAt = time.Now()
	switch connectionlogin.VerdictOf(err) {
	case connectionlogin.RefusalProven:
		p.provenRefused = p.current.ID
		return true
	case connectionlogin.RefusalDisproved:
		p.source.forgetRefusal(p.keeper)
	}
	p.after = connectionlogin.ProofPause
	return false
}

// turns gives turns to call. It waits for none: a keeper comes back.
type turns struct {
	source     *Source
	connection int64
}

// Wait implements sdp.Limiter.
func (t turns) Wait(ctx context.Context) error {
	grant, err := t.source.TakeRate(ctx, t.connection, store.LaneProof, 1)
	if err == nil && grant.Granted == 0 {
		return &sdp.WaitError{RetryAfter: grant.RetryAfter}
	}
	return err
}

// Pause implements sdp.Limiter. Where the pause cannot be written down, the next call meets the same refusal.
func (t turns) Pause(ctx context.Context, pause time.Duration) {
	_, _ = t.source.PauseRate(ctx, t.connection, pause)
}
