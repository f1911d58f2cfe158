package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/access"
)

// Verifier is that of package access.
type Verifier = access.Verifier

// unavailableSeconds is after how long a caller may ask again who could not be verified.
const unavailableSeconds = 2

// BearerOptions are what a Bearer is made of. Verifier is required.
type BearerOptions struct {
	Verifier Verifier
	// AllowedOrigins are the web pages whose requests are let in: "https://chat.example.org", as ParseOrigins returns them.
	AllowedOrigins []string
	// Metadata is what clients are told of the authorization server (RFC 9728); nil where there is none, with
	// --auth=kubernetes.
	Metadata *ResourceMetadata
	// FailuresPerSecond bounds the invalid tokens of one source address; 0 is no limit. TrustedProxies say by
	// X-Forwarded-For where a request comes from.
	FailuresPerSecond float64
	TrustedProxies    []netip.Prefix
	Log               *slog.Logger
}

// Bearer authenticates callers by the bearer token of the Authorization header (RFC 6750, 2.1), which is the only place it
// is read from: a URL is logged everywhere, and a cookie is sent by every page.
type Bearer struct {
	options  BearerOptions
	failures *failureLimiter
	refused  *prometheus.CounterVec
}

// NewBearer returns an authenticator of bearer tokens.
func NewBearer(options BearerOptions) *Bearer {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Bearer{
		options:  options,
		failures: newFailureLimiter(options.FailuresPerSecond, options.TrustedProxies, time.Now),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lectern_auth_refusals_total",
			Help: "Requests that were not let in, by reason.",
		}, []string{"reason"}),
	}
}

// The reasons of refusals, as the metric names them.
const (
	refusedOrigin        = "origin"
	refusedMisplaced     = "misplaced_token"
	refusedMissing       = "no_token"
	refusedInvalid       = "invalid_token"
	refusedScope         = "insufficient_scope"
	refusedTooManyTries  = "too_many_failures"
	refusedNotVerifiable = "unavailable"
)

// Metrics returns how many requests were not let in.
func (b *Bearer) Metrics() []prometheus.Collector { return []prometheus.Collector{b.refused} }

// Authenticate returns the context of the request with its caller, their token and the reviews it may cause. It refuses with
// 403 a page of an Origin that is not allowed, with 400 a token in the wrong place, with 401 a request without a valid token,
// with 403 a token without the scopes, with 429 a token of an address that had too many invalid ones, and with 503 when nobody
// can verify tokens now.
func (b *Bearer) Authenticate(r *http.Request) (context.Context, error) {
	if refused := b.checkOrigin(r); refused != nil {
		return nil, b.count(refusedOrigin, refused)
	}
	token, reason, refused := b.readToken(r)
	if refused != nil {
		return nil, b.count(reason, refused)
	}
	end, wait, err := b.failures.begin(r, token)
	switch {
	case err != nil:
		return nil, b.count(refusedNotVerifiable, refuseUnavailable())
	case wait > 0:
		return nil, b.count(refusedTooManyTries, refuseTries(wait))
	}
	defer end()
	identity, err := b.options.Verifier.Verify(r.Context(), token)
	if err != nil {
		return nil, b.refuseToken(r, token, err)
	}
	b.failures.noteProven(token)
	return access.WithReviewBudget(withToken(WithIdentity(r.Context(), identity), token), ReviewsPerRequest), nil
}

func (b *Bearer) count(reason string, refused *RefusedError) *RefusedError {
	b.refused.WithLabelValues(reason).Inc()
	return refused
}

// refuseToken returns what a caller learns of why a token was refused: nothing from inside.
func (b *Bearer) refuseToken(r *http.Request, token string, err error) *RefusedError {
	if lacking, is := errors.AsType[*access.InsufficientScopeError](err); is {
		b.failures.noteProven(token)
		return b.count(refusedScope, &RefusedError{
			Status: http.StatusForbidden,
			Reason: "the token lacks a scope; needed are: " + strings.Join(lacking.Scopes, " "),
			Header: b.challenge(r, insufficientScope, lacking.Scopes),
		})
	}
	if invalid, is := errors.AsType[*access.InvalidTokenError](err); is {
		b.failures.noteFailure(r, token)
		b.options.Log.DebugContext(r.Context(), "A token was refused", "reason", invalid.Reason)
		return b.count(refusedInvalid, &RefusedError{
			Status: http.StatusUnauthorized,
			Reason: "the token is not valid here: it is expired, revoked, or meant for another audience; get a new one",
			Header: b.challenge(r, invalidToken, b.scopes()),
		})
	}
	if !errors.Is(err, context.Canceled) && !errors.Is(err, ErrUnavailable) { // that one is in the log once an outage
		b.options.Log.ErrorContext(r.Context(), "A token could not be verified", "err", err)
	}
	return b.count(refusedNotVerifiable, refuseUnavailable())
}

