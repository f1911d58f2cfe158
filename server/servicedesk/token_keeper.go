package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

const (
	// tokenWait is how long is waited for another token, tokenWaits how often one call of a tool does.
	tokenWait  = 15 * time.Second
	tokenWaits = 2
	// reportEvery is how often a refusal is reported while another token is waited for.
	reportEvery = 4 * time.Second
	// tokenRetry is when it makes sense to call again after that: the controller has had the time of a request by then.
	tokenRetry = store.TokenRequestTimeout
)

// tokenError says that there is no token that ServiceDesk Plus takes.
type tokenError struct {
	reason     string
	retryAfter time.Duration
}

func (e *tokenError) Error() string {
	return fmt.Sprintf("%s; try again in %d s", e.reason, auth.RetrySeconds(e.retryAfter))
}

type waitsKey struct{}

// withTokenWaits returns ctx for one call of a tool, which waits for tokens so often in all.
func withTokenWaits(ctx context.Context) context.Context {
	left := new(atomic.Int32)
	left.Store(tokenWaits)
	return context.WithValue(ctx, waitsKey{}, left)
}

// takeTokenWait reports whether the call may wait for a token once more.
func takeTokenWait(ctx context.Context) bool {
	left, is := ctx.Value(waitsKey{}).(*atomic.Int32)
	return is && left.Add(-1) >= 0
}

// tokenKeeper has the token of a connection. It is an sdp.TokenSource.
type tokenKeeper struct {
	store      Store
	opener     TokenOpener
	connection *connection
	wait       time.Duration

	mu     sync.Mutex
	stored *store.SealedToken
	// problem is that of the row.
	problem string
	// opened is that of openedID.
	opened   redact.Secret
	openedID string
	// refusedID is a token that was refused, until refusedUntil: after that it is tried again, since a refusal may be disproved.
	refusedID    string
	refusedUntil time.Time
	// changed is closed when stored is another one.
	changed chan struct{}
}

func newTokenKeeper(s *Service, c *connection) *tokenKeeper {
	return &tokenKeeper{store: s.store, opener: s.opener, connection: c, wait: s.tokenWait, changed: make(chan struct{})}
}

// setProblem takes over why the row has no token, before replace does what it has.
func (k *tokenKeeper) setProblem(problem string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.problem = problem
}

// replace takes over the token of the row.
func (k *tokenKeeper) replace(stored *store.SealedToken) {
	k.mu.Lock()
	defer k.mu.Unlock()
	isSame := stored == nil && k.stored == nil || stored != nil && k.stored != nil && stored.ID == k.stored.ID
	k.stored = stored // it may be sealed anew
	if isSame {
		return
	}
	close(k.changed)
	k.changed = make(chan struct{})
}

// usable returns the token if it can be used now, or why not, and what is closed when there is another.
func (k *tokenKeeper) usable() (stored *store.SealedToken, problem string, changed <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	switch {
	case k.stored == nil && k.problem != "":
		return nil, k.problem, k.changed
	case k.stored == nil:
		return nil, "the connection has no token yet", k.changed
	case !k.stored.ExpiresAt.IsZero() && !now.Before(k.stored.ExpiresAt):
		return nil, "the token of the connection is expired", k.changed
	case k.stored.ID == k.refusedID && now.Before(k.refusedUntil):
		return nil, "ServiceDesk Plus refuses the token of the connection", k.changed
	}
	return k.stored, "", k.changed
}

// Token returns the token that calls carry. Where it was refused to another call while this one waited for its turn, both are waited
// for again: a turn is good for 2 seconds.
func (k *tokenKeeper) Token(ctx context.Context) (redact.Secret, error) {
	return k.openUsable(ctx, k.connection.rate.Wait)
}

// waitUsable returns when there is a token to call with, and it is open: at once, or within a wait of the call.
func (k *tokenKeeper) waitUsable(ctx context.Context) error {
	_, err := k.openUsable(ctx, func(context.Context) error { return nil })
	return err
}

