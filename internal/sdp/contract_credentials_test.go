package sdp_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/egress/egresstest"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// TestCredentials_GoNowhereElse calls an attacker by the API and by the accounts server: not a byte goes there, and the errors say why.
func TestCredentials_GoNowhereElse(t *testing.T) {
	t.Parallel()
	attacker := egresstest.Listen(t)
	name := "http://desk.example.org:" + attacker.Port
	for title, tc := range map[string]struct {
		target string
		egress egress.Options
		rules  []string
		reason string
	}{
		"a listener that is not listed":       {target: attacker.URL, rules: []string{"desk.example.org"}, reason: "it is not listed"},
		"a listener at a port not listed":     {target: attacker.URL, rules: []string{"http://127.0.0.1:1"}, reason: "it is not listed"},
		"unencrypted where it is not allowed": {target: name, rules: []string{"desk.example.org:" + attacker.Port}, reason: "http is unencrypted"},
		"a name that is loopback":             {target: name, rules: []string{name}, egress: egress.Options{Resolver: egresstest.NewResolver(t, "127.0.0.1")}, reason: "it resolves to 127.0.0.1: it is a loopback address"},
		"a name that is link-local":           {target: name, rules: []string{name}, egress: egress.Options{Resolver: egresstest.NewResolver(t, "169.254.169.254")}, reason: "it resolves to 169.254.169.254: it is a link-local address"},
		"a name in the cluster": {target: name, rules: []string{name}, egress: egress.Options{
			Resolver: egresstest.NewResolver(t, "10.244.1.7"), ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
		}, reason: "it resolves to 10.244.1.7: it is in the cluster (--cluster-cidrs), and the name does not end in .svc"},
		"the API server": {target: name, rules: []string{name}, egress: egress.Options{
			Resolver: egresstest.NewResolver(t, "192.0.2.7"), APIServer: []netip.Addr{netip.MustParseAddr("192.0.2.7")},
		}, reason: "it resolves to 192.0.2.7: it is the API server's address"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			rules, err := egress.ParseRules(tc.rules)
			if err != nil {
				t.Fatal(err)
			}
			tc.egress.Rules = rules
			sender, err := egress.NewClient(tc.egress)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(sender.CloseIdleConnections)
			at := mustParseURL(t, tc.target)
			client, err := sdp.New(sdp.Config{
				Edition: sdp.Cloud, URL: at, Tokens: sdp.StaticToken(redact.NewSecret("canary")), Limiter: sdp.NewLimiter(1_000, 500, 0), HTTP: sender,
			})
			if err != nil {
				t.Fatal(err)
			}
			_, read := client.Requests().Get(t.Context(), "31")
			_, written := client.Requests().Create(t.Context(), sdp.Fields{"subject": "x"})
			_, refreshed := oauth.Refresh(t.Context(), sender, at, oauth.Client{ID: "1000.C", Secret: redact.NewSecret("canary")}, redact.NewSecret("canary"))
			for operation, err := range map[string]error{"a read": read, "a write": written, "a refresh": refreshed} {
				refused, is := errors.AsType[*egress.NotAllowedError](err)
				if !is || !strings.Contains(refused.Error(), tc.reason) {
					t.Errorf("%s: %v: %v", operation, err, refused)
				}
				if failed, is := errors.AsType[*sdp.Error](err); is && failed.Kind != sdp.KindNotAllowed {
					t.Errorf("%s is %s", operation, failed.Kind)
				}
				if failed, is := errors.AsType[*oauth.Error](err); is && failed.Outcome != oauth.NotSent {
					t.Errorf("%s is %s", operation, failed.Outcome)
				}
			}
			attacker.HeardNothing(t)
		})
	}
}

// TestCredentials_FollowNoRedirect: SDP and the accounts server send a caller to a listener that is even listed.
func TestCredentials_FollowNoRedirect(t *testing.T) {
	t.Parallel()
	attacker := egresstest.Listen(t)
	s := startSite(t, sdptest.Options{})
	rules, err := egress.ParseRules([]string{s.fake.URL(), s.fake.AccountsURL(), attacker.URL})
	s.wantSuccess(err)
	s.sender, err = egress.NewClient(egress.Options{Rules: rules})
	s.wantSuccess(err)
	t.Cleanup(s.sender.CloseIdleConnections)
	s.client = s.newClient(nil)
	for _, status := range []int{301, 302, 303, 307, 308} {
		redirect := sdptest.Fault{Name: "redirect", Status: status, Header: http.Header{"Location": {attacker.URL + "/"}}}
		s.fake.Fail(redirect, redirect, redirect.OfAccounts(), redirect.OfAccounts())
		_, err = s.client.Requests().Get(t.Context(), s.request1())
		s.wantError(err, sdp.KindNotSDP, 0)
		s.wantError(s.create(sdp.Fields{"subject": "x"}), sdp.KindNotSDP, 0)
		_, err = s.refresh(s.fake.RefreshToken())
		s.wantOutcome(err, oauth.Refused)
		s.wantOutcome(oauth.Revoke(t.Context(), s.sender, s.accounts(), redact.NewSecret("canary")), oauth.Refused)
	}
	attacker.HeardNothing(t)
}

