package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/certificates"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// remote is where a connection's credentials go.
type remote struct {
	sender *http.Client
	api    *url.URL
	// accounts is nil on premises.
	accounts *url.URL
}

// openRemote returns where credentials go, when they may go there.
func (p *pass) openRemote(bundle []byte) (*remote, error) {
	opened := &remote{}
	var err error
	if opened.api, err = p.allowedURL("apiURL", connectionobject.APIURL(&p.c.Spec)); err != nil {
		return nil, err
	}
	if p.c.Spec.Edition != v1alpha1.EditionOnPremises {
		if opened.accounts, err = p.allowedURL("accountsURL", connectionobject.AccountsURL(&p.c.Spec)); err != nil {
			return nil, err
		}
	}
	opened.sender, err = p.reuseSender(bundle)
	return opened, err
}

func (p *pass) allowedURL(field, text string) (*url.URL, error) {
	allowed, err := p.Egress.Rules.ParseURL(text)
	if refused, is := errors.AsType[*egress.NotAllowedError](err); is {
		return nil, hostNotAllowed(fmt.Sprintf("spec.%s: ", field), refused)
	}
	if err != nil {
		return nil, failBlocked("", v1alpha1.ReasonInvalidSpec, fmt.Sprintf("spec.%s: %s", field, err))
	}
	return allowed, nil
}

// hostNotAllowed says that credentials may not go to a host, by its name or by what that resolves to.
func hostNotAllowed(where string, refused *egress.NotAllowedError) *failure {
	return failBlocked("", v1alpha1.ReasonHostNotAllowed, fmt.Sprintf(
		"%s%s; whoever installed Lectern lists the hosts that credentials may go to by --sdp-allowed-hosts (chart: sdp.allowedHosts)", where, refused))
}

// reuseSender returns the HTTP client of before while the certificates are the same.
func (p *pass) reuseSender(bundle []byte) (*http.Client, error) {
	if p.memory.sender != nil && p.memory.certificates == string(bundle) {
		return p.memory.sender, nil
	}
	options := p.Egress
	options.CABundle = bundle
	sender, err := egress.NewClient(options)
	if err != nil {
		return nil, caBundleInvalid(err)
	}
	if p.memory.sender != nil {
		p.memory.sender.CloseIdleConnections()
	}
	p.memory.sender, p.memory.certificates = sender, string(bundle)
	return sender, nil
}

// readCABundle returns the certificates of the connection's ConfigMap; nil where it names none.
func (p *pass) readCABundle(ctx context.Context) ([]byte, error) {
	name, key := connectionobject.CABundle(&p.c.Spec)
	if name == "" {
		return nil, nil
	}
	var found corev1.ConfigMap
	err := p.API.Get(ctx, types.NamespacedName{Namespace: p.c.Namespace, Name: name}, &found)
	if apierrors.IsNotFound(err) {
		return nil, failWaiting("", v1alpha1.ReasonCABundleMissing, fmt.Sprintf("there is no ConfigMap %s in this namespace, which spec.caBundle names", name), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("read ConfigMap %s: %w", name, err)
	}
	text, has := found.Data[key]
	if !has {
		return nil, failWaiting("", v1alpha1.ReasonCABundleMissing, fmt.Sprintf("ConfigMap %s has no key %s, which spec.caBundle names", name, key), 0)
	}
	extracted, err := certificates.Extract([]byte(text))
	if err != nil {
		return nil, caBundleInvalid(err)
	}
	return extracted, nil
}

func caBundleInvalid(err error) *failure {
	return failBlocked("", v1alpha1.ReasonCABundleInvalid, "spec.caBundle: "+err.Error())
}

// open returns a client that calls with a token, when the lane has a turn.
func (p *pass) open(token redact.Secret, lane store.Lane) (*sdp.Client, error) {
	timeout := time.Duration(0) // the client's own
	if lane == store.LaneProof {
		timeout = proofTimeout
	}
	return sdp.New(sdp.Config{
		Timeout: timeout,
		Edition: sdp.Edition(p.c.Spec.Edition), URL: p.remote.api, Portal: p.c.Spec.Portal, HTTP: p.remote.sender,
		Tokens: sdp.StaticToken(token), Limiter: laneLimiter{p.Rates, p.id, lane}, Retry: sdp.RetryPolicy{Attempts: 1},
		Observe: p.auditCall,
	})
}

// openForLists returns a client that calls with the current token in the lane of lists.
func (p *pass) openForLists() (*sdp.Client, error) {
	token, err := p.openToken()
	if err != nil {
		return nil, fmt.Errorf("open the token: %w", err)
	}
	return p.open(token, store.LaneLookup)
}

// laneLimiter gives turns of a lane. It waits for none: a reconcile comes back.
type laneLimiter struct {
	rates      Rates
	connection int64
	lane       store.Lane
}

// Wait implements sdp.Limiter.
func (l laneLimiter) Wait(ctx context.Context) error {
	grant, err := l.rates.TakeRate(ctx, l.connection, l.lane, 1)
	if err != nil {
		return err
	}
	if grant.Granted == 0 {
		return &sdp.WaitError{RetryAfter: grant.RetryAfter}
	}
	return nil
}

// Pause implements sdp.Limiter. Where the pause cannot be written down, the next call meets the same refusal.
func (l laneLimiter) Pause(ctx context.Context, pause time.Duration) {
	_, _ = l.rates.PauseRate(ctx, l.connection, pause)
}
