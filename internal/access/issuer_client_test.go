package access

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access/accesstest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestIssuerClient_FetchKeys has an issuer answer in every wrong way. No key is taken then.
func TestIssuerClient_FetchKeys(t *testing.T) {
	t.Parallel()
	say := func(format string, values ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, format, values...) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
	}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, strings.Repeat(" ", 64<<10)); err != nil {
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		discovery, keys func(i, other *accesstest.Issuer) http.HandlerFunc
		want            string
	}{
		"as it should": {},
		"another issuer's document": {
			discovery: func(_, other *accesstest.Issuer) http.HandlerFunc {
				return say(`{"issuer":%q,"jwks_uri":%q}`, other.URL, other.URL+accesstest.KeysPath)
			},
			want: `the discovery document is of another issuer than --oidc-issuer-url "ISSUER"`,
		},
		"issuer with a slash more": {
			discovery: func(i, _ *accesstest.Issuer) http.HandlerFunc {
				return say(`{"issuer":%q,"jwks_uri":%q}`, i.URL+"/", i.URL+accesstest.KeysPath)
			},
			want: `the discovery document is of another issuer than --oidc-issuer-url "ISSUER"`,
		},
		"keys by http": {
			discovery: func(i, _ *accesstest.Issuer) http.HandlerFunc {
				return say(`{"issuer":%q,"jwks_uri":"http://127.0.0.1/keys"}`, i.URL)
			},
			want: "jwks_uri in the discovery document of the issuer is not an https URL",
		},
		"keys in a file": {
			discovery: func(i, _ *accesstest.Issuer) http.HandlerFunc {
				return say(`{"issuer":%q,"jwks_uri":"file:///etc/passwd"}`, i.URL)
			},
			want: "jwks_uri in the discovery document of the issuer is not an https URL",
		},
		"no keys at all": {
			discovery: func(i, _ *accesstest.Issuer) http.HandlerFunc { return say(`{"issuer":%q}`, i.URL) },
			want:      "jwks_uri in the discovery document of the issuer is not an https URL",
		},
		"discovery document twice over": {
			discovery: func(i, _ *accesstest.Issuer) http.HandlerFunc {
				return say(`{"issuer":%q,"issuer":%[1]q}`, i.URL)
			},
			want: "the discovery document of the issuer is not valid JSON, or repeats a member",
		},
		"redirecting discovery document": {
			discovery: func(_, other *accesstest.Issuer) http.HandlerFunc {
				return redirect(other.URL + accesstest.DiscoveryPath)
			},
			want: "read the discovery document of the issuer: GET ISSUER/.well-known/openid-configuration was redirected, which is not followed",
		},
		"redirecting keys": {
			keys: func(_, other *accesstest.Issuer) http.HandlerFunc { return redirect(other.URL + accesstest.KeysPath) },
			want: "read the keys of the issuer: GET ISSUER/keys was redirected, which is not followed",
		},
		"endless discovery document": {
			discovery: func(_, _ *accesstest.Issuer) http.HandlerFunc { return endless },
			want:      "read the discovery document of the issuer: GET ISSUER/.well-known/openid-configuration was answered with more than 1048576 bytes",
		},
		"endless keys": {
			keys: func(_, _ *accesstest.Issuer) http.HandlerFunc { return endless },
			want: "read the keys of the issuer: GET ISSUER/keys was answered with more than 1048576 bytes",
		},
		"an error with a secret in it": {
			keys: func(_, _ *accesstest.Issuer) http.HandlerFunc {
				return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret", http.StatusBadGateway) }
			},
			want: "read the keys of the issuer: GET ISSUER/keys was answered with status 502",
		},
		"a web page": {
			keys: func(_, _ *accesstest.Issuer) http.HandlerFunc { return say("<html>") },
			want: "the keys of the issuer are not a JWK Set",
		},
		"something else": {
			keys: func(_, _ *accesstest.Issuer) http.HandlerFunc { return say("{}") },
			want: "the keys of the issuer are not a JWK Set",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, other := accesstest.StartIssuer(t), accesstest.StartIssuer(t)
			if tc.discovery != nil {
				i.SetHandler(accesstest.DiscoveryPath, tc.discovery(i, other))
			}
			if tc.keys != nil {
				i.SetHandler(accesstest.KeysPath, tc.keys(i, other))
			}
			client := &issuerClient{issuerURL: i.URL, caFile: i.CAFile}
			keys, err := client.fetchKeys(t.Context())
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), i.URL, "ISSUER")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if (len(keys) == 1) != (tc.want == "") {
				t.Errorf("%d keys", len(keys))
			}
			if tc.want != "" && other.KeyFetches.Load() != 0 {
				t.Error("another issuer was asked for keys")
			}
		})
	}
}

