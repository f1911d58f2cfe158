package auth

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/access"
)

// ModeNone is the --auth of a server that asks nobody who they are.
const ModeNone = access.ModeNone

// Options say who is let in, and how much one caller may ask for.
type Options struct {
	// Access says how callers are authenticated. Without audiences, that is the public URL and /mcp.
	Access access.Options
	// PublicURL is the URL of this server as clients see it, without /mcp; empty where nobody needs to know.
	PublicURL string
	// AllowedOrigins are the web pages whose requests are let in, as ParseOrigins takes them.
	AllowedOrigins []string
	// AllowInPod lets a server without authentication run in a cluster.
	AllowInPod bool
	// AllowAnonymousWrites lets callers write to ServiceDesk Plus whom nobody proved.
	AllowAnonymousWrites bool
	Limits               Limits
	// FailuresPerSecond is how many failed authentications one source address may have; 0 is no limit. TrustedProxies are the
	// addresses, as CIDR, whose X-Forwarded-For says where a request comes from.
	FailuresPerSecond float64
	TrustedProxies    []string
}

// AddFlags registers the flags of authentication and of limits.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	if o.Access.Mode == "" {
		o.Access.Mode = ModeNone
	}
	o.Access.AddFlags(fs)
	o.Access.AddKubeconfigFlag(fs)
	fs.StringVar(&o.PublicURL, "public-url", "", "URL of this server as clients see it, without /mcp; it is the audience where --audience is not given, and what --auth=oidc tells clients")
	fs.StringSliceVar(&o.AllowedOrigins, "allowed-origins", nil, "origins of web pages whose requests are let in, such as https://chat.example.org, separated by commas; by default none are")
	fs.BoolVar(&o.AllowInPod, "allow-in-pod", false, "let --auth=none run inside Kubernetes, where every container of the pod is then the local user")
	fs.BoolVar(&o.AllowAnonymousWrites, "allow-anonymous-writes", false,
		"let callers write to ServiceDesk Plus whom nobody proved: with --auth=none everybody who reaches an address, with --stdio the client that started this program")
	o.Limits.AddFlags(fs)
	fs.Float64Var(&o.FailuresPerSecond, "failed-authentications-per-second", DefaultFailuresPerSecond,
		"maximum number of invalid tokens a second from one source address (IPv6: from one /64), five times that at once; tokens proven lately are always let in; 0 for no limit")
	fs.StringSliceVar(&o.TrustedProxies, "trusted-proxies", nil, "addresses of proxies, as CIDR, whose X-Forwarded-For says which source address a request has; by default none is trusted")
}

// IsNone reports whether nobody is authenticated.
func (o *Options) IsNone() bool { return o.Access.Mode == ModeNone }

// Complete fills in the audience.
func (o *Options) Complete() {
	if u, ok := ParsePublicURL(o.PublicURL); ok && len(o.Access.Audiences) == 0 && !o.IsNone() {
		o.Access.Audiences = []string{u.String() + endpointPath}
	}
}

// Validate returns what is wrong with the options of a server that listens on some addresses, in the words of the flags.
func (o *Options) Validate(addresses []string, getenv func(string) string) error {
	if o.PublicURL != "" {
		if _, ok := ParsePublicURL(o.PublicURL); !ok {
			return fmt.Errorf("--public-url is %q; give the http or https URL that clients use, without /mcp, such as https://prompts.example.org", o.PublicURL)
		}
	}
	if o.Access.Mode == access.ModeOIDC && o.PublicURL == "" {
		return errors.New("--auth=oidc needs --public-url: the URL that clients use, without /mcp, from which they learn where to get a token")
	}
	if err := o.Access.Validate(); err != nil {
		return err
	}
	if _, err := ParseOrigins(o.AllowedOrigins); err != nil {
		return fmt.Errorf("--allowed-origins: %w", err)
	}
	if _, err := parseProxies(o.TrustedProxies); err != nil {
		return fmt.Errorf("--trusted-proxies: %w", err)
	}
	if err := validateLimit("--failed-authentications-per-second", o.FailuresPerSecond); err != nil {
		return err
	}
	if err := o.Limits.Validate(); err != nil {
		return err
	}
	if o.IsNone() {
		return o.validateNone(addresses, getenv)
	}
	return validateAddresses(addresses)
}

// validateNone returns why a server with these listening addresses and this environment may not run without
// authentication, or nil. Without addresses only who started it reaches it.
func (o *Options) validateNone(addresses []string, getenv func(string) string) error {
	if len(o.AllowedOrigins) > 0 {
		return errors.New("--allowed-origins needs a way to tell callers apart: set --auth, or leave it out; with --auth=none pages of this machine are let in and no others")
	}
	if len(addresses) == 0 {
		return nil
	}
	if getenv("KUBERNETES_SERVICE_HOST") != "" && !o.AllowInPod {
		return errors.New("--auth=none does not run inside Kubernetes (KUBERNETES_SERVICE_HOST is set): every container of the pod, and whoever " +
			"may forward its ports, could read and change every prompt; set --auth=kubernetes, or --allow-in-pod if that is what you want")
	}
	if err := validateAddresses(addresses); err != nil {
		return err
	}
	for _, address := range addresses {
		if host, _, _ := net.SplitHostPort(address); !isLoopbackListenHost(host) {
			return fmt.Errorf("--auth=none listens on loopback only: address %q must be localhost, 127.0.0.1 or [::1] with a port", address)
		}
	}
	return nil
}

func validateAddresses(addresses []string) error {
	for _, address := range addresses {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("address %q is not host:port: %w", address, err)
		}
	}
	return nil
}

// metadata returns what clients are told of the issuer; nil without one.
func (o *Options) metadata() *ResourceMetadata {
	public, ok := ParsePublicURL(o.PublicURL)
	if o.Access.Mode != access.ModeOIDC || !ok {
		return nil
	}
	return &ResourceMetadata{PublicURL: public, Issuer: o.Access.OIDC.IssuerURL, Scopes: o.Access.OIDC.RequiredScopes}
}

// parseProxies reads addresses and networks.
func parseProxies(written []string) ([]netip.Prefix, error) {
	prefixes := make([]netip.Prefix, 0, len(written))
	for _, one := range written {
		prefix, err := netip.ParsePrefix(one)
		if address, failed := netip.ParseAddr(one); err != nil && failed == nil {
			prefix, err = address.Prefix(address.BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%q is no address and no network; give one as 10.0.0.0/8", one)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}
