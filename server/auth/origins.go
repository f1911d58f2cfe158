package auth

import (
	"fmt"
	"net/url"
)

// Origins says from which web pages requests are let in. A request without Origin does not come
// from a page.
type Origins struct {
	listed   map[string]bool
	loopback bool
}

// NewOrigins takes the listed origins, scheme://host[:port] each, and whether every page of this
// machine is let in as well.
func NewOrigins(listed []string, loopback bool) (*Origins, error) {
	origins := &Origins{listed: make(map[string]bool, len(listed)), loopback: loopback}
	for _, origin := range listed {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return nil, fmt.Errorf("origin %q is not scheme://host or scheme://host:port", origin)
		}
		origins.listed[origin] = true
	}
	return origins, nil
}

// Allowed reports whether a page of this origin may send requests.
func (o *Origins) Allowed(origin string) bool {
	if o.listed[origin] {
		return true
	}
	if !o.loopback {
		return false
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isLoopbackHost(u.Host)
}
