package localdesk

import (
	"context"
	"errors"
	"time"

	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/folderlock"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// keepTimeout bounds how long what came of an exchange is being written down, though the program was told to end.
	keepTimeout = 10 * time.Second
	keepRetry   = keepTimeout / 20
)

// exchange spends a grant code. It is marked as spent where its refresh token will be, and then sent: a place that cannot be written
// costs no code, and a code that is marked is never sent again, by whatever process.
func (p *pass) exchange(ctx context.Context) error {
	if !folderlock.IsSupported { // two processes that do not know of each other would both send it
		p.fail("grant codes are not exchanged on this system, which has no locks for folders; put a refresh token into %s", p.reference)
		return nil
	}
	code := p.given.CodeDigest()
	asked, err := p.begin(store.TokenExchange, store.CauseScheduled, code, func(s *state) error {
		if _, isSent := s.Codes[code]; isSent {
			return errStateChanged
		}
		s.markSent(p.owner(), code)
		return nil
	})
	if failed, is := errors.AsType[*stateError](err); is {
		p.fail("%s; the grant code was not sent, since there is no place for the refresh token that it gives", failed)
		return nil
	}
	if err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.CodeMarked)
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenCallTimeout)
	defer cancel()
	sent := time.Now()
	issued, err := oauth.Exchange(calling, p.remote.sender, p.remote.accounts, p.login.Client, p.login.Exchange, "")
	p.auditToken("exchange grant code", sent, err)
	faultpoint.Hit(faultpoint.CodeSent)
	if err != nil {
		return p.exchangeFailed(code, asked, err)
	}
	p.login.Exchange, p.login.RefreshToken = redact.Secret{}, issued.Refresh
	owner := p.owner()
	err = p.storeIssued(asked, issued, func(s *state) { s.keepOutcome(owner, code, issued.Refresh, "") })
	if p.keepTrying(); len(p.unwritten) == 0 {
		return errStateChanged
	}
	return err
}

// keepTrying writes what could not be written, for as long as a program that is told to end may take.
func (p *pass) keepTrying() {
	again := time.NewTicker(keepRetry)
	defer again.Stop()
	for deadline := time.Now().Add(keepTimeout); len(p.unwritten) > 0 && time.Now().Before(deadline); <-again.C {
		_, _, _ = p.readState()
	}
}

// exchangeFailed writes down that a code gave nothing. Only where nothing can have been sent it may be sent again.
func (p *pass) exchangeFailed(code string, asked tokenRequest, failed error) error {
	if outcomeOf(failed) == oauth.NotSent {
		return errors.Join(p.recordFailed(asked, failed), p.write(func(s *state) { delete(s.Codes, code) }))
	}
	owner := p.owner()
	err := p.write(func(s *state) {
		s.end(asked.ID)
		s.keepOutcome(owner, code, redact.Secret{}, failed.Error())
	})
	if err != nil {
		return err
	}
	return errStateChanged // reading it again says what to do
}
