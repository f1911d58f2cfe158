package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

var client = Client{ID: "1000.CLIENT", Secret: redact.NewSecret("canary-secret")}

// accounts is a server that answers each call by answer, and records what it was sent.
type accounts struct {
	url      *url.URL
	sender   *http.Client
	received chan string
}

func newAccounts(t *testing.T, answer http.HandlerFunc) *accounts {
	t.Helper()
	a := &accounts{received: make(chan string, 10)}
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			panic(err)
		}
		a.received <- r.Method + " " + r.RequestURI + " " + r.PostForm.Encode()
		answer(w, r)
	}))
	t.Cleanup(served.Close)
	rules, err := egress.ParseRules([]string{served.URL})
	if err != nil {
		t.Fatal(err)
	}
	if a.url, err = rules.ParseURL(served.URL); err != nil {
		t.Fatal(err)
	}
	if a.sender, err = egress.NewClient(egress.Options{Rules: rules}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.sender.CloseIdleConnections)
	return a
}

func answerWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, body) }
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, answerWith(200, `{"access_token":"1000.AAAA.BBBB","scope":"SDPOnDemand.setup.READ SDPOnDemand.requests.ALL","api_domain":"https://evil.example","token_type":"Bearer","expires_in":3600}`))
	got, err := Refresh(t.Context(), a.sender, a.url, client, redact.NewSecret("1000.CCCC.DDDD"))
	want := Token{Access: redact.NewSecret("1000.AAAA.BBBB"), Lifetime: time.Hour, Scopes: []string{"SDPOnDemand.requests.ALL", "SDPOnDemand.setup.READ"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	sent := "POST /oauth/v2/token client_id=1000.CLIENT&client_secret=canary-secret&grant_type=refresh_token&refresh_token=1000.CCCC.DDDD"
	if diff := cmp.Diff(sent, <-a.received); diff != "" {
		t.Error(diff)
	}
}

func TestExchange(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, answerWith(200, `{"access_token":"1000.AAAA.BBBB","refresh_token":"1000.CCCC.DDDD","expires_in":3600000}`))
	got, err := Exchange(t.Context(), a.sender, a.url, client, redact.NewSecret("1000.CODE"), "https://x.example/cb")
	want := Token{Access: redact.NewSecret("1000.AAAA.BBBB"), Refresh: redact.NewSecret("1000.CCCC.DDDD"), Lifetime: time.Hour}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	sent := "POST /oauth/v2/token client_id=1000.CLIENT&client_secret=canary-secret&code=1000.CODE&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fx.example%2Fcb"
	if diff := cmp.Diff(sent, <-a.received); diff != "" {
		t.Error(diff)
	}
	a = newAccounts(t, answerWith(200, `{"access_token":"1000.AAAA.BBBB","refresh_token":null}`))
	if _, err := Exchange(t.Context(), a.sender, a.url, client, redact.NewSecret("1000.CODE"), ""); outcomeOf(err) != Refused {
		t.Errorf("a code that gives no refresh token: %v", err)
	}
}

func outcomeOf(err error) Outcome {
	if failed, is := errors.AsType[*Error](err); is {
		return failed.Outcome
	}
	return OK
}

