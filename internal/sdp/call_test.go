package sdp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

const testToken = "1000.canary00000000.canary11111111"

// exchange is a request that was sent, as it arrives.
type exchange struct {
	method, path, input string
	contentType         string
	request             *http.Request
	at                  time.Time
}

func (e exchange) String() string { return strings.TrimSpace(e.method + " " + e.path + " " + e.input) }

// desk is an SDP that answers by a function, without a network.
type desk struct {
	received []exchange
	answer   func(n int, e exchange) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	e := exchange{method: r.Method, path: r.URL.Path, contentType: r.Header.Get("Content-Type"), request: r, at: time.Now()}
	query := r.URL.Query()
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if e.contentType == "application/x-www-form-urlencoded" {
			form, err := url.ParseQuery(string(body))
			if err != nil {
				return nil, err
			}
			e.input = "form " + form.Get("input_data")
		} else if len(body) > 0 {
			e.input = fmt.Sprintf("%d bytes", len(body))
		}
	}
	if query.Has("input_data") {
		e.input = "query " + query.Get("input_data")
		query.Del("input_data")
	}
	if len(query) > 0 {
		e.path += "?" + query.Encode()
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	d.received = append(d.received, e)
	return d.answer(len(d.received), e)
}

func (d *desk) calls() []string {
	var calls []string
	for _, e := range d.received {
		calls = append(calls, e.String())
	}
	return calls
}

