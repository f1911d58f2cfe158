package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access"
)

// knownTokens is a Verifier of a few tokens.
type knownTokens struct{}

func (knownTokens) Verify(_ context.Context, token string) (Identity, error) {
	switch token {
	case "good":
		return Identity{Subject: "system:serviceaccount:support:triage", Proof: access.ProofKubernetes}, nil
	case "narrow":
		return Identity{}, fmt.Errorf("verify: %w", &access.InsufficientScopeError{Scopes: []string{"prompts", "tools"}})
	case "away":
		return Identity{}, fmt.Errorf("post https://10.0.0.1/tokenreviews: %w", ErrUnavailable)
	case "panic":
		return Identity{}, fmt.Errorf("dial 10.0.0.1")
	default:
		return Identity{}, fmt.Errorf("verify: %w", &access.InvalidTokenError{Reason: "secret reason"})
	}
}

func (v knownTokens) VerifyAgain(ctx context.Context, token string) (Identity, error) {
	return v.Verify(ctx, token)
}

// asked is a request as a client sends it.
type asked struct {
	path   string
	header http.Header
}

// describe returns how a request was refused: status, challenge, retry and reason; or whom it was let in as.
func describe(b *Bearer, a asked) string {
	if a.path == "" {
		a.path = "/mcp"
	}
	r := httptest.NewRequest(http.MethodPost, a.path, http.NoBody)
	for name, values := range a.header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	ctx, err := b.Authenticate(r)
	if err == nil {
		identity, _ := FromContext(ctx)
		token, proven := TokenFromContext(ctx)
		return fmt.Sprintf("%s by %s %v", identity.Subject, token, proven)
	}
	refused := err.(*RefusedError) //nolint:forcetypeassert // a test
	said := fmt.Sprint(refused.Status)
	for _, name := range []string{"Www-Authenticate", "Retry-After"} {
		if value := refused.Header.Get(name); value != "" {
			said += " [" + value + "]"
		}
	}
	return said + " " + refused.Reason
}

const triage = "system:serviceaccount:support:triage by good true"

const (
	missing   = "401 [Bearer] a token is needed; send it as Authorization: Bearer TOKEN"
	invalid   = "401 [Bearer] the token is not valid here: it is expired, revoked, or meant for another audience; get a new one"
	sendOne   = "; send one header, Authorization: Bearer TOKEN"
	inURL     = "400 a token in a URL ends up in logs and is not accepted" + sendOne
	inCookie  = "400 a token in a cookie is not accepted" + sendOne
	malformed = "400 the Authorization header is not Bearer and one token" + sendOne
	foreign   = "403 requests of web pages are let in from the origins that --allowed-origins lists; this one is not among them"
)

