package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/access"
)

// clock is a time that passes when a test says so.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

func newClock() *clock { return &clock{time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)} }

// valueOf returns what a counter has counted.
func valueOf(t *testing.T, counter prometheus.Counter) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(counter)
	found, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return found[0].GetMetric()[0].GetCounter().GetValue()
}

// countTaken returns how many requests a caller may send now.
func countTaken(l *RateLimiter, caller Identity, kind RequestKind) (taken int) {
	for l.Take(&caller, kind) == 0 {
		taken++
	}
	return taken
}

func TestRateLimiter(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := makeRateLimiter(DefaultLimits, 100, c.now)
	anna := Identity{Subject: "anna", Proof: access.ProofOIDC, UID: "1"}
	expect := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, not %d", what, got, want)
		}
	}
	expect("prompts at once", countTaken(l, anna, PromptRequest), 100)
	expect("completions at once", countTaken(l, anna, CompletionRequest), 50)
	if wait := l.Take(&anna, PromptRequest); wait != 50*time.Millisecond || RetrySeconds(wait) != 1 {
		t.Errorf("the next prompt is there in %s", wait)
	}
	expect("prompts of another subject", countTaken(l, Identity{Subject: "bert", Proof: access.ProofOIDC}, PromptRequest), 100)
	expect("prompts of the same name proven otherwise", countTaken(l, Identity{Subject: "anna", Proof: access.ProofKubernetes}, PromptRequest), 100)
	expect("prompts with another token", countTaken(l, Identity{Subject: "anna", Proof: access.ProofOIDC, UID: "2", Expires: c.at}, PromptRequest), 0)
	c.pass(time.Second)
	expect("prompts a second later", countTaken(l, anna, PromptRequest), 20)
	expect("completions a second later", countTaken(l, anna, CompletionRequest), 10)
	c.pass(time.Hour)
	expect("prompts an hour later", countTaken(l, anna, PromptRequest), 100)
	if got := valueOf(t, l.refused[PromptRequest]); got != 7 {
		t.Errorf("%v refusals of prompts are counted", got)
	}
}

func TestRateLimiter_NoLimit(t *testing.T) {
	t.Parallel()
	anna := Identity{Subject: "anna"}
	if l := NewRateLimiter(Limits{}); l != nil || l.Take(&anna, PromptRequest) != 0 || l.Wait(&anna, PromptRequest) != 0 || l.Metrics() != nil {
		t.Error("there is a limit")
	}
	l := makeRateLimiter(Limits{CompletionsPerSecond: 0.1}, 100, newClock().now)
	for range 1000 {
		if l.Take(&anna, PromptRequest) != 0 {
			t.Fatal("prompts are limited")
		}
	}
	if l.Take(&anna, CompletionRequest) != 0 || l.Take(&anna, CompletionRequest) != 10*time.Second {
		t.Error("less than one a second is not one in ten seconds")
	}
}

// TestRateLimiter_Bounded: callers come and go, and what is kept of them does not grow.
func TestRateLimiter_Bounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := makeRateLimiter(DefaultLimits, 1000, c.now)
	for i := range 5000 {
		l.Take(&Identity{Subject: fmt.Sprint("made up ", i)}, PromptRequest)
	}
	if got := l.callers.Len(); got != 1000 {
		t.Errorf("%d callers are kept", got)
	}
}

