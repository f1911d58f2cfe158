package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A NotAllowedError says that credentials may not go to a host, and why. It has no path, query or user of the URL.
type NotAllowedError struct {
	// Host is the host and port, or what stands for it in a URL that has none.
	Host   string
	Reason string
}

func (e *NotAllowedError) Error() string {
	return fmt.Sprintf("host %q is not allowed: %s", e.Host, e.Reason)
}

// Rules are the hosts that credentials may go to. The zero value allows none.
type Rules struct{ rules []rule }

// rule is one entry. It names an address, or a host, or hosts below a domain.
type rule struct {
	scheme string
	addr   netip.Addr
	// host is in lower case; with isWildcard set it stands for the names with exactly one label before it.
	host       string
	isWildcard bool
	port       int
}

var (
	hostName  = regexp.MustCompile(`^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
	numerical = regexp.MustCompile(`^(?:[0-9]+|0x[0-9a-f]*)$`)
)

// ParseRules reads entries, each a host with an optional port: "desk.example.org", "desk.example.org:8443",
// "*.example.org" (exactly one label), "10.1.2.3:8080", "[fd00::1]". Before it may stand "https://", which is meant when nothing
// stands there, or "http://", without which nothing is sent unencrypted. Ports are 443 and 80 where none is given.
func ParseRules(entries []string) (Rules, error) {
	var parsed Rules
	for _, entry := range entries {
		r, err := parseRule(entry)
		if err != nil {
			return Rules{}, fmt.Errorf("allowed host %q: %w", entry, err)
		}
		parsed.rules = append(parsed.rules, r)
	}
	return parsed, nil
}

func parseRule(entry string) (rule, error) {
	scheme, rest, found := strings.Cut(strings.ToLower(entry), "://")
	if !found {
		scheme, rest = "https", scheme
	}
	if scheme != "https" && scheme != "http" {
		return rule{}, errors.New("the scheme is https or http")
	}
	host, isWildcard := strings.CutPrefix(rest, "*.")
	if strings.ContainsAny(host, "/?#@*% \t\n") {
		return rule{}, errors.New("an entry is a host and a port, with at most one * as its first label")
	}
	name, port, err := splitHost(host, scheme)
	if err != nil {
		return rule{}, err
	}
	addr, err := parseHost(name)
	if err != nil {
		return rule{}, err
	}
	if isWildcard && (addr.IsValid() || !strings.Contains(name, ".")) {
		return rule{}, errors.New("a * stands before a domain of two labels or more")
	}
	return rule{scheme: scheme, addr: addr, host: name, isWildcard: isWildcard, port: port}, nil
}

// splitHost splits the authority of a URL, without user, into the host, without brackets, and the port.
func splitHost(authority, scheme string) (host string, port int, err error) {
	host, text := authority, ""
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		if host, text = authority[:i], authority[i+1:]; text == "" {
			return "", 0, errors.New("a port follows the colon")
		}
	}
	bracketed, isBracketed := strings.CutPrefix(host, "[")
	switch {
	case isBracketed && strings.HasSuffix(bracketed, "]"):
		host = strings.TrimSuffix(bracketed, "]")
		if !strings.Contains(host, ":") {
			return "", 0, errors.New("brackets are for IPv6 addresses")
		}
	case strings.Contains(host, ":"):
		return "", 0, errors.New("an IPv6 address is in brackets")
	}
	if text == "" {
		if scheme == "http" {
			return host, 80, nil
		}
		return host, 443, nil
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 || text[0] == '+' {
		return "", 0, errors.New("the port is a number from 1 to 65535")
	}
	return host, port, nil
}

// parseHost returns the address that a host is, or no valid one for a name. Names are ASCII in lower case; a last label that is
// a number would be an IPv4 address to some resolvers (2130706433, 127.1, 0x7f.1) and is refused.
func parseHost(host string) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return netip.Addr{}, errors.New("an address has no zone")
		}
		return addr.Unmap(), nil
	}
	if len(host) > 253 || !hostName.MatchString(host) {
		return netip.Addr{}, errors.New("it is no host name in ASCII, and no IP address")
	}
	if numerical.MatchString(host[strings.LastIndexByte(host, '.')+1:]) {
		return netip.Addr{}, errors.New("the last label of a name is no number; an IPv4 address has four decimal numbers")
	}
	return netip.Addr{}, nil
}

// ParseURL returns the URL of an API or of an accounts server if credentials may go there. It has no user, query or fragment,
// and a trailing slash is cut. The error is a NotAllowedError when it is a URL whose host no rule names.
func (r Rules) ParseURL(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Opaque != "" || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http":
		return nil, errors.New("that is not a URL such as https://desk.example.org") // a user may be in it, so it is not quoted
	case parsed.User != nil:
		return nil, errors.New("the URL has a user or a password; credentials are given in a Secret")
	case parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("the URL has a query or a fragment")
	}
	if err := r.check(parsed); err != nil {
		return nil, err
	}
	parsed.Host = strings.ToLower(parsed.Host)
	parsed.Path, parsed.RawPath = strings.TrimRight(parsed.Path, "/"), strings.TrimRight(parsed.RawPath, "/")
	return parsed, nil
}

// check returns a NotAllowedError unless a rule names the scheme, host and port of a URL.
func (r Rules) check(target *url.URL) error {
	refuse := func(reason string) error { return &NotAllowedError{Host: target.Host, Reason: reason} }
	if target.User != nil {
		return refuse("the URL has a user")
	}
	host, port, err := splitHost(strings.ToLower(target.Host), target.Scheme)
	if err != nil {
		return refuse(err.Error())
	}
	addr, err := parseHost(host)
	if err != nil {
		return refuse(err.Error())
	}
	named := func(scheme string) bool {
		return slices.ContainsFunc(r.rules, func(one rule) bool { return one.scheme == scheme && one.matches(host, addr, port) })
	}
	switch {
	case named(target.Scheme):
		return nil
	case target.Scheme == "http" && named("https"):
		return refuse("it is listed for https, and http is unencrypted")
	}
	return refuse("it is not listed")
}

// namesAddress reports whether a rule of any scheme names the host and port of "host:port" as dialers have it.
func (r Rules) namesAddress(address string) (host string, addr netip.Addr, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", netip.Addr{}, &NotAllowedError{Host: address, Reason: "it is no host and port"}
	}
	host = strings.ToLower(host)
	port, portErr := strconv.Atoi(text)
	addr, err = parseHost(host)
	if err != nil || portErr != nil || !slices.ContainsFunc(r.rules, func(one rule) bool { return one.matches(host, addr, port) }) {
		return "", netip.Addr{}, &NotAllowedError{Host: address, Reason: "it is not listed"}
	}
	return host, addr, nil
}

func (r rule) matches(host string, addr netip.Addr, port int) bool {
	switch {
	case r.port != port:
		return false
	case r.addr.IsValid() || addr.IsValid():
		return r.addr == addr
	case r.isWildcard:
		_, domain, _ := strings.Cut(host, ".")
		return domain == r.host
	}
	return r.host == host
}
