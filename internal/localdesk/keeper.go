package localdesk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/secretsource"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// rereadInterval is how often a keeper reads credentials and state, of whose changes nobody tells. It makes no call for that.
	rereadInterval = 5 * time.Second
	// waitInterval is how often it does so where another process is asking for a token.
	waitInterval = 200 * time.Millisecond
	// shortestPause is the shortest time after which it does so by itself: who wakes it up does not wait.
	shortestPause = 20 * time.Millisecond
)

// keeper finds out what the row of a connection says.
type keeper struct {
	source    *Source
	key       store.Key
	reference secretsource.Reference
	wakeups   chan struct{}

	// The source's lock guards these: the manifest, the row, what its token is, and which token was refused.
	manifest *v1alpha1.SDPConnection
	row      store.Connection
	access   redact.Secret
	refused  string

	// The rest is the goroutine's of run.
	held heldCredentials
	// sender sends by the certificates it was made with.
	sender       *http.Client
	certificates string
	// keyFoundAt is when an API key was first met, of the id it has.
	keyID      string
	keyFoundAt time.Time
	// provenAt is when it was last proven whether a token is refused, and provenRefused the last one that is.
	provenAt      time.Time
	provenRefused refusedToken
	// replacement is the token that this process got for a refused one, by its id, while no call was made with it.
	replacement string
	// goodSecret is the client secret that an accounts server last took, or that was there with a token that was kept.
	goodSecret redact.Secret
	// unwritten are changes of the state that could not be written yet: what they have is nowhere else.
	unwritten []func(*state)
}

// refusedToken is one that is refused, by its id, and where.
type refusedToken struct{ id, apiURL string }

// finding is what a keeper found out.
type finding struct {
	// manifest is what it was found out by, and settings are what that says.
	manifest *v1alpha1.SDPConnection
	settings store.ConnectionSettings
	// token is what servers know of a token, and opened what it is.
	token  *store.SealedToken
	opened redact.Secret
	// problem says why there is no token, or what a person should do though there is one.
	problem string
	// after is when to inspect again; zero for rereadInterval.
	after time.Duration
}

// fail says why there is no token.
func (f *finding) fail(format string, args ...any) { f.problem = fmt.Sprintf(format, args...) }

// addProblem says what a person should do besides.
func (f *finding) addProblem(said string) {
	if f.problem != "" {
		said = f.problem + "; " + said
	}
	f.problem = said
}

func (k *keeper) wakeUp() {
	select {
	case k.wakeups <- struct{}{}:
	default:
	}
}

// run keeps the connection current until ctx ends.
func (k *keeper) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer func() {
		if k.sender != nil {
			k.sender.CloseIdleConnections()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.wakeups:
		case <-timer.C:
		}
		found := k.inspect(ctx)
		if ctx.Err() != nil && found.token == nil {
			return
		}
		k.source.publish(k, found)
		wait := rereadInterval
		if found.after > 0 {
			wait = min(max(found.after, shortestPause), rereadInterval)
		}
		timer.Reset(wait)
	}
}

// inspect finds out how the connection stands, and asks for a token where that is due.
func (k *keeper) inspect(ctx context.Context) *finding {
	c, row := k.source.manifestOf(k)
	f := &finding{manifest: c, settings: connectionobject.SettingsOf(&c.Spec, "")}
	if k.reference.IsZero() {
		f.fail("no credentials were named for the connection; start the server with --sdp-credentials %s=REF as well", k.key)
		return f
	}
	if err := connectionobject.CheckTimeZone(&c.Spec); err != nil {
		f.fail("spec.timeZone: %s", err)
		return f
	}
	values, confirmAfter, fault := k.held.read(k.reference, c)
	switch {
	case fault != nil && values == nil:
		f.fail("--sdp-credentials %s=%s %s", k.key, k.reference, fault)
		return f
	case values == nil: // they were faulty, and were changed a moment ago
		f.problem, f.after = row.Problem, confirmAfter
		return f
	}
	k.inspectWith(ctx, &pass{keeper: k, c: c, row: row, finding: f}, values)
	if fault != nil {
		f.addProblem(fmt.Sprintf("--sdp-credentials %s=%s %s; what it had before stays in use", k.key, k.reference, fault))
	}
	if confirmAfter > 0 && (f.after <= 0 || confirmAfter < f.after) {
		f.after = confirmAfter
	}
	return f
}

// inspectWith finds out how the connection stands with credentials.
func (k *keeper) inspectWith(ctx context.Context, p *pass, values map[string][]byte) {
	var err error
	if p.settings.CACertificates, err = takeCertificates(values, p.c); err == nil {
		p.remote, err = k.openRemote(p.c, p.settings.CACertificates)
	}
	if err == nil && !p.c.Spec.Suspend {
		p.given, err = connectionlogin.Read(values, p.c.Spec.Edition)
	}
	switch {
	case err != nil:
		p.fail("%s", err)
	case p.c.Spec.Suspend:
	case p.c.Spec.Edition == v1alpha1.EditionOnPremises:
		p.findKey(ctx)
	default:
		p.findToken(ctx)
	}
}

// remote is where credentials go. accounts is nil on premises.
type remote struct {
	sender        *http.Client
	api, accounts *url.URL
}

// openRemote returns where the credentials go, if they may.
func (k *keeper) openRemote(c *v1alpha1.SDPConnection, certificates string) (at remote, err error) {
	if at.api, err = k.parseAllowed("apiURL", connectionobject.APIURL(&c.Spec)); err != nil {
		return at, err
	}
	if c.Spec.Edition != v1alpha1.EditionOnPremises {
		if at.accounts, err = k.parseAllowed("accountsURL", connectionobject.AccountsURL(&c.Spec)); err != nil {
			return at, err
		}
	}
	if k.sender == nil || k.certificates != certificates {
		options := k.source.options.Egress
		options.CABundle = []byte(certificates)
		made, err := egress.NewClient(options)
		if err != nil {
			return at, fmt.Errorf("spec.caBundle: %w", err)
		}
		if k.sender != nil {
			k.sender.CloseIdleConnections()
		}
		k.sender, k.certificates = made, certificates
	}
	at.sender = k.sender
	return at, nil
}

func (k *keeper) parseAllowed(field, text string) (*url.URL, error) {
	allowed, err := k.source.options.Egress.Rules.ParseURL(text)
	if _, is := errors.AsType[*egress.NotAllowedError](err); is {
		return nil, fmt.Errorf("spec.%s: %w; list the hosts that credentials may go to with --sdp-allowed-hosts", field, err)
	}
	if err != nil {
		return nil, fmt.Errorf("spec.%s: %w", field, err)
	}
	return allowed, nil
}