func TestIssuerClient_CAFile(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, tc := range map[string]struct{ file, want string }{
		"the issuer's":         {issuer.CAFile, ""},
		"the system's":         {"", "certificate signed by unknown authority"},
		"without certificates": {empty, "--oidc-ca-file: no certificate in PEM"},
		"not there":            {filepath.Join(t.TempDir(), "none"), "--oidc-ca-file: open "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := (&issuerClient{issuerURL: issuer.URL, caFile: tc.file}).fetchKeys(t.Context())
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, not %q", err, tc.want)
			}
		})
	}
}

// TestDecodeKeys takes from a JWK Set what verifies signatures here, and nothing else.
func TestDecodeKeys(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	issuer.AddKey(t, jose.EdDSA)
	published := issuer.PublicKeys().Keys
	encode := func(key jose.JSONWebKey) string {
		text, err := json.Marshal(key)
		require.NoError(t, err)
		return string(text)
	}
	rsaKey, edKey := published[0], published[1]
	encryption := rsaKey
	encryption.Use = "enc"
	padded := rsaKey
	padded.Algorithm = "PS256"
	set := `{"keys":[` + strings.Join([]string{
		encode(rsaKey), encode(edKey), encode(encryption), encode(padded),
		`{"kty":"oct","kid":"secret","k":"c2VjcmV0"}`, `{"kty":"martian"}`, `7`, `null`,
		`{"kty":"RSA","kid":"short","e":"AQAB","n":"` + strings.Repeat("v", 170) + `"}`,
		`{"kty":"OKP","crv":"Ed448","x":"AAAA"}`, `{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}`,
	}, ",") + `]}`
	keys, err := decodeKeys([]byte(set))
	require.NoError(t, err)
	var got []string
	for _, key := range keys {
		got = append(got, key.KeyID)
	}
	if diff := cmp.Diff([]string{rsaKey.KeyID, edKey.KeyID}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if keys, err := decodeKeys([]byte(`{"keys":[]}`)); err != nil || len(keys) != 0 {
		t.Errorf("%v, %v: an issuer may have no key", keys, err)
	}
}

func TestSelectKeys(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	first := issuer.PublicKeys().Keys
	issuer.AddKey(t, jose.ES256)
	two := issuer.PublicKeys().Keys
	issuer.AddKey(t, jose.RS256)
	three := issuer.PublicKeys().Keys
	for name, tc := range map[string]struct {
		keys             []jose.JSONWebKey
		keyID, algorithm string
		want             int
	}{
		"by id":                               {three, first[0].KeyID, "RS256", 1},
		"by id of another kind":               {three, first[0].KeyID, "ES256", 0},
		"unknown id":                          {three, "made-up", "RS256", 0},
		"no id, one key":                      {first, "", "RS256", 1},
		"no id, one key of that kind":         {two, "", "RS256", 1},
		"no id, two keys of that kind":        {three, "", "RS256", 0},
		"no keys":                             {nil, "", "RS256", 0},
		"an algorithm the key does not serve": {first, "", "RS512", 0},
	} {
		if got := selectKeys(tc.keys, tc.keyID, tc.algorithm); len(got) != tc.want {
			t.Errorf("%s: %d keys, not %d", name, len(got), tc.want)
		}
	}
}
