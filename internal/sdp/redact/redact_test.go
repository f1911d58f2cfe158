package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

const canary = `cAnary"s3cret&<1000.abc>/+=` // with all that the encodings escape

func TestSecret_PrintsAsPlaceholder(t *testing.T) {
	t.Parallel()
	type holder struct {
		Name   string
		Secret Secret
		secret Secret
	}
	hidden := NewSecret(canary)
	h := holder{"n", hidden, hidden}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %[1]v"} {
		fmt.Fprintf(&printed, verb+"\n", h)
		fmt.Fprintf(&printed, verb+"\n", hidden)
		fmt.Fprintf(&printed, verb+"\n", map[Secret]*holder{hidden: &h})
		fmt.Fprintf(&printed, verb+"\n", fmt.Errorf("x: %v", hidden))
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
		slog.New(handler).Info("x", "secret", hidden, "holder", h)
	}
	encoded, err := json.Marshal(map[string]any{"x": h, "y": hidden})
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(encoded)
	if text := printed.String(); strings.Contains(text, "cAnary") || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", "cAnary")) {
		t.Errorf("printed: %s", text)
	}
	if hidden.Reveal() != canary || !hidden.Equal(NewSecret(canary)) || hidden.Equal(Secret{}) {
		t.Error("Reveal gives the text, and Equal compares it")
	}
	if none := NewSecret(""); !none.IsZero() || none.String() != "" || none.Reveal() != "" || hidden.IsZero() {
		t.Error("an empty secret is none")
	}
}

// TestRedactor_KnownSecret puts a known secret into fields that no redactor has heard of, in every encoding.
func TestRedactor_KnownSecret(t *testing.T) {
	t.Parallel()
	quoted, err := json.Marshal(canary)
	if err != nil {
		t.Fatal(err)
	}
	for name, spelling := range map[string]string{
		"as it is": canary, "query": url.QueryEscape(canary), "path": url.PathEscape(canary), "JSON": strings.Trim(string(quoted), `"`),
		"upper case": strings.ToUpper(canary), "hexadecimal": fmt.Sprintf("%x", canary), "Base64": base64.StdEncoding.EncodeToString([]byte(canary)),
		"Base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(canary)), "HTML": "cAnary&#34;s3cret&amp;&lt;1000.abc&gt;/+=",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range []string{"%", `{"frobnicator":"%"}`, "<td class=x>%</td>", "X-Whatever: %", "a%b", "?q=%&r=1", "%%"} {
				got := New(NewSecret(canary), NewSecret("other")).Text(strings.ReplaceAll(text, "%", spelling))
				if strings.Contains(strings.ToLower(got), "canary") || strings.Contains(got, spelling) || !strings.Contains(got, Placeholder) {
					t.Errorf("%q became %q", text, got)
				}
			}
		})
	}
}

// TestRedactor_EscapedSecret writes a secret as programs do that escape more or less than Go's encoders.
func TestRedactor_EscapedSecret(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ secret, spelling string }{
		"JSON of PHP":               {"pa+ss/w0rd=x", `pa+ss\/w0rd=x`},
		"JSON that is ASCII":        {"pa+ss/wörd=x", `pa\u002Bss\/w\u00f6rd\u003dx`},
		"JSON beyond 16 bits":       {"pass𝄞word", `pass\ud834\udd1eword`},
		"percent in lower case":     {"pa+ss/w0rd=x", "pa%2bss%2fw0rd%3dx"},
		"percent for a slash alone": {"pa+ss/w0rd=x", "pa+ss%2Fw0rd=x"},
		"percent, and no case":      {"pa+ss/wörd=x", "PA%2BSS/W%c3%b6RD%3DX"},
		"HTML by number":            {"pa+ss/w0rd=x", "pa&#43;ss&#x2F;w0rd&#061;x"},
		"HTML by name":              {`pa"ss'word`, "pa&quot;ss&apos;word"},
		"a form":                    {"pass word/x", "pass+word%2fx"},
		"a dot is a dot":            {"pa+ss.word", "pa%2bss.word"},
	} {
		got := New(NewSecret(tc.secret)).Text("<" + tc.spelling + ">")
		if got != "<"+Placeholder+">" {
			t.Errorf("%s: %q became %q", name, tc.spelling, got)
		}
	}
	if got := New(NewSecret("pa+ss.word")).Text("pa%2bssxword"); got != "pa%2bssxword" {
		t.Errorf("what is no secret became %q", got)
	}
	if got := New(NewSecret(strings.Repeat("+/", 1<<20))).Text("+/"); got != "+/" {
		t.Errorf("beside a long secret a text became %q", got)
	}
}

// TestRedactor_UnknownSecret puts credentials that it was not given under names that it does not know, or under none.
func TestRedactor_UnknownSecret(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a field it does not know":   `{"frobnicator":"1000.8cb99dxxxxHIDDEN5be93.9b8xxxxHIDDEN3ddf"}`,
		"no field":                   "refused 1000.8cb99dxxxxHIDDEN5be93.9b8xxxxHIDDEN3ddf here",
		"a UUID":                     "key 3F2504E0-4F89-11D3-HIDDEN-0305E82C3301",
		"a short one by its name":    `{"client_secret":"HIDDEN"}`,
		"a query":                    "POST /oauth/v2/token?grant_type=refresh_token&refresh_token=HIDDEN&x=1",
		"an escaped query":           "refresh_token%3DHIDDEN",
		"a header":                   "Authorization: Zoho-oauthtoken HIDDEN",
		"Bearer":                     "bearer HIDDEN",
		"an API key":                 "authtoken: HIDDEN",
		"a technician's key":         "TECHNICIAN_KEY=HIDDEN",
		"JSON in JSON":               `{\"password\":\"HIDDEN\"}`,
		"a code":                     "grant code=HIDDEN",
		"a cookie":                   "Set-Cookie: HIDDEN",
		"Base64 of a pair":           "c: " + base64.StdEncoding.EncodeToString([]byte("client:HIDDEN-HIDDEN-1234")),
		"a token in a link's target": "<a href='https://x.example/?ticket=1000aHIDDENb2000c3000'>",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := (*Redactor)(nil).Text(text)
			if strings.Contains(got, "HIDDEN") || strings.Contains(got, "SElEREVO") || !strings.Contains(got, Placeholder) {
				t.Errorf("%q became %q", text, got)
			}
		})
	}
}

func TestRedactor_KeepsWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"Given name does not exist for priority", "EXTRA_KEY_FOUND_IN_JSON", "request 100000000000031001 is closed", "Unable to parse the given data for id",
		"URL blocked as maximum access limit exceeded. Please try again after sometime", "status_code: 4012", "https://sdpondemand.manageengine.eu/app/itdesk",
		"estimated_effort_minutes is not editable", "",
	} {
		if got := New(NewSecret("secret-1"), Secret{}).Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	if r := New(NewSecret("secret-1")); !r.Contains("a secret-1 b") || r.Contains("a b") || (*Redactor)(nil).Contains("x") {
		t.Error("Contains goes by what is known")
	}
}
