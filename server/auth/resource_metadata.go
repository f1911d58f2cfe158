package auth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// wellKnown is below what a server says of itself, and metadataPath where it says who gives out tokens for it (RFC 9728, 3).
const (
	wellKnown    = "/.well-known/"
	metadataPath = wellKnown + "oauth-protected-resource"
)

// ResourceMetadata is what clients of OAuth need to get a token for this server (RFC 9728).
type ResourceMetadata struct {
	// PublicURL is the URL of this server as clients see it, without /mcp and without a slash at the end.
	PublicURL *url.URL
	// Issuer is the authorization server.
	Issuer string
	// Scopes are those that every caller needs; none are listed without.
	Scopes []string
}

// resourceDocument is the metadata as it is served.
type resourceDocument struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported,omitempty"`
	BearerMethods        []string `json:"bearer_methods_supported"`
	Name                 string   `json:"resource_name"`
}

// urlFor returns the URL of the metadata of an endpoint; of the one for all namespaces where a path is none.
func (m *ResourceMetadata) urlFor(path string) string {
	path = strings.TrimSuffix(path, "/")
	if !endpointPaths.MatchString(path) {
		path = endpointPath
	}
	return m.PublicURL.Scheme + "://" + m.PublicURL.Host + metadataPath + m.PublicURL.EscapedPath() + path
}

// endpointPath is the path of the endpoint for all namespaces.
const endpointPath = "/mcp"

// document returns the metadata of a resource whose path follows the well-known one, and false where there is no such
// resource. The path is with that of the public URL in front, or without where a gateway takes it away. Without any path it
// is that of the endpoint for all namespaces, which is where clients look last.
func (m *ResourceMetadata) document(path string) (*resourceDocument, bool) {
	path = strings.TrimSuffix(path, "/")
	path = strings.TrimPrefix(path, m.PublicURL.Path)
	if path == "" {
		path = endpointPath
	}
	if !endpointPaths.MatchString(path) {
		return nil, false
	}
	return &resourceDocument{
		Resource:             m.PublicURL.String() + path, // what clients ask for has to be the same to the letter (RFC 9728, 3.3)
		AuthorizationServers: []string{m.Issuer},
		Scopes:               m.Scopes,
		BearerMethods:        []string{"header"},
		Name:                 "Lectern",
	}, true
}

// ServeWellKnown returns a handler that serves the metadata to everybody and leaves all other paths to next. With nil
// metadata nothing is there: a client that looks learns that it can get no token by itself.
func ServeWellKnown(m *ResourceMetadata, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, wellKnown) {
			next.ServeHTTP(w, r)
			return
		}
		path, is := strings.CutPrefix(r.URL.Path, metadataPath)
		if m == nil || !is {
			http.NotFound(w, r)
			return
		}
		document, found := m.document(path)
		switch {
		case !found:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "metadata is only read, by GET", http.StatusMethodNotAllowed)
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "max-age=300")
			_ = json.NewEncoder(w).Encode(document) // a client that went away needs no answer
		}
	})
}

// ParsePublicURL reads the URL of this server as clients see it: http or https, a host, and the path a gateway has it
// under, if any. One that ends with the path of the endpoint is none: that is put after it.
func ParsePublicURL(written string) (*url.URL, bool) {
	u, err := url.Parse(strings.TrimRight(written, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.ContainsAny(written, `#"\ `) || strings.HasSuffix(u.Path, endpointPath) {
		return nil, false
	}
	return u, true
}
