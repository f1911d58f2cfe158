package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ParseOrigins reads the origins of web pages, "https://chat.example.org" or with a port, and returns them as browsers write
// them (RFC 6454, 6.2).
func ParseOrigins(written []string) ([]string, error) {
	origins := make([]string, 0, len(written))
	for _, one := range written {
		origin, ok := parseOrigin(one)
		if !ok {
			return nil, fmt.Errorf("%q is not the origin of a web page; give http:// or https://, a host, and a port if it is not the scheme's own, and no path", one)
		}
		origins = append(origins, origin)
	}
	return origins, nil
}

// parseOrigin returns an origin in lower case without the port a scheme has by itself.
func parseOrigin(written string) (string, bool) {
	u, err := url.Parse(written)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(written, "#") {
		return "", false
	}
	host := strings.ToLower(u.Host)
	if own := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]; strings.HasSuffix(host, own) {
		host = strings.TrimSuffix(host, own)
	}
	return u.Scheme + "://" + host, true
}

// checkOrigin refuses a web page that is not allowed. A request without Origin comes from no page.
func (b *Bearer) checkOrigin(r *http.Request) *RefusedError {
	for _, written := range r.Header["Origin"] {
		origin, ok := parseOrigin(written)
		if !ok || !slices.Contains(b.options.AllowedOrigins, origin) {
			return &RefusedError{
				Status: http.StatusForbidden,
				Reason: "requests of web pages are let in from the origins that --allowed-origins lists; this one is not among them",
			}
		}
	}
	return nil
}