func TestBearer_Authenticate(t *testing.T) {
	t.Parallel()
	origins, err := ParseOrigins([]string{"https://Chat.example.org:443", "http://localhost:6274"})
	if err != nil {
		t.Fatal(err)
	}
	b := NewBearer(BearerOptions{Verifier: knownTokens{}, AllowedOrigins: origins})
	good := []string{"Bearer good"}
	with := func(name, value string) http.Header { return http.Header{"Authorization": good, name: {value}} }
	for name, tc := range map[string]struct {
		asked asked
		want  string
	}{
		"a token":                         {asked{header: http.Header{"Authorization": good}}, triage},
		"in another case":                 {asked{header: http.Header{"Authorization": {"bEARER good"}}}, triage},
		"after several spaces":            {asked{header: http.Header{"Authorization": {" Bearer   good "}}}, triage},
		"nothing":                         {asked{}, missing},
		"an empty header":                 {asked{header: http.Header{"Authorization": {""}}}, missing},
		"another scheme":                  {asked{header: http.Header{"Authorization": {"Basic Z29vZA=="}}}, missing},
		"the scheme alone":                {asked{header: http.Header{"Authorization": {"Bearer"}}}, malformed},
		"the token alone":                 {asked{header: http.Header{"Authorization": {"good"}}}, missing},
		"two in one header":               {asked{header: http.Header{"Authorization": {"Bearer good, Bearer good"}}}, malformed},
		"two words":                       {asked{header: http.Header{"Authorization": {"Bearer good good"}}}, malformed},
		"signs no token has":              {asked{header: http.Header{"Authorization": {"Bearer g\u00f6\u00f6d"}}}, malformed},
		"an equals sign alone":            {asked{header: http.Header{"Authorization": {"Bearer ="}}}, malformed},
		"two headers":                     {asked{header: http.Header{"Authorization": {"Bearer good", "Bearer good"}}}, "400 there is more than one Authorization header" + sendOne},
		"two headers, the second another": {asked{header: http.Header{"Authorization": {"Bearer good", "Basic x"}}}, "400 there is more than one Authorization header" + sendOne},
		"too long":                        {asked{header: http.Header{"Authorization": {"Bearer " + strings.Repeat("a", 16<<10+1)}}}, "400 the token is longer than 16384 bytes" + sendOne},
		"as long as may be":               {asked{header: http.Header{"Authorization": {"Bearer " + strings.Repeat("a", 16<<10)}}}, invalid},
		"one nobody knows":                {asked{header: http.Header{"Authorization": {"Bearer guessed"}}}, invalid},
		"nobody to ask":                   {asked{header: http.Header{"Authorization": {"Bearer away"}}}, "503 [2] callers cannot be authenticated now; try again in 2 s"},
		"an error inside":                 {asked{header: http.Header{"Authorization": {"Bearer panic"}}}, "503 [2] callers cannot be authenticated now; try again in 2 s"},
		"without the scopes":              {asked{header: http.Header{"Authorization": {"Bearer narrow"}}}, "403 [Bearer] the token lacks a scope; needed are: prompts tools"},

		"in the query":                  {asked{path: "/mcp?access_token=good"}, inURL},
		"in the query, too":             {asked{path: "/mcp?access_token=good", header: http.Header{"Authorization": good}}, inURL},
		"in the query, written oddly":   {asked{path: "/mcp?a=b&acc%65ss_TOKEN=good"}, inURL},
		"in the query, after semicolon": {asked{path: "/mcp?a=b;access_token=good"}, inURL},
		"another query":                 {asked{path: "/mcp?toolsets=prompts", header: http.Header{"Authorization": good}}, triage},
		"in a cookie":                   {asked{header: http.Header{"Cookie": {"a=b; access_token=good"}}}, inCookie},
		"in a cookie, too":              {asked{header: with("Cookie", "Authorization=good")}, inCookie},
		"in a cookie with its scheme":   {asked{header: with("Cookie", "session=Bearer%20good")}, inCookie},
		"a cookie of a gateway":         {asked{header: with("Cookie", "_oauth2_proxy=abc")}, triage},
		"a cookie of a gateway alone":   {asked{header: http.Header{"Cookie": {"_oauth2_proxy=good"}}}, missing},
		"in a header of proxies":        {asked{header: http.Header{"Proxy-Authorization": good, "X-Forwarded-Access-Token": {"good"}}}, missing},

		"an allowed page":             {asked{header: with("Origin", "https://chat.example.org")}, triage},
		"an allowed page with port":   {asked{header: with("Origin", "http://localhost:6274")}, triage},
		"another page":                {asked{header: with("Origin", "https://evil.example")}, foreign},
		"another port":                {asked{header: with("Origin", "http://localhost:6275")}, foreign},
		"another scheme of the page":  {asked{header: with("Origin", "http://chat.example.org")}, foreign},
		"a page of no origin":         {asked{header: with("Origin", "null")}, foreign},
		"a page without a token":      {asked{header: http.Header{"Origin": {"https://evil.example"}}}, foreign},
		"two pages":                   {asked{header: http.Header{"Authorization": good, "Origin": {"https://chat.example.org", "https://evil.example"}}}, foreign},
		"an Origin that is empty":     {asked{header: with("Origin", "")}, foreign},
		"a Host that is anybody's":    {asked{path: "http://elsewhere.example/mcp", header: http.Header{"Authorization": good}}, triage},
		"what X-Forwarded-Host says":  {asked{header: with("X-Forwarded-Host", "evil.example")}, triage},
		"a page that looks like ours": {asked{header: with("Origin", "https://chat.example.org.evil.example")}, foreign},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, describe(b, tc.asked)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestBearer_AuthenticateOfIssuer: where clients can get a token by themselves, refusals say how.
func TestBearer_AuthenticateOfIssuer(t *testing.T) {
	t.Parallel()
	public, _ := ParsePublicURL("https://prompts.example.org/")
	b := NewBearer(BearerOptions{Verifier: knownTokens{}, Metadata: &ResourceMetadata{
		PublicURL: public, Issuer: "https://issuer.example.org", Scopes: []string{"prompts", "tools"},
	}})
	where := func(path string) string {
		return `scope="prompts tools", resource_metadata="https://prompts.example.org/.well-known/oauth-protected-resource` + path + `"]`
	}
	for name, tc := range map[string]struct {
		asked asked
		want  string
	}{
		"nothing": {asked{}, "401 [Bearer " + where("/mcp") + " a token is needed; send it as Authorization: Bearer TOKEN"},
		"nothing, of a namespace": {
			asked{path: "/mcp/support/", header: http.Header{"X-Forwarded-Host": {"evil.example"}}},
			"401 [Bearer " + where("/mcp/support") + " a token is needed; send it as Authorization: Bearer TOKEN",
		},
		"nothing, of what is not there": {asked{path: `/nothing"`}, "401 [Bearer " + where("/mcp") + " a token is needed; send it as Authorization: Bearer TOKEN"},
		"one nobody knows": {
			asked{header: http.Header{"Authorization": {"Bearer guessed"}}},
			`401 [Bearer error="invalid_token", ` + where("/mcp") + " the token is not valid here: it is expired, revoked, or meant for another audience; get a new one",
		},
		"without the scopes": {
			asked{header: http.Header{"Authorization": {"Bearer narrow"}}},
			`403 [Bearer error="insufficient_scope", ` + where("/mcp") + " the token lacks a scope; needed are: prompts tools",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, describe(b, tc.asked)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestServeWellKnown(t *testing.T) {
	t.Parallel()
	document := func(resource string) string {
		return `200 {"resource":"` + resource + `","authorization_servers":["https://issuer.example.org"],"scopes_supported":["prompts"],"bearer_methods_supported":["header"],"resource_name":"Lectern"}` + "\n"
	}
	const gone = "404 404 page not found\n"
	plain := ResourceMetadata{PublicURL: &url.URL{Scheme: "https", Host: "prompts.example.org"}, Issuer: "https://issuer.example.org", Scopes: []string{"prompts"}}
	below := plain
	below.PublicURL = &url.URL{Scheme: "https", Host: "prompts.example.org", Path: "/lectern"}
	const base, at = "/.well-known/oauth-protected-resource", "https://prompts.example.org"
	for name, tc := range map[string]struct {
		metadata *ResourceMetadata
		path     string
		want     string
	}{
		"the root":                       {&plain, base, document(at + "/mcp")},
		"of all namespaces":              {&plain, base + "/mcp", document(at + "/mcp")},
		"of a namespace":                 {&plain, base + "/mcp/support", document(at + "/mcp/support")},
		"of a namespace, with a slash":   {&plain, base + "/mcp/support/", document(at + "/mcp/support")},
		"of what is no namespace":        {&plain, base + "/mcp/Support", gone},
		"of more than a namespace":       {&plain, base + "/mcp/support/x", gone},
		"of something else":              {&plain, base + "/metrics", gone},
		"of a longer word":               {&plain, base + "s", gone},
		"of another document":            {&plain, "/.well-known/oauth-authorization-server", gone},
		"behind a path":                  {&below, base + "/lectern/mcp/support", document(at + "/lectern/mcp/support")},
		"behind a path that is cut away": {&below, base + "/mcp", document(at + "/lectern/mcp")},
		"without an issuer":              {nil, base + "/mcp", gone},
		"without an issuer, the root":    {nil, base, gone},
		"all else":                       {nil, "/mcp", "418 next"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusTeapot)
				_, _ = w.Write([]byte("next"))
			})
			r := httptest.NewRequest(http.MethodGet, tc.path, http.NoBody)
			r.Host = "evil.example"
			r.Header.Set("X-Forwarded-Host", "evil.example")
			w := httptest.NewRecorder()
			ServeWellKnown(tc.metadata, next).ServeHTTP(w, r)
			if diff := cmp.Diff(tc.want, fmt.Sprint(w.Code, " ", w.Body.String())); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseOrigins(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"https://a.example": "https://a.example", "HTTPS://A.example:443": "https://a.example", "http://[::1]:80": "http://[::1]",
		"http://a.example:8080": "http://a.example:8080",
		"*":                     "", "a.example": "", "https://a.example/": "", "https://a.example?x": "", "https://u@a.example": "", "ftp://a.example": "",
		"https://": "", "https://a.example#": "", "null": "", "": "",
	} {
		got, err := ParseOrigins([]string{written})
		if (err == nil) != (want != "") || err == nil && got[0] != want {
			t.Errorf("%q: %v, %v", written, got, err)
		}
	}
}
