package redact

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
)

// FuzzText: a secret that is known is in no text that comes back, whatever is around it and however it is spelled, and twice is as
// good as once.
func FuzzText(f *testing.F) {
	f.Add("1000.8cb99d00000000005be93.9b8b000000000003ddf", `{"frobnicator":"`, `"}`)
	f.Add(`s3cret"<&>+/=`, "Authorization: Zoho-oauthtoken ", " x")
	f.Add("3F2504E0-4F89-11D3-9A0C-0305E82C3301", "?key=", "&x=1")
	f.Add("abab", "ab", "ab")
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		if len(secret) < minSecret || strings.Contains(Placeholder, secret) || strings.Contains(secret, Placeholder) {
			return
		}
		r := New(NewSecret(secret))
		for _, spelling := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), fmt.Sprintf("%x", secret), base64.StdEncoding.EncodeToString([]byte(secret)),
		} {
			got := r.Text(before + spelling + after)
			if strings.Contains(got, secret) || r.Contains(got) {
				t.Errorf("%q in %q became %q", secret, before+spelling+after, got)
			}
		}
	})
}
