package auth

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/store"
)

// None takes every request that reaches a loopback address as the person who started the server,
// and allows everything that Authorize says. Host and Origin keep web pages out: a page can make a browser reach a
// loopback address, but not under a name of the machine itself, nor without saying whose page it is.
// An Origin of the machine is let in for programs that send one. Its pages are not served either: the
// browser asks first whether it may send JSON (CORS), and gets no answer.
type None struct {
	identity Identity
	// allowsWrites lets the local user write to ServiceDesk Plus.
	allowsWrites bool
}

// NewNone returns an authenticator that takes everybody for the local user of that name.
func NewNone(user string) *None {
	return &None{identity: Identity{Subject: "local:" + user, Proof: access.ProofNone}}
}

// AllowWrites has the local user write to ServiceDesk Plus, too (--allow-anonymous-writes), and returns n.
func (n *None) AllowWrites() *None {
	n.allowsWrites = true
	return n
}

// Identity returns the person who started the server.
func (n *None) Identity() Identity { return n.identity }

// Authenticate refuses with 403 a request whose Host or Origin is not this machine. One without Origin
// comes from no page.
func (n *None) Authenticate(r *http.Request) (context.Context, error) {
	if !isLoopbackHost(r.Host) {
		return nil, &RefusedError{
			Status: http.StatusForbidden,
			Reason: "with --auth=none the Host header is localhost, 127.0.0.1 or [::1]",
		}
	}
	if origin := r.Header.Get("Origin"); origin != "" && !isLoopbackOrigin(origin) {
		return nil, &RefusedError{
			Status: http.StatusForbidden,
			Reason: "with --auth=none the Origin header is absent, or http(s) on localhost, 127.0.0.1 or [::1]",
		}
	}
	return WithIdentity(r.Context(), n.identity), nil
}

// Authorize allows everything, writes to ServiceDesk Plus after AllowWrites alone: whoever reaches the address could do them.
func (n *None) Authorize(_ context.Context, _ Identity, verb Verb, _ store.Key) error {
	if verb == Operate && !n.allowsWrites {
		return ErrDenied
	}
	return nil
}

// VisibleNamespaces returns all of them.
func (*None) VisibleNamespaces(context.Context, Identity, Candidates) (Visible, error) {
	return Visible{Scope: store.Scope{All: true}}, nil
}

func isLoopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isLoopbackHost(u.Host)
}

func isLoopbackHost(hostport string) bool {
	host := hostport
	if strings.HasPrefix(hostport, "[") || strings.Count(hostport, ":") == 1 {
		h, _, err := net.SplitHostPort(hostport)
		if err == nil {
			host = h
		}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return host == "127.0.0.1" || host == "::1" || strings.EqualFold(host, "localhost")
}

// isLoopbackListenHost reports whether a listening address is loopback: there any of 127.0.0.0/8 is.
func isLoopbackListenHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
