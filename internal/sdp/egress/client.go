package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/lectern-dev/lectern/internal/certificates"
)

// Options are what a client is made of.
type Options struct {
	Rules Rules
	// APIServer are the addresses of the cluster's API server; ClusterCIDRs the ranges of its pods and services. A name that
	// resolves there is refused, unless, for the ranges, it ends in .svc.
	APIServer    []netip.Addr
	ClusterCIDRs []netip.Prefix
	// Proxy is asked to connect to everything, if it is not nil; the check of addresses is then the proxy's.
	Proxy *url.URL
	// CABundle has certificates in PEM that are trusted instead of the system's, if it is not empty.
	CABundle []byte
	// Resolver is the system's when it is nil.
	Resolver *net.Resolver
}

// NewClient returns a client whose requests go where the rules allow and nowhere else. It follows no redirect: the answer is the
// redirect. Its errors are NotAllowedErrors where the rules or an address stopped a request. CloseIdleConnections ends what it
// keeps open.
func NewClient(o Options) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(o.CABundle) > 0 {
		pool, err := certificates.ParsePool(o.CABundle)
		if err != nil {
			return nil, fmt.Errorf("the CA bundle: %w", err)
		}
		config.RootCAs = pool
	}
	transport := &http.Transport{
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        time.Minute,
		MaxIdleConnsPerHost:    8,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
	g := &guard{rules: o.Rules, addresses: addressPolicy{apiServer: o.APIServer, cluster: o.ClusterCIDRs}, resolver: o.Resolver, next: transport}
	if o.Proxy == nil {
		transport.DialContext = g.dial
	} else {
		if err := validateProxy(o.Proxy); err != nil {
			return nil, err
		}
		transport.Proxy = http.ProxyURL(o.Proxy)
		transport.DialContext = (&net.Dialer{Timeout: dialTimeout, Resolver: o.Resolver}).DialContext
	}
	return &http.Client{
		Transport:     g,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

const dialTimeout = 10 * time.Second

// ParseProxy reads the URL of a proxy: http or https, with a user where it asks for one. No error quotes it.
func ParseProxy(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("that is not the URL of a proxy, such as http://proxy.example.org:3128")
	}
	return parsed, validateProxy(parsed)
}

func validateProxy(proxy *url.URL) error {
	if proxy.Scheme != "http" && proxy.Scheme != "https" || proxy.Host == "" || proxy.RawQuery != "" || proxy.Fragment != "" || strings.Trim(proxy.Path, "/") != "" {
		return errors.New("that is not the URL of a proxy, such as http://proxy.example.org:3128")
	}
	return nil
}

// guard checks each request, and each connection.
type guard struct {
	rules     Rules
	addresses addressPolicy
	resolver  *net.Resolver
	next      *http.Transport
	// admitted is told of each address that a connection may go to, in tests.
	admitted func(netip.Addr)
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := g.rules.check(request.URL); err != nil {
		return nil, err
	}
	if request.Host != "" && !strings.EqualFold(request.Host, request.URL.Host) {
		return nil, &NotAllowedError{Host: request.URL.Host, Reason: "the request names another host"}
	}
	return g.next.RoundTrip(request)
}

// CloseIdleConnections is called by that of http.Client.
func (g *guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

// dial connects to an address that a rule names. What the name resolved to is checked on the socket, just before it connects:
// there is no second resolution that could answer otherwise.
func (g *guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, listed, err := g.rules.namesAddress(address)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: g.resolver}
	if !listed.IsValid() {
		isClusterName := strings.HasSuffix(host, ".svc")
		dialer.ControlContext = func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			return g.checkResolved(address, resolved, isClusterName)
		}
	}
	return dialer.DialContext(ctx, network, address)
}

func (g *guard) checkResolved(address, resolved string, isClusterName bool) error {
	at, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return &NotAllowedError{Host: address, Reason: "it resolves to no IP address"}
	}
	if refusal := g.addresses.refusal(at.Addr(), isClusterName); refusal != "" {
		return &NotAllowedError{Host: address, Reason: fmt.Sprintf("it resolves to %s: %s", at.Addr(), refusal)}
	}
	if g.admitted != nil {
		g.admitted(at.Addr())
	}
	return nil
}
