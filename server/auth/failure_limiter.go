package auth

import (
	"context"
	"hash/maphash"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// DefaultFailuresPerSecond is how many failed authentications a source address may have: each may cost the API server a review.
const DefaultFailuresPerSecond = 5

const (
	// maxFailureSources bounds the addresses whose failures are counted, about 300 bytes each, and maxProvenTokens the tokens
	// that are known to have been proven, about 100 bytes each.
	maxFailureSources = 10_000
	maxProvenTokens   = 20_000
	// triesTimeout is how long a token waits for others of its address that are being tried.
	triesTimeout = 5 * time.Second
)

// failureLimiter bounds by source address how often tokens are tried out. Behind a proxy one address is many callers, so a
// token that was proven before is always verified, whatever others at its address do; only one that was never seen has to
// wait while an address is out of tries. As many are tried at once as an address may fail at once: how many fail is known only
// afterwards, and each counts, so whoever sends many at once waits for that longer. A nil limiter bounds nobody.
type failureLimiter struct {
	perSecond rate.Limit
	proxies   []netip.Prefix
	now       func() time.Time
	// seed makes what is remembered of a token useless to everybody else.
	seed maphash.Seed

	mu      sync.Mutex
	sources *simplelru.LRU[netip.Prefix, *failureSource]
	proven  *simplelru.LRU[uint64, struct{}]
}

// failureSource is an address: which failures it has left, and whose turn it is to be tried.
type failureSource struct {
	bucket *rate.Limiter
	turns  *semaphore.Weighted
}

// newFailureLimiter returns a limiter, or nil for zero failures a second, which is no limit.
func newFailureLimiter(perSecond float64, proxies []netip.Prefix, now func() time.Time) *failureLimiter {
	if perSecond == 0 {
		return nil
	}
	return &failureLimiter{
		perSecond: toRate(perSecond), proxies: proxies, now: now, seed: maphash.MakeSeed(),
		sources: newBoundedMap[netip.Prefix, *failureSource](maxFailureSources),
		proven:  newBoundedMap[uint64, struct{}](maxProvenTokens),
	}
}

// begin waits for the turn of a token to be tried, and returns what ends it; or how long the token has to wait before it may be
// tried. The error is that of a turn that does not come.
func (l *failureLimiter) begin(r *http.Request, token string) (end func(), wait time.Duration, err error) {
	if l == nil || l.isProven(token) {
		return func() {}, 0, nil
	}
	source := l.findSource(r)
	if wait := waitFor(source.bucket, l.now()); wait > 0 {
		return nil, wait, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), triesTimeout)
	defer cancel()
	if err := source.turns.Acquire(ctx, 1); err != nil {
		return nil, 0, err
	}
	if wait := waitFor(source.bucket, l.now()); wait > 0 { // by what was tried meanwhile
		source.turns.Release(1)
		return nil, wait, nil
	}
	return func() { source.turns.Release(1) }, 0, nil
}

func (l *failureLimiter) isProven(token string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, proven := l.proven.Get(maphash.String(l.seed, token))
	return proven
}

// findSource returns what is known of the address a request comes from.
func (l *failureLimiter) findSource(r *http.Request) *failureSource {
	at := l.sourceOf(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	source, known := l.sources.Get(at)
	if !known {
		bucket := newBucket(l.perSecond)
		source = &failureSource{bucket: bucket, turns: semaphore.NewWeighted(int64(bucket.Burst()))}
		l.sources.Add(at, source)
	}
	return source
}

// noteProven remembers that a token was proven.
func (l *failureLimiter) noteProven(token string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if key := maphash.String(l.seed, token); !l.proven.Contains(key) {
		l.proven.Add(key, struct{}{})
	}
}

// noteFailure counts an invalid token against the address it came from.
func (l *failureLimiter) noteFailure(r *http.Request, token string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.proven.Remove(maphash.String(l.seed, token))
	l.mu.Unlock()
	l.findSource(r).bucket.ReserveN(l.now(), 1) // also where none is left
}

// sourceOf returns the address a request comes from; of IPv6 the /64, which is what one subscriber has at least. It is the
// last one before the proxies that are trusted: what is further to the left anybody can write there.
func (l *failureLimiter) sourceOf(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	source, _ := netip.ParseAddr(host) // without one all requests are of the same source
	source = source.Unmap().WithZone("")
	if len(l.proxies) > 0 {
		source = l.beforeProxies(source, r.Header["X-Forwarded-For"])
	}
	bits := source.BitLen()
	if source.Is6() {
		bits = 64
	}
	prefix, _ := source.Prefix(bits)
	return prefix
}

// beforeProxies returns the address that the outermost trusted proxy was called from.
func (l *failureLimiter) beforeProxies(source netip.Addr, forwarded []string) netip.Addr {
	list := strings.Join(forwarded, ",")
	for list != "" && slices.ContainsFunc(l.proxies, func(p netip.Prefix) bool { return p.Contains(source) }) {
		at := strings.LastIndexByte(list, ',')
		before, err := netip.ParseAddr(strings.TrimSpace(list[at+1:]))
		if err != nil {
			return source
		}
		source, list = before.Unmap().WithZone(""), list[:max(at, 0)]
	}
	return source
}