func respond(status int, contentType, body string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// answerAlways is an SDP that answers every call by one body.
func answerAlways(body string) *desk {
	return &desk{answer: func(int, exchange) (*http.Response, error) { return respond(200, "application/json", body) }}
}

// freely is a limiter that limits nothing, and notes pauses.
type freely struct{ paused []time.Duration }

func (*freely) Wait(ctx context.Context) error { return ctx.Err() }

func (f *freely) Pause(_ context.Context, pause time.Duration) { f.paused = append(f.paused, pause) }

func newClient(t *testing.T, edition Edition, d *desk, change func(*Config)) *Client {
	t.Helper()
	config := Config{
		Edition: edition, URL: &url.URL{Scheme: "https", Host: "desk.example.org"}, Portal: "itdesk",
		Tokens: StaticToken(redact.NewSecret(testToken)), Limiter: &freely{}, HTTP: &http.Client{Transport: d},
	}
	if change != nil {
		change(&config)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClient_Headers(t *testing.T) {
	t.Parallel()
	for edition, want := range map[Edition][2]string{Cloud: {"Authorization", "Zoho-oauthtoken " + testToken}, OnPremises: {"Authtoken", testToken}} {
		d := answerAlways(fixtureRequest)
		if _, err := newClient(t, edition, d, nil).Requests().Get(t.Context(), "31"); err != nil {
			t.Fatal(err)
		}
		header := d.received[0].request.Header
		if header.Get(want[0]) != want[1] || header.Get("Accept") != accept || header.Get("Content-Type") != "" {
			t.Errorf("%s: %v", edition, header)
		}
	}
}

// TestClient_Query: brackets and quotes are encoded, and no + stands for a space.
func TestClient_Query(t *testing.T) {
	t.Parallel()
	d := answerAlways(fixtureCloudNotes)
	o := ListOptions{Rows: 5, Where: All(Where("subject", Contains, "a b+[c]"), Where("id", IsNot, "1"))}
	if _, err := newClient(t, Cloud, d, nil).Requests().List(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if raw := d.received[0].request.URL.RawQuery; strings.ContainsAny(raw, `[]{}"+ `) {
		t.Errorf("not encoded: %s", raw)
	}
}

// throughTime runs a test on a clock that moves only when everybody waits.
func throughTime(t *testing.T, test func(*testing.T)) {
	t.Parallel()
	synctest.Test(t, test)
}

// TestClient_Retries holds which calls are sent again: reads that may succeed later, and writes that were not carried out.
func TestClient_Retries(t *testing.T) {
	t.Parallel()
	throttled := failed(4015, "")
	for name, tc := range map[string]struct {
		status      int
		body        string
		err         error
		read, write int // how often each is sent
		kind        Kind
		writeKind   Kind
	}{
		"throttled":                   {status: 429, body: throttled, read: 3, write: 3, kind: KindThrottled, writeKind: KindThrottled},
		"throttled with 400":          {status: 400, body: throttled, read: 3, write: 3, kind: KindThrottled, writeKind: KindThrottled},
		"unavailable":                 {status: 503, read: 3, write: 1, kind: KindUnavailable, writeKind: KindIndeterminate},
		"an internal error":           {status: 500, body: failed(4004, ""), read: 3, write: 1, kind: KindUnavailable, writeKind: KindIndeterminate},
		"cut off":                     {status: 200, body: `{"requ`, read: 3, write: 1, kind: KindUnavailable, writeKind: KindIndeterminate},
		"a connection that broke":     {err: io.ErrUnexpectedEOF, read: 3, write: 1, kind: KindUnavailable, writeKind: KindIndeterminate},
		"rejected":                    {status: 400, body: failed(4012, ""), read: 1, write: 1, kind: KindRejected, writeKind: KindRejected},
		"forbidden":                   {status: 401, body: failed(4002, ""), read: 1, write: 1, kind: KindForbidden, writeKind: KindForbidden},
		"a token that is not valid":   {status: 401, body: failed(4022, ""), read: 1, write: 1, kind: KindTokenRefused, writeKind: KindTokenRefused},
		"a host that is not allowed":  {err: &egress.NotAllowedError{Host: "x"}, read: 1, write: 1, kind: KindNotAllowed, writeKind: KindNotAllowed},
		"a success without a record":  {status: 200, body: `{"response_status":{"status_code":2000}}`, read: 1, write: 1, kind: KindUnavailable, writeKind: KindIndeterminate},
		"a login page":                {status: 200, body: `<html>`, read: 1, write: 1, kind: KindNotSDP, writeKind: KindIndeterminate},
		"a warning: it was not done":  {status: 200, body: `{"response_status":{"status_code":3000,"status":"warning"}}`, read: 1, write: 1, kind: KindNotPerformed, writeKind: KindNotPerformed},
		"the number of another order": {status: 408, read: 3, write: 1, kind: KindUnavailable, writeKind: KindIndeterminate},
	} {
		t.Run(name, func(t *testing.T) {
			throughTime(t, func(t *testing.T) {
				for i, want := range []struct {
					calls int
					kind  Kind
				}{{tc.read, tc.kind}, {tc.write, tc.writeKind}} {
					d := &desk{answer: func(int, exchange) (*http.Response, error) {
						if tc.err != nil {
							return nil, tc.err
						}
						return respond(tc.status, "", tc.body)
					}}
					requests := newClient(t, Cloud, d, nil).Requests()
					var err error
					if i == 0 {
						_, err = requests.Get(t.Context(), "31")
					} else {
						_, err = requests.Create(t.Context(), Fields{"subject": "x"})
					}
					if KindOf(err) != want.kind || len(d.received) != want.calls {
						t.Errorf("%v after %d calls: %v", KindOf(err), len(d.received), err)
					}
					failure, _ := asError(err)
					if hasAttempt := failure.Attempt != nil; hasAttempt != (want.kind == KindIndeterminate) || failure.IsRetrySafe() == hasAttempt {
						t.Errorf("attempt: %v", failure.Attempt)
					}
				}
			})
		})
	}
}

func TestClient_RetryWaits(t *testing.T) {
	throughTime(t, func(t *testing.T) {
		d := &desk{answer: func(n int, _ exchange) (*http.Response, error) {
			if n == 3 {
				return respond(200, "", fixtureRequest)
			}
			r, err := respond(429, "", failed(4015, ""))
			if n == 2 {
				r.Header.Set("Retry-After", "7")
			}
			return r, err
		}}
		limiter := &freely{}
		begun := time.Now()
		if _, err := newClient(t, Cloud, d, func(c *Config) { c.Limiter = limiter }).Requests().Get(t.Context(), "31"); err != nil {
			t.Fatal(err)
		}
		first, second := d.received[1].at.Sub(begun), d.received[2].at.Sub(d.received[1].at)
		if first < 1500*time.Millisecond || first > 2500*time.Millisecond || second != 7*time.Second {
			t.Errorf("waited %s and %s", first, second)
		}
		if len(limiter.paused) != 2 || limiter.paused[1] != 7*time.Second {
			t.Errorf("paused %v", limiter.paused)
		}
	})
}

// TestClient_WaitsNoLongerThanItMay: a Retry-After beyond the policy, and one beyond the deadline, fail at once and say so.
func TestClient_WaitsNoLongerThanItMay(t *testing.T) {
	for name, tc := range map[string]struct {
		after    string
		deadline time.Duration
	}{"the policy": {"60", time.Hour}, "the deadline": {"5", 3 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			throughTime(t, func(t *testing.T) {
				d := &desk{answer: func(int, exchange) (*http.Response, error) {
					r, err := respond(429, "", failed(4015, ""))
					r.Header.Set("Retry-After", tc.after)
					return r, err
				}}
				ctx, cancel := context.WithTimeout(t.Context(), tc.deadline)
				defer cancel()
				begun := time.Now()
				_, err := newClient(t, Cloud, d, nil).Requests().Get(ctx, "31")
				failure, is := asError(err)
				if !is || failure.RetryAfter.Seconds() < 5 || len(d.received) != 1 || time.Since(begun) != 0 {
					t.Errorf("%v after %s and %d calls", err, time.Since(begun), len(d.received))
				}
			})
		})
	}
}

// TestClient_Indeterminate: a write that timed out says what a lookup needs; one that was not sent is no such thing.
func TestClient_Indeterminate(t *testing.T) {
	throughTime(t, func(t *testing.T) {
		d := &desk{}
		d.answer = func(_ int, e exchange) (*http.Response, error) {
			<-e.request.Context().Done()
			return nil, e.request.Context().Err()
		}
		begun := time.Now()
		_, err := newClient(t, Cloud, d, nil).Requests().Notes("31").Create(t.Context(), NoteInput{TextHTML: "x"}.Fields())
		want := &Attempt{Method: "POST", Path: "/requests/31/notes", Record: "request note", SentAt: begun, EndedAt: begun.Add(defaultTimeout)}
		failure, is := asError(err)
		if !is || !cmp.Equal(want, failure.Attempt) || !errors.Is(err, context.DeadlineExceeded) || len(d.received) != 1 {
			t.Errorf("%v: %s", err, cmp.Diff(want, failure.Attempt))
		}
		if text := err.Error(); text != "create request note: it may have been done or not: SDP did not answer in time" {
			t.Error(text)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newClient(t, Cloud, d, nil).Requests().Create(canceled, Fields{}); KindOf(err) != KindCanceled || len(d.received) != 1 {
			t.Errorf("canceled before: %v", err)
		}
	})
}

// rotating gives another token after each refusal, up to a number.
type rotating struct{ refused, left int }

func (r *rotating) Token(context.Context) (redact.Secret, error) {
	return redact.NewSecret(fmt.Sprintf("token-%d", r.refused)), nil
}

func (r *rotating) Refused(_ context.Context, token redact.Secret) error {
	if r.refused++; r.refused > r.left {
		return errors.New("try again in 5 minutes")
	}
	return nil
}

func TestClient_TokenRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		left, calls int
		validFrom   int
		want        error
	}{
		"another token is tried":            {left: 9, calls: 2, validFrom: 1},
		"and the one after it":              {left: 9, calls: 3, validFrom: 2},
		"and no fourth one":                 {left: 9, calls: 3, validFrom: 9, want: ErrTokenRefused},
		"without another the call is over":  {left: 0, calls: 1, validFrom: 9, want: ErrTokenRefused},
		"a token that is valid is not lost": {left: 9, calls: 1, validFrom: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens := &rotating{left: tc.left}
			d := &desk{answer: func(_ int, e exchange) (*http.Response, error) {
				if e.request.Header.Get("Authorization") >= fmt.Sprintf("Zoho-oauthtoken token-%d", tc.validFrom) {
					return respond(201, "", fixtureRequest)
				}
				return respond(401, "", failed(4022, ""))
			}}
			_, err := newClient(t, Cloud, d, func(c *Config) { c.Tokens = tokens }).Requests().Create(t.Context(), Fields{"subject": "x"})
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) || len(d.received) != tc.calls {
				t.Errorf("%v after %d calls", err, len(d.received))
			}
		})
	}
}

