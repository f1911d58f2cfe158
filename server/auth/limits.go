package auth

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
	"golang.org/x/time/rate"

	"github.com/lectern-dev/lectern/internal/access"
)

// Limits are how much one caller may ask of one replica. 0 is no limit.
type Limits struct {
	// PromptsPerSecond bounds requests about prompts, which are all but those for completions.
	PromptsPerSecond, CompletionsPerSecond float64
	// TicketReadsPerSecond bounds calls of tools that read ServiceDesk Plus, and of its resources, which count as requests besides.
	TicketReadsPerSecond float64
	// TicketWritesPerSecond bounds calls of tools that write to ServiceDesk Plus, which count as requests besides.
	TicketWritesPerSecond float64
	// Streams bounds the streams a caller has open, FollowedResources what all of them together are told of.
	Streams, FollowedResources int
}

// DefaultLimits are those of a server that authenticates its callers.
var DefaultLimits = Limits{PromptsPerSecond: 20, CompletionsPerSecond: 10, TicketReadsPerSecond: 5, TicketWritesPerSecond: 1, Streams: 16, FollowedResources: 256}

// burstSeconds is for how many seconds a caller may ask at once what the rate allows.
const burstSeconds = 5

// maxLimitedCallers bounds the callers whose rates are kept, about 500 bytes each. One who asked for nothing for burstSeconds
// is no different from a new one, so forgetting who asked longest ago costs nothing unless so many ask in that time.
const maxLimitedCallers = 10_000

// AddFlags registers the flags of limits.
func (l *Limits) AddFlags(fs *pflag.FlagSet) {
	fs.Float64Var(&l.PromptsPerSecond, "prompts-per-second", DefaultLimits.PromptsPerSecond,
		"maximum number of requests about prompts that a caller may send a second, tools included, five times that at once; 0 for no limit; not with --auth=none")
	fs.Float64Var(&l.CompletionsPerSecond, "completions-per-second", DefaultLimits.CompletionsPerSecond,
		"maximum number of completions that a caller may ask for a second, five times that at once; 0 for no limit; not with --auth=none")
	fs.Float64Var(&l.TicketReadsPerSecond, "ticket-reads-per-second", DefaultLimits.TicketReadsPerSecond,
		"maximum number of calls that read ServiceDesk Plus that a caller may send a second, five times that at once; 0 for no limit; not with --auth=none")
	fs.Float64Var(&l.TicketWritesPerSecond, "ticket-writes-per-second", DefaultLimits.TicketWritesPerSecond,
		"maximum number of calls that write to ServiceDesk Plus that a caller may send a second, five times that at once; 0 for no limit; not with --auth=none")
	fs.IntVar(&l.Streams, "streams-per-caller", DefaultLimits.Streams,
		"maximum number of streams a caller may have open, 0 for no limit; not with --auth=none")
	fs.IntVar(&l.FollowedResources, "followed-resources-per-caller", DefaultLimits.FollowedResources,
		"maximum number of resources that all streams of a caller may follow together, 0 for no limit; not with --auth=none")
}

// Validate returns what is wrong with the limits, in the words of the flags.
func (l *Limits) Validate() error {
	return errors.Join(
		validateLimit("--prompts-per-second", l.PromptsPerSecond),
		validateLimit("--completions-per-second", l.CompletionsPerSecond),
		validateLimit("--ticket-reads-per-second", l.TicketReadsPerSecond),
		validateLimit("--ticket-writes-per-second", l.TicketWritesPerSecond),
		validateLimit("--streams-per-caller", float64(l.Streams)),
		validateLimit("--followed-resources-per-caller", float64(l.FollowedResources)),
	)
}

func validateLimit(flag string, value float64) error {
	if value < 0 || math.IsInf(value, 0) || math.IsNaN(value) {
		return fmt.Errorf("%s is %v; give a number, or 0 for no limit", flag, value)
	}
	return nil
}

// CallerKey is what a caller is counted under: who they are and not which token they have, which changes hourly.
type CallerKey struct {
	Proof   access.Proof
	Subject string
}

// KeyOf returns what a caller is counted under.
func KeyOf(identity *Identity) CallerKey {
	return CallerKey{identity.Proof, identity.Subject}
}

// RequestKind is what requests are limited by.
type RequestKind int

// The kinds of requests.
const (
	PromptRequest RequestKind = iota
	CompletionRequest
	TicketRead
	TicketWrite
	requestKinds
)

// RateLimiter bounds how often each caller asks. A nil one bounds nobody.
type RateLimiter struct {
	rates   [requestKinds]rate.Limit
	now     func() time.Time
	refused [requestKinds]prometheus.Counter

	mu      sync.Mutex
	callers *simplelru.LRU[CallerKey, *callerRates]
}

// callerRates are the token buckets of a caller, and how many of their refusals are being delayed.
type callerRates struct {
	buckets [requestKinds]*rate.Limiter
	delayed atomic.Int32
}