// refuseUnavailable refuses a token about which nobody can be asked now.
func refuseUnavailable() *RefusedError {
	seconds := strconv.Itoa(unavailableSeconds)
	return &RefusedError{
		Status: http.StatusServiceUnavailable,
		Reason: "callers cannot be authenticated now; try again in " + seconds + " s",
		Header: http.Header{"Retry-After": {seconds}},
	}
}

// refuseTries refuses a token nobody has seen yet, of an address that sent too many invalid ones.
func refuseTries(wait time.Duration) *RefusedError {
	seconds := strconv.Itoa(RetrySeconds(wait))
	return &RefusedError{
		Status: http.StatusTooManyRequests,
		Reason: "too many invalid tokens came from this address; try again in " + seconds + " s",
		Header: http.Header{"Retry-After": {seconds}},
	}
}

// readToken returns the one bearer token of a request, or why it is refused, for the metric and for the caller.
func (b *Bearer) readToken(r *http.Request) (token, reason string, refused *RefusedError) {
	if hasQueryToken(r.URL.RawQuery) {
		return "", refusedMisplaced, refuseMisplaced("a token in a URL ends up in logs and is not accepted")
	}
	if hasCookieToken(r) {
		return "", refusedMisplaced, refuseMisplaced("a token in a cookie is not accepted")
	}
	values := r.Header["Authorization"]
	switch len(values) {
	case 0:
		return "", refusedMissing, b.refuseMissing(r)
	case 1:
	default:
		return "", refusedMisplaced, refuseMisplaced("there is more than one Authorization header")
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refusedMissing, b.refuseMissing(r)
	}
	switch token = strings.TrimLeft(rest, " "); {
	case len(token) > access.MaxTokenLength:
		return "", refusedMisplaced, refuseMisplaced("the token is longer than " + strconv.Itoa(access.MaxTokenLength) + " bytes")
	case !access.IsTokenSyntax(token):
		return "", refusedMisplaced, refuseMisplaced("the Authorization header is not Bearer and one token")
	}
	return token, "", nil
}

// refuseMissing refuses a request without a token. To a client of OAuth this is where to begin, and no error (RFC 6750, 3.1).
func (b *Bearer) refuseMissing(r *http.Request) *RefusedError {
	return &RefusedError{
		Status: http.StatusUnauthorized,
		Reason: "a token is needed; send it as Authorization: Bearer TOKEN",
		Header: b.challenge(r, "", b.scopes()),
	}
}

// refuseMisplaced refuses a request that sends a token as it may not be sent, which no other token cures.
func refuseMisplaced(problem string) *RefusedError {
	return &RefusedError{Status: http.StatusBadRequest, Reason: problem + "; send one header, Authorization: Bearer TOKEN"}
}

// hasQueryToken reports whether a query has a parameter that RFC 6750, 2.3 makes a token, however it is written.
func hasQueryToken(query string) bool {
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if isTokenName(unescapeQuery(name)) {
			return true
		}
	}
	return false
}

// hasCookieToken reports whether a cookie is there to carry a token. Other cookies, as those of a gateway's own session,
// are nobody's business here, and prove nobody.
func hasCookieToken(r *http.Request) bool {
	return slices.ContainsFunc(r.Cookies(), func(c *http.Cookie) bool {
		scheme, _, _ := strings.Cut(strings.ReplaceAll(c.Value, "%20", " "), " ")
		return isTokenName(c.Name) || strings.EqualFold(scheme, "Bearer")
	})
}

// isTokenName reports whether a parameter or a cookie is called as what carries a bearer token.
func isTokenName(name string) bool {
	switch strings.ToLower(name) {
	case "access_token", "authorization", "bearer", "token":
		return true
	default:
		return false
	}
}