// TestCredentials_IgnoreProxyVariables is alone: it sets variables of the process.
func TestCredentials_IgnoreProxyVariables(t *testing.T) {
	attacker := egresstest.Listen(t)
	for _, variable := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(variable, attacker.URL)
	}
	s := startSite(t, sdptest.Options{})
	s.mustRead(s.request1())
	_, err := s.refresh(s.fake.RefreshToken())
	s.wantOutcome(err, oauth.OK)
	attacker.HeardNothing(t)
}

// canaries are credentials that are found again wherever they are, as they are and encoded.
func canaries() map[string]string {
	return map[string]string{
		"token": "1000.canary0000000000000000000token.canary00000000000000000000001", "secret": "canary-secret-0123456789abcdef",
		"code": "1000.canary00000000000000000000code.canary00000000000000000000002", "refresh": "1000.canary000000000000000000refres.canary00000000000000000000003",
		"key": "CANARY00-0000-4000-8000-000000000009",
	}
}

// findCanary returns how a credential is spelled in a text, or nothing.
func findCanary(text string) string {
	spellings := []string{"canary", fmt.Sprintf("%x", "canary")}
	for _, secret := range canaries() {
		spellings = append(spellings, base64.RawStdEncoding.EncodeToString([]byte(secret))[:12])
	}
	for _, spelling := range spellings {
		if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
			return spelling
		}
	}
	return ""
}

// assertNoCanary holds that no credential is in an error, however it is printed, nor in those that it wraps.
func assertNoCanary(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("the call succeeded")
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if found := findCanary(fmt.Sprintf("%v %+v %#v", e, e, e)); found != "" {
			t.Errorf("%s is in %#v", found, e)
		}
	}
	if failed, is := errors.AsType[*sdp.Error](err); is {
		if found := findCanary(fmt.Sprintf("%q %q %+v", failed.Messages, failed.Fields, failed.Attempt)); found != "" {
			t.Errorf("%s is in what SDP said: %q", found, failed.Messages)
		}
	}
}

// TestCredentials_AreEchoed: servers that repeat what they were sent in bodies, HTML and headers have it in no error, nor in what is
// observed or logged.
func TestCredentials_AreEchoed(t *testing.T) {
	var logged bytes.Buffer
	before := log.Writer()
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(before) })
	secrets := canaries()
	unknownField := `{"response_status":{"status_code":4000,"status":"failed","messages":[{"status_code":4001,"type":"failed","field":"SECRETS","fields":["SECRETS"],"message":"SECRETS","frobnicator":"SECRETS"}],"frobnicator":"SECRETS"},"error":"SECRETS"}`
	echo := func(status int, contentType, body string) sdptest.Fault {
		return sdptest.Fault{Name: "echo", Status: status, ContentType: contentType, Body: body, Echo: true}
	}
	faults := map[string]sdptest.Fault{
		"a message": sdptest.EchoSecrets(400), "an internal error": sdptest.EchoSecrets(500), "a failure with 200": sdptest.EchoSecrets(200), "HTML": sdptest.EchoSecretsHTML(502),
		"a login page": sdptest.EchoSecretsHTML(200), "401": sdptest.EchoSecrets(401), "429": sdptest.EchoSecrets(429), "a field that nobody knows": echo(400, "application/json", unknownField),
		"no JSON": echo(200, "application/json", `{"SECRETS":`), "text": echo(400, "text/plain", "SECRETS"), "another type of content": echo(200, "SECRETS", "SECRETS"),
	}
	for _, edition := range []sdptest.Edition{sdptest.Cloud, sdptest.OnPremises} {
		s := startSite(t, sdptest.Options{Edition: edition, ClientSecret: secrets["secret"], APIKey: secrets["key"]})
		client := s.oauthClient()
		for name, fault := range faults {
			s.fake.Fail(fault.Times(-1))
			s.tokens.current = inEdition(s, secrets["token"], secrets["key"])
			_, err := s.client.Requests().Get(t.Context(), s.request1())
			assertNoCanary(t, err)
			assertNoCanary(t, s.create(sdp.Fields{"subject": "x"}))
			assertNoCanary(t, s.client.Requests().Unlink(t.Context(), s.request1(), []string{"2"}))
			s.fake.StopFailing()
			s.fake.Fail(fault.OfAccounts().Times(-1))
			_, err = oauth.Exchange(t.Context(), s.sender, s.accounts(), client, redact.NewSecret(secrets["code"]), "")
			assertNoCanary(t, err)
			_, err = oauth.Refresh(t.Context(), s.sender, s.accounts(), client, redact.NewSecret(secrets["refresh"]))
			assertNoCanary(t, err)
			assertNoCanary(t, oauth.Revoke(t.Context(), s.sender, s.accounts(), redact.NewSecret(secrets["refresh"])))
			s.fake.StopFailing()
			if t.Failed() {
				t.Fatalf("with %s", name)
			}
		}
		if found := findCanary(fmt.Sprintf("%+v", s.seen)); found != "" {
			t.Errorf("%s is in what is observed", found)
		}
		if found := findCanary(fmt.Sprintf("%+v", s.fake.Calls(nil))); found != "" {
			t.Errorf("%s is in the journal", found)
		}
		if n := s.fake.Count(func(c sdptest.Call) bool { return c.Fault == "echo" }); n < 6*len(faults) {
			t.Errorf("only %d answers echoed", n)
		}
	}
	if found := findCanary(logged.String()); found != "" {
		t.Errorf("%s is logged: %s", found, logged.String())
	}
}