// openUsable returns a token to call with; afterWait is called when another was waited for.
func (k *tokenKeeper) openUsable(ctx context.Context, afterWait func(context.Context) error) (redact.Secret, error) {
	for {
		stored, problem, changed := k.usable()
		if stored == nil {
			if err := k.waitForAnother(ctx, "", problem, changed); err != nil {
				return redact.Secret{}, err
			}
			if err := afterWait(ctx); err != nil {
				return redact.Secret{}, err
			}
			continue
		}
		text, isOther, err := k.open(ctx, stored, changed)
		switch {
		case err == nil:
			return text, nil
		case isOther && ctx.Err() == nil: // the controller replaced what nobody can open
			if err := afterWait(ctx); err != nil {
				return redact.Secret{}, err
			}
			continue
		}
		k.connection.service.log.WarnContext(ctx, "A token cannot be opened", "connection", k.connection.key, "err", err)
		return redact.Secret{}, &tokenError{"this server has no key for the token of the connection yet", tokenRetry}
	}
}

// open returns the text of a stored token. It may wait for its key, but not for longer than there is no other token; isOther reports
// that there is.
func (k *tokenKeeper) open(ctx context.Context, stored *store.SealedToken, changed <-chan struct{}) (text redact.Secret, isOther bool, err error) {
	k.mu.Lock()
	if k.openedID == stored.ID {
		defer k.mu.Unlock()
		return k.opened, false, nil
	}
	k.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	opened, err := k.opener.OpenToken(ctx, k.connection.uid, stored.ID, stored.Sealed)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		select {
		case <-changed:
			isOther = true
		default:
		}
		return redact.Secret{}, isOther, err
	}
	k.opened, k.openedID = redact.NewSecret(string(opened)), stored.ID
	return k.opened, false, nil
}

// errNoTokenWait says that a call has waited as often as it may.
var errNoTokenWait = errors.New("the call has waited for a token as often as it may")

// Refused reports a token that was refused, and returns nil when there is another one.
func (k *tokenKeeper) Refused(ctx context.Context, token redact.Secret) error {
	k.mu.Lock()
	id := ""
	if k.stored != nil && k.openedID == k.stored.ID && k.opened.Equal(token) {
		id = k.stored.ID
		if k.refusedID != id || !time.Now().Before(k.refusedUntil) {
			k.refusedID, k.refusedUntil = id, time.Now().Add(k.wait)
		}
	}
	changed := k.changed
	k.mu.Unlock()
	if id == "" { // there is another one already
		return nil
	}
	return k.waitForAnother(ctx, id, "ServiceDesk Plus refuses the token of the connection", changed)
}

func reportTokenWait(ctx context.Context) {
	tool.ReportProgress(ctx, 0, 0, "waiting for another token of ServiceDesk Plus")
}

// waitForAnother waits until there is another token, and reports meanwhile that the current one, if it is named, was refused. It
// takes all waits that the call has left.
func (k *tokenKeeper) waitForAnother(ctx context.Context, refused, problem string, changed <-chan struct{}) (err error) {
	defer func() { k.connection.service.metrics.countTokenWait(k.connection.key.String(), err) }()
	late := func() error { return &tokenError{problem + ", and there was no other in time", tokenRetry} }
	if refused != "" {
		k.report(ctx, refused)
	} else if k.isHopeless() {
		return &tokenError{problem, tokenRetry}
	}
	if !takeTokenWait(ctx) {
		return fmt.Errorf("%w: %w", errNoTokenWait, late())
	}
	reportTokenWait(ctx)
	timeout := time.NewTimer(k.wait)
	defer timeout.Stop()
	again := time.NewTicker(reportEvery)
	defer again.Stop()
	for {
		select {
		case <-changed:
			var stored *store.SealedToken
			if stored, problem, changed = k.usable(); stored != nil {
				return nil
			}
		case <-again.C:
			if refused != "" {
				k.report(ctx, refused)
			}
		case <-timeout.C:
			if stored, _, _ := k.usable(); stored != nil && refused == "" { // what another call was refused may have been disproved
				return nil
			}
			if !takeTokenWait(ctx) {
				return late()
			}
			reportTokenWait(ctx) // an answer of the accounts server may be lost: the controller asks again after longer than a wait
			timeout.Reset(k.wait)
		case <-ctx.Done():
			return late()
		}
	}
}

// isHopeless reports whether it is known why there is no token, and that waiting gives none.
func (k *tokenKeeper) isHopeless() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.stored == nil && k.problem != ""
}

// report says that a token was refused. If that cannot be said now, it is said again soon.
func (k *tokenKeeper) report(ctx context.Context, id string) {
	k.connection.service.metrics.tokenReports.WithLabelValues(k.connection.key.String()).Inc()
	if err := k.store.ReportRefusal(ctx, k.connection.id, id); err != nil {
		k.connection.service.log.WarnContext(ctx, "A refused token could not be reported", "connection", k.connection.key, "err", err)
	}
}