// TestClient_EchoedSecrets: a server that echoes the token in every place has it nowhere in an error or an observation.
func TestClient_EchoedSecrets(t *testing.T) {
	t.Parallel()
	message := failed(4001, `"field":"`+testToken+`","message":"`+testToken+` is `+url.QueryEscape(testToken)+`"`)
	for name, answer := range map[string]func() (*http.Response, error){
		"in a message": func() (*http.Response, error) { return respond(400, "", message) },
		"in HTML":      func() (*http.Response, error) { return respond(502, "text/html", "<html>"+testToken) },
		"in JSON":      func() (*http.Response, error) { return respond(200, "", `{"error":"`+testToken+`"}`) },
		"in a header": func() (*http.Response, error) {
			r, err := respond(302, "", "")
			r.Header.Set("Location", "https://evil.example/?t="+testToken)
			return r, err
		},
		"in an error": func() (*http.Response, error) { return nil, errors.New("malformed HTTP response " + testToken) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []Observation
			d := &desk{answer: func(int, exchange) (*http.Response, error) { return answer() }}
			c := newClient(t, Cloud, d, func(c *Config) {
				c.Retry, c.Observe = RetryPolicy{Attempts: 1}, func(_ context.Context, o Observation) { seen = append(seen, o) }
			})
			_, err := c.Requests().Create(t.Context(), Fields{"subject": "x"})
			failure, is := asError(err)
			if !is || len(seen) != 1 {
				t.Fatalf("%v, %v", err, seen)
			}
			for e := error(failure); e != nil; e = errors.Unwrap(e) {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", e, e, e), "canary") {
					t.Errorf("in the error: %#v", e)
				}
			}
			if text := fmt.Sprintf("%+v %q", seen, failure.Messages); strings.Contains(text, "canary") {
				t.Errorf("in what is observed: %s", text)
			}
		})
	}
}

func TestNew_Refuses(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Config){
		func(c *Config) { c.Edition = "cloud" }, func(c *Config) { c.Portal = "../x" }, func(c *Config) { c.Portal = "a/b" }, func(c *Config) { c.URL = nil },
		func(c *Config) { c.Tokens = nil }, func(c *Config) { c.Limiter = nil }, func(c *Config) { c.HTTP = nil },
	} {
		config := Config{Edition: Cloud, URL: &url.URL{Scheme: "https", Host: "x"}, Tokens: StaticToken{}, Limiter: &freely{}, HTTP: http.DefaultClient}
		change(&config)
		if _, err := New(config); err == nil {
			t.Errorf("%+v is taken", config)
		}
	}
}
