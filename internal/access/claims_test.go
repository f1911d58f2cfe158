package access

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// makeToken returns what has the shape of a JSON Web Token with this payload; nobody signed it.
func makeToken(payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256"}`)) + "." + encode([]byte(payload)) + "." + encode([]byte("signature"))
}

func TestReadClaims(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		token string
		want  claims
	}{
		"of a ServiceAccount":       {makeToken(`{"aud":["a","b"],"exp":1900000000}`), claims{time.Unix(1900000000, 0), []string{"a", "b"}}},
		"one audience":              {makeToken(`{"aud":"a","exp":1.9e9}`), claims{time.Unix(1900000000, 0), []string{"a"}}},
		"neither":                   {makeToken(`{}`), claims{}},
		"an expiry beyond all time": {makeToken(`{"exp":1e300}`), claims{}},
		"other types":               {makeToken(`{"aud":{"a":1},"exp":"soon"}`), claims{}},
		"no object":                 {makeToken(`7`), claims{}},
		"no JSON":                   {makeToken(`{`), claims{}},
		"no base64":                 {"a.%.c", claims{}},
		"opaque":                    {"opaque", claims{}},
		"empty":                     {"", claims{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, readClaims(tc.token)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAccess_IsForUsAlone(t *testing.T) {
	t.Parallel()
	a := &Access{audiences: []string{"ours", "ours too"}}
	for payload, want := range map[string]bool{
		`{"aud":["ours"]}`: true, `{"aud":"ours"}`: true, `{"aud":["ours","ours too"]}`: true,
		`{"aud":["ours","https://kubernetes.default.svc"]}`: false, `{"aud":[]}`: false, `{}`: false, `{"aud":"theirs"}`: false,
		`{"aud":["ours","theirs"],"AUD":"ours"}`: false, `{"aud":["ours","theirs"],"aud":"ours"}`: false,
	} {
		if got := a.IsForUsAlone(makeToken(payload)); got != want {
			t.Errorf("%s: %t", payload, got)
		}
	}
}
