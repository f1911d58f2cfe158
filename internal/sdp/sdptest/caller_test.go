package sdptest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// morning is when clocks of tests stand: that of the reference's samples.
var morning = time.UnixMilli(1_760_000_000_000).UTC()

// caller calls a fake as anybody with net/http would.
type caller struct {
	t      *testing.T
	server *Server
	clock  *Clock
	header http.Header
	prefix string
}

// start serves a fake whose clock stands at the samples' morning, and returns a caller who may do everything.
func start(t *testing.T, o Options) *caller {
	t.Helper()
	clock := NewClock(morning)
	if o.Now == nil {
		o.Now = clock.Now
	}
	x := &caller{t: t, server: Start(t, o), clock: clock, header: http.Header{}, prefix: "/app/itdesk/api/v3"}
	x.header.Set("Accept", "application/vnd.manageengine.sdp.v3+json")
	if o.Edition == OnPremises {
		x.prefix = "/api/v3"
		x.header.Set("authtoken", x.server.Options().APIKey)
		return x
	}
	scopes := DefaultScopes()
	for _, module := range []string{"solutions", "assets", "users", "setup", "releases"} {
		scopes = append(scopes, "SDPOnDemand."+module+".ALL")
	}
	x.header.Set("Authorization", "Zoho-oauthtoken "+x.server.AccessToken(scopes...))
	return x
}

// response is an answer, decoded when it is JSON.
type response struct {
	t      *testing.T
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (x *caller) send(r *http.Request) *response {
	x.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answered, err := client.Do(r)
	if err != nil {
		x.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer answered.Body.Close()
	content, err := io.ReadAll(answered.Body)
	if err != nil {
		x.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	out := &response{t: x.t, status: answered.StatusCode, header: answered.Header, text: string(content)}
	if strings.Contains(answered.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(content, &out.body); err != nil {
			x.t.Fatalf("%s %s: %v in %s", r.Method, r.URL, err, content)
		}
	}
	return out
}

// request makes a call of the API: input in the query of GET and DELETE, in the form of other verbs.
func (x *caller) request(method, path string, input string) *http.Request {
	x.t.Helper()
	address, body := x.server.URL()+x.prefix+path, ""
	if input != "" {
		form := url.Values{"input_data": {input}}.Encode()
		if method == http.MethodGet || method == http.MethodDelete {
			address += "?" + form
		} else {
			body = form
		}
	}
	r, err := http.NewRequestWithContext(x.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	r.Header = x.header.Clone()
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (x *caller) do(method, path, input string) *response {
	x.t.Helper()
	return x.send(x.request(method, path, input))
}

func (x *caller) get(path, input string) *response  { x.t.Helper(); return x.do("GET", path, input) }
func (x *caller) post(path, input string) *response { x.t.Helper(); return x.do("POST", path, input) }
func (x *caller) put(path, input string) *response  { x.t.Helper(); return x.do("PUT", path, input) }

// accounts posts to the accounts server.
func (x *caller) accounts(path string, form url.Values) *response {
	x.t.Helper()
	r, err := http.NewRequestWithContext(x.t.Context(), http.MethodPost, x.server.AccountsURL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		x.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return x.send(r)
}

// refresh asks for an access token.
func (x *caller) refresh(token string) *response {
	x.t.Helper()
	o := x.server.Options()
	return x.accounts("/oauth/v2/token", url.Values{
		"grant_type": {"refresh_token"}, "client_id": {o.ClientID}, "client_secret": {o.ClientSecret}, "refresh_token": {token},
	})
}

// at returns what is at a dotted path of the body; a number picks from an array.
func (r *response) at(path string) any {
	var v any = r.body
	for step := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i := int(step[0] - '0')
			if i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func (r *response) string(path string) string {
	s, _ := r.at(path).(string)
	return s
}

// rows returns the field of every record of a list.
func (r *response) rows(path, field string) []string {
	r.t.Helper()
	list, is := r.at(path).([]any)
	if !is {
		r.t.Fatalf("no list %s in %s", path, r.text)
	}
	out := []string{}
	for _, one := range list {
		row := &response{body: one.(map[string]any)}
		out = append(out, row.string(field))
	}
	return out
}

// code returns the first message code, or that of response_status.
func (r *response) code() int {
	for _, path := range []string{"response_status.messages.0.status_code", "response_status.status_code", "response_status.0.status_code"} {
		if n, is := r.at(path).(float64); is {
			return int(n)
		}
	}
	return 0
}

// fields returns what a refusal complains about, of all messages.
func (r *response) fields() []string {
	var all []string
	messages, _ := r.at("response_status.messages").([]any)
	for _, m := range messages {
		message := m.(map[string]any)
		if f, is := message["field"].(string); is {
			all = append(all, f)
		}
		list, _ := message["fields"].([]any)
		for _, f := range list {
			all = append(all, f.(string))
		}
	}
	return all
}

// want compares HTTP status, message code and the fields named with what is wanted.
func (r *response) want(status, code int, fields ...string) *response {
	r.t.Helper()
	if r.status != status || r.code() != code {
		r.t.Errorf("answered HTTP %d with code %d; want %d with %d: %s", r.status, r.code(), status, code, r.text)
	}
	if len(fields) > 0 {
		if diff := cmp.Diff(fields, r.fields()); diff != "" {
			r.t.Errorf("fields (-want +got):\n%s", diff)
		}
	}
	return r
}

func (r *response) wantAt(path string, want any) *response {
	r.t.Helper()
	if diff := cmp.Diff(want, r.at(path)); diff != "" {
		r.t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	return r
}

func (r *response) wantHTML(status int) *response {
	r.t.Helper()
	if r.status != status || !strings.Contains(r.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(r.text, "<html>") {
		r.t.Errorf("answered HTTP %d, %s: %s; want %d in HTML", r.status, r.header.Get("Content-Type"), r.text, status)
	}
	return r
}

// paragraph is one fact about ServiceDesk Plus; its name is what it is of and, for traps, a number.
type paragraph struct {
	options Options
	assert  func(x *caller)
}

// run asserts paragraphs, each against a fake of its own.
func run(t *testing.T, cases map[string]paragraph) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.assert(start(t, tc.options))
		})
	}
}

func sortedStrings(of []string) []string { return slices.Sorted(slices.Values(of)) }
