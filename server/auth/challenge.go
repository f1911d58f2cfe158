package auth

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// The errors of a challenge (RFC 6750, 3.1).
const (
	invalidToken      = "invalid_token"
	insufficientScope = "insufficient_scope"
)

// scopes returns those callers need, for clients that ask for a token.
func (b *Bearer) scopes() []string {
	if b.options.Metadata == nil {
		return nil
	}
	return b.options.Metadata.Scopes
}

// challenge returns the WWW-Authenticate header of a refusal: bare where clients can get no token by themselves, else with
// where they learn how (RFC 9728, 5.1), an error if there is one, and the scopes they have to ask for.
func (b *Bearer) challenge(r *http.Request, problem string, scopes []string) http.Header {
	value := "Bearer"
	if b.options.Metadata != nil {
		var params []string
		if problem != "" {
			params = append(params, `error="`+problem+`"`)
		}
		if len(scopes) > 0 {
			params = append(params, `scope="`+strings.Join(scopes, " ")+`"`)
		}
		params = append(params, `resource_metadata="`+b.options.Metadata.urlFor(r.URL.Path)+`"`)
		value += " " + strings.Join(params, ", ")
	}
	return http.Header{"Www-Authenticate": {value}}
}

// endpointPaths are the paths of MCP endpoints: for all namespaces, and for one, which is a DNS label.
var endpointPaths = regexp.MustCompile(`^/mcp(/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$`)

// unescapeQuery returns the name of a parameter as it is meant, or as it is written where that means nothing.
func unescapeQuery(name string) string {
	if plain, err := url.QueryUnescape(name); err == nil {
		return plain
	}
	return name
}
