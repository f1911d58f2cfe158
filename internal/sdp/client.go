package sdp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

// A TokenSource gives the access token, or on premises the API key, that calls carry.
type TokenSource interface {
	// Token is asked for each call that is sent.
	Token(ctx context.Context) (redact.Secret, error)
	// Refused is told that SDP refused a token. It returns nil when Token gives another one now: the call is sent once more, twice
	// in all.
	// Its error becomes the cause of the call's ErrTokenRefused.
	Refused(ctx context.Context, token redact.Secret) error
}

// StaticToken is a TokenSource of one token, for which there is no other.
type StaticToken redact.Secret

// Token implements TokenSource.
func (t StaticToken) Token(context.Context) (redact.Secret, error) { return redact.Secret(t), nil }

// Refused implements TokenSource.
func (t StaticToken) Refused(context.Context, redact.Secret) error {
	return errors.New("there is no other token")
}

// Observation is one call as it was sent, for audit and metrics. It has no token. What was said and answered is for an audit alone.
type Observation struct {
	Op, Method string
	// Template is the path with {id} for ids, Path the same with the ids.
	Template, Path string
	// Sent is the input, and Answered what came back where that is an object: JSON, nil for none. Nobody may change them.
	Sent, Answered []byte
	// Attempt counts from 1.
	Attempt int
	SentAt  time.Time
	Took    time.Duration
	// Status is the HTTP status, 0 without an answer; Codes are SDP's of what failed; Kind is "" for success.
	Status int
	Codes  []int
	Kind   Kind
}

// Config is what a Client is made of.
type Config struct {
	Edition Edition
	// URL is that of the API's host; Portal the instance on it, "" for the default one.
	URL    *url.URL
	Portal string
	Tokens TokenSource
	// Limiter gives turns.
	Limiter Limiter
	// HTTP sends, guarded by internal/sdp/egress.
	HTTP *http.Client
	// Timeout bounds each attempt; 20 s when it is 0.
	Timeout time.Duration
	// Retry says how often and after which waits; the zero value is DefaultRetry.
	Retry RetryPolicy
	// Observe is told of each attempt, if it is set.
	Observe func(context.Context, Observation)
}

// RetryPolicy bounds retries. Which calls are tried again is no choice: it depends on what is certain (see the package's ADR).
type RetryPolicy struct {
	// Attempts is how often a call is sent at most.
	Attempts int
	// First is the wait before the second attempt, doubled before each one after, each ± 25 %. A Retry-After counts instead.
	First time.Duration
	// Longest is what a wait may be: for a longer one the call fails at once and says so.
	Longest time.Duration
}

// DefaultRetry sends a call three times, after about 2 s and 4 s.
var DefaultRetry = RetryPolicy{Attempts: 3, First: 2 * time.Second, Longest: 10 * time.Second}

const defaultTimeout = 20 * time.Second

// Client calls one instance of ServiceDesk Plus. Any number may use it at once.
type Client struct {
	config Config
	base   string
	// withoutTechnicians is set once the instance has shown that it has no list of technicians.
	withoutTechnicians atomic.Bool
	// knownVariants are the variants of calls that the instance has shown to know, by the names of variants.
	knownVariants sync.Map
}

// portalName is what a portal may be called; it is a segment of a path.
var portalName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// New returns a client. It sends nothing.
func New(config Config) (*Client, error) {
	switch {
	case config.Edition != Cloud && config.Edition != OnPremises:
		return nil, errors.New("edition is Cloud or OnPremises")
	case config.Portal != "" && !portalName.MatchString(config.Portal):
		return nil, errors.New("a portal is a name of letters, digits, - and _")
	case config.URL == nil || config.URL.Host == "" || config.Tokens == nil || config.Limiter == nil || config.HTTP == nil:
		return nil, errors.New("a client needs a URL, tokens, a limiter and an HTTP client")
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Retry == (RetryPolicy{}) {
		config.Retry = DefaultRetry
	}
	return &Client{config: config, base: strings.TrimRight(config.URL.String(), "/") + apiRoot(config.Portal)}, nil
}

// Edition returns which ServiceDesk Plus it speaks to.
func (c *Client) Edition() Edition { return c.config.Edition }