// TestRefresh_Outcomes holds each error of the token endpoint, with HTTP 200 as with others.
func TestRefresh_Outcomes(t *testing.T) {
	t.Parallel()
	denied := `{"error":"Access Denied","error_description":"You have made too many requests continuously. Please try again after some time.","status":"failure"}`
	for name, tc := range map[string]struct {
		status int
		body   string
		want   Outcome
	}{
		"an unknown client":                 {200, `{"error":"invalid_client"}`, InvalidClient},
		"an unknown client, with 400":       {400, `{"error":"invalid_client"}`, InvalidClient},
		"a wrong secret":                    {200, `{"error":"invalid_client_secret"}`, InvalidClientSecret},
		"a revoked token":                   {200, `{"error":"invalid_code"}`, InvalidCode},
		"a redirect URI":                    {200, `{"error":"invalid_redirect_uri"}`, InvalidRedirectURI},
		"a scope":                           {200, `{"error":"invalid_scope"}`, InvalidScope},
		"too many":                          {400, denied, AccessDenied},
		"too many, with 200":                {200, denied, AccessDenied},
		"an outage":                         {200, `{"error":"general_error"}`, Unavailable},
		"500":                               {500, ``, Unavailable},
		"HTML":                              {200, `<html>`, Unavailable},
		"HTML with 503":                     {503, `<html>`, Unavailable},
		"HTML with 404":                     {404, `<html>`, Refused},
		"a redirect":                        {302, ``, Refused},
		"an error that nobody knows":        {200, `{"error":"canary-secret"}`, Refused},
		"a token that is empty":             {200, `{"access_token":""}`, Refused},
		"a token that is null":              {200, `{"access_token":null}`, Refused},
		"a token that is no string":         {200, `{"access_token":{"a":1}}`, Refused},
		"a token with an error's status":    {500, `{"access_token":"1000.AAAA.BBBB"}`, Unavailable},
		"an error that is no string":        {200, `{"error":{"code":"canary-secret"}}`, Refused},
		"cut off":                           {200, `{"access_token":"1000.AA`, Unavailable},
		"a lifetime in a string, and token": {200, `{"access_token":"1000.AAAA.BBBB","expires_in":"1800"}`, OK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccounts(t, answerWith(tc.status, tc.body))
			token, err := Refresh(t.Context(), a.sender, a.url, client, redact.NewSecret("1000.canary.DDDD"))
			if got := outcomeOf(err); got != tc.want || (got == OK) != !token.Access.IsZero() {
				t.Errorf("%s: %v", got, err)
			}
			if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "canary") {
				t.Errorf("a secret is in %v", err)
			}
			if len(a.received) != 1 {
				t.Errorf("%d calls were made", len(a.received))
			}
		})
	}
}

func TestOutcome_Explained(t *testing.T) {
	t.Parallel()
	for _, outcome := range errorOutcomes {
		if (&Error{Outcome: outcome}).Error() == "" {
			t.Errorf("%s has no explanation", outcome)
		}
	}
	if !AccessDenied.IsTransient() || AccessDenied.RetryAfter() != Window || InvalidCode.IsTransient() || NotSent.MayHaveSpent() || !Unanswered.MayHaveSpent() {
		t.Error("what is transient, and what is spent")
	}
}

// TestRefresh_Unanswered tells a call that may have spent a token from one that cannot have.
func TestRefresh_Unanswered(t *testing.T) {
	t.Parallel()
	dropping := newAccounts(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := Refresh(t.Context(), dropping.sender, dropping.url, client, redact.NewSecret("r")); outcomeOf(err) != Unanswered {
		t.Errorf("dropped after it was sent: %v", err)
	}
	if n := len(dropping.received); n != 1 {
		t.Errorf("it was sent %d times", n)
	}
	gone := newAccounts(t, answerWith(200, ""))
	elsewhere, err := url.Parse("https://evil.example")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Refresh(t.Context(), gone.sender, elsewhere, client, redact.NewSecret("r"))
	if _, is := errors.AsType[*egress.NotAllowedError](err); !is || outcomeOf(err) != NotSent {
		t.Errorf("a host that is not allowed: %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Refresh(canceled, gone.sender, gone.url, client, redact.NewSecret("r")); outcomeOf(err) != NotSent || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		want   Outcome
	}{
		"revoked":             {200, `{"status":"success"}`, OK},
		"unknown":             {400, `{"error":"invalid_token"}`, InvalidToken},
		"unknown, otherwise":  {400, `{"status":"failure"}`, InvalidToken},
		"something else":      {200, `{"status":"whatever"}`, Refused},
		"an outage":           {502, `<html>`, Unavailable},
		"HTML with HTTP 200":  {200, `<html>`, Unavailable},
		"success with errors": {200, `{"status":"success","error":"invalid_client"}`, InvalidClient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccounts(t, answerWith(tc.status, tc.body))
			if got := outcomeOf(Revoke(t.Context(), a.sender, a.url, redact.NewSecret("1000.CCCC.DDDD"))); got != tc.want {
				t.Errorf("%s, not %s", got, tc.want)
			}
			if diff := cmp.Diff("POST /oauth/v2/token/revoke token=1000.CCCC.DDDD", <-a.received); diff != "" {
				t.Error(diff)
			}
		})
	}
}