func TestFailureLimiter_SourceOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"IPv4":                                  {"192.0.2.7:1234", nil, "192.0.2.7/32"},
		"IPv4 in IPv6":                          {"[::ffff:192.0.2.7]:1234", nil, "192.0.2.7/32"},
		"IPv6, a network of its own":            {"[2001:db8:1:2:3:4:5:6]:1234", nil, "2001:db8:1:2::/64"},
		"IPv6 with a zone":                      {"[fe80::1%eth0]:1234", nil, "fe80::/64"},
		"a header of whoever":                   {"192.0.2.7:1234", []string{"198.51.100.1"}, "192.0.2.7/32"},
		"behind a proxy":                        {"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1/32"},
		"behind two, and something made up":     {"10.0.0.1:1", []string{"203.0.113.9, 198.51.100.1", "10.0.0.2"}, "198.51.100.1/32"},
		"behind a proxy that says nothing":      {"10.0.0.1:1", nil, "10.0.0.1/32"},
		"behind a proxy that says nonsense":     {"10.0.0.1:1", []string{"198.51.100.1, unknown"}, "10.0.0.1/32"},
		"behind proxies only":                   {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3/32"},
		"behind a proxy on IPv6":                {"[fd00::1]:1", []string{"2001:db8::1"}, "2001:db8::/64"},
		"a test without an address":             {"pipe", nil, "invalid Prefix"},
		"behind a proxy, with an empty element": {"10.0.0.1:1", []string{","}, "10.0.0.1/32"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxies, err := parseProxies([]string{"10.0.0.0/8", "fd00::1"})
			if err != nil {
				t.Fatal(err)
			}
			l := newFailureLimiter(1, proxies, time.Now)
			r := &http.Request{RemoteAddr: tc.remote, Header: http.Header{"X-Forwarded-For": tc.forwarded}}
			if got := l.sourceOf(r).String(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// tryToken returns the status a token gets from an address; 0 where it is let in.
func tryToken(b *Bearer, address, token string) int {
	r := httptest.NewRequest(http.MethodPost, "/mcp", http.NoBody)
	r.RemoteAddr = address + ":1"
	r.Header.Set("Authorization", "Bearer "+token)
	_, err := b.Authenticate(r)
	if err == nil {
		return 0
	}
	return err.(*RefusedError).Status //nolint:forcetypeassert // a test
}

// TestBearer_LimitsFailures: whoever tries out tokens is slowed down by address, and nobody else is: not who has been let in
// before at the same address, and not who is at another.
func TestBearer_LimitsFailures(t *testing.T) {
	t.Parallel()
	c := newClock()
	b := NewBearer(BearerOptions{Verifier: knownTokens{}, FailuresPerSecond: 5})
	b.failures.now = c.now
	expect := func(what, address, token string, want int) {
		t.Helper()
		if got := tryToken(b, address, token); got != want {
			t.Errorf("%s: %d, not %d", what, got, want)
		}
	}
	expect("a caller before", "192.0.2.7", "good", 0)
	for i := range 25 {
		expect("a guess", "192.0.2.7", fmt.Sprint("guess", i), 401)
	}
	expect("one guess too many", "192.0.2.7", "guess", 429)
	expect("the caller of before", "192.0.2.7", "good", 0)
	expect("a token without the scopes, never seen", "192.0.2.7", "narrow", 429)
	expect("a guess from elsewhere", "192.0.2.8", "guess", 401)
	c.pass(time.Second)
	for i := range 5 {
		expect("a guess a second later", "192.0.2.7", fmt.Sprint("guess", i), 401)
	}
	expect("one guess too many, again", "192.0.2.7", "guess", 429)
	expect("the caller all along", "192.0.2.7", "good", 0)
	if got := valueOf(t, b.refused.WithLabelValues(refusedTooManyTries)); got != 3 {
		t.Errorf("%v refusals are counted", got)
	}
}

// heldTokens is a Verifier that answers when it is let, and proves the tokens that begin with "good".
type heldTokens struct {
	answer chan struct{}
	asked  atomic.Int64
}

func (v *heldTokens) Verify(_ context.Context, token string) (Identity, error) {
	v.asked.Add(1)
	<-v.answer
	if strings.HasPrefix(token, "good") {
		token = "good"
	}
	return knownTokens{}.Verify(context.Background(), token)
}

func (v *heldTokens) VerifyAgain(ctx context.Context, token string) (Identity, error) {
	return v.Verify(ctx, token)
}

// TestBearer_LimitsFailuresAtOnce: whoever tries out many tokens at once has as few of them tried as who tries one after the other,
// but for those that are under way when the last failure is seen. Valid ones that nobody has seen yet are all let in.
func TestBearer_LimitsFailuresAtOnce(t *testing.T) {
	t.Parallel()
	for kind, most := range map[string]int64{"guess": 49, "good": 300} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c, v := newClock(), &heldTokens{answer: make(chan struct{})}
			b := NewBearer(BearerOptions{Verifier: v, FailuresPerSecond: 5})
			b.failures.now = c.now
			statuses := make(chan int, 300)
			try := func() {
				for i := range 300 {
					go func() { statuses <- tryToken(b, "192.0.2.7", fmt.Sprint(kind, i)) }()
				}
			}
			count := func() (found map[int]int) {
				found = map[int]int{}
				for range 300 {
					found[<-statuses]++
				}
				return found
			}
			try()
			for range 25 { // no more than that are tried at a time
				v.answer <- struct{}{}
			}
			close(v.answer)
			found := count()
			t.Logf("%d were tried: %v", v.asked.Load(), found)
			if tried := v.asked.Load(); tried > most || kind == "good" && found[0] != 300 {
				t.Errorf("%d of 300 were tried, want at most %d: %v", tried, most, found)
			}
			if kind == "good" {
				return
			}
			// What was too many counts: with the 5 a second that are left after it.
			before := v.asked.Load()
			c.pass(time.Duration(before-25) * time.Second / 5)
			if try(); count()[0] != 0 || v.asked.Load() > before {
				t.Errorf("%d more were tried", v.asked.Load()-before)
			}
		})
	}
}

// TestBearer_LimitsFailuresNot: 0 is no limit.
func TestBearer_LimitsFailuresNot(t *testing.T) {
	t.Parallel()
	b := NewBearer(BearerOptions{Verifier: knownTokens{}})
	for range 100 {
		if got := tryToken(b, "192.0.2.7", "guess"); got != 401 {
			t.Fatal(got)
		}
	}
}

// TestFailureLimiter_Bounded: neither made-up addresses nor tokens make it grow.
func TestFailureLimiter_Bounded(t *testing.T) {
	t.Parallel()
	l := newFailureLimiter(1, nil, time.Now)
	address := netip.MustParseAddr("10.0.0.0")
	for i := range maxFailureSources + 5000 {
		r := &http.Request{RemoteAddr: netip.AddrPortFrom(address, 1).String()}
		l.noteFailure(r, "guess")
		l.noteProven(fmt.Sprint("token", i))
		l.noteProven(fmt.Sprint("another token", i))
		address = address.Next()
	}
	if l.sources.Len() != maxFailureSources || l.proven.Len() != maxProvenTokens {
		t.Errorf("%d addresses, %d tokens", l.sources.Len(), l.proven.Len())
	}
}