// NewRateLimiter returns a limiter, or nil where nothing is limited.
func NewRateLimiter(limits Limits) *RateLimiter {
	if limits.PromptsPerSecond == 0 && limits.CompletionsPerSecond == 0 && limits.TicketReadsPerSecond == 0 && limits.TicketWritesPerSecond == 0 {
		return nil
	}
	return makeRateLimiter(limits, maxLimitedCallers, time.Now)
}

func makeRateLimiter(limits Limits, callers int, now func() time.Time) *RateLimiter {
	l := &RateLimiter{now: now, callers: newBoundedMap[CallerKey, *callerRates](callers)}
	for kind, perSecond := range [requestKinds]float64{
		limits.PromptsPerSecond, limits.CompletionsPerSecond, limits.TicketReadsPerSecond, limits.TicketWritesPerSecond,
	} {
		l.rates[kind] = toRate(perSecond)
		l.refused[kind] = prometheus.NewCounter(prometheus.CounterOpts{
			Name:        "lectern_rate_limit_refusals_total",
			Help:        "Requests that were refused because their caller asked too often, by what the limit is for.",
			ConstLabels: prometheus.Labels{"limit": [requestKinds]string{"prompts", "completions", "ticket reads", "ticket writes"}[kind]},
		})
	}
	return l
}

// toRate returns a rate of which 0 is no limit.
func toRate(perSecond float64) rate.Limit {
	if perSecond == 0 {
		return rate.Inf
	}
	return rate.Limit(perSecond)
}

// newBucket returns a full bucket of so many a second.
func newBucket(perSecond rate.Limit) *rate.Limiter {
	if perSecond == rate.Inf {
		return rate.NewLimiter(perSecond, 0)
	}
	return rate.NewLimiter(perSecond, max(1, int(perSecond*burstSeconds)))
}

func newBoundedMap[K comparable, V any](size int) *simplelru.LRU[K, V] {
	lru, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil {
		panic(err) // only a size below one is refused
	}
	return lru
}

// Take takes one request of a caller from what they may ask, and returns zero; or takes nothing and returns how long they
// have to wait.
func (l *RateLimiter) Take(identity *Identity, kind RequestKind) time.Duration {
	if l == nil || l.rates[kind] == rate.Inf {
		return 0
	}
	wait := takeFrom(l.bucketOf(KeyOf(identity), kind), l.now())
	if wait > 0 {
		l.refused[kind].Inc()
	}
	return wait
}

// Metrics returns how many requests were refused.
func (l *RateLimiter) Metrics() []prometheus.Collector {
	if l == nil {
		return nil
	}
	collectors := make([]prometheus.Collector, len(l.refused))
	for kind, counter := range l.refused {
		collectors[kind] = counter
	}
	return collectors
}

// Wait returns how long a caller has to wait until they may ask, and takes nothing.
func (l *RateLimiter) Wait(identity *Identity, kind RequestKind) time.Duration {
	if l == nil || l.rates[kind] == rate.Inf {
		return 0
	}
	return waitFor(l.bucketOf(KeyOf(identity), kind), l.now())
}

// refusalDelay is how long a refusal is delayed, and maxDelayedRefusals how many of a caller are at a time.
const (
	refusalDelay       = 250 * time.Millisecond
	maxDelayedRefusals = 64
)

// DelayRefusal waits a moment before a caller who asks too often is told so. One who does not wait by themselves would else
// have this server do nothing but refuse.
func (l *RateLimiter) DelayRefusal(ctx context.Context, identity *Identity) {
	rates := l.ratesOf(KeyOf(identity))
	defer rates.delayed.Add(-1)
	if rates.delayed.Add(1) > maxDelayedRefusals {
		return
	}
	timer := time.NewTimer(refusalDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (l *RateLimiter) ratesOf(caller CallerKey) *callerRates {
	l.mu.Lock()
	defer l.mu.Unlock()
	rates, known := l.callers.Get(caller)
	if known {
		return rates
	}
	rates = new(callerRates)
	for kind, perSecond := range l.rates {
		rates.buckets[kind] = newBucket(perSecond)
	}
	l.callers.Add(caller, rates)
	return rates
}

func (l *RateLimiter) bucketOf(caller CallerKey, kind RequestKind) *rate.Limiter {
	return l.ratesOf(caller).buckets[kind]
}

// takeFrom takes one from a bucket, or returns when there is one.
func takeFrom(bucket *rate.Limiter, now time.Time) time.Duration {
	if bucket.AllowN(now, 1) {
		return 0
	}
	return max(time.Millisecond, waitFor(bucket, now))
}

// waitFor returns when there is one in a bucket; zero where there is one.
func waitFor(bucket *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - bucket.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(bucket.Limit()) * float64(time.Second))
}

// RetrySeconds returns a wait in whole seconds, as answers say it.
func RetrySeconds(wait time.Duration) int { return max(1, int(math.Ceil(wait.Seconds()))) }
