package catalog

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/weightedlru"
	"github.com/lectern-dev/lectern/server/auth"
)

// loadTimeout ends a load nobody may be waiting for any more, of a store that was available a moment ago.
const loadTimeout = 10 * time.Second

// loadingCache is a weightedlru.Shared that fetches what it lacks, once for all who wait for it. Keys belong to groups,
// and are forgotten by group. What is not there is not remembered: otherwise guessed names would
// push out what is served. What one caller asks for pushes out nothing of another's who has less.
type loadingCache[G, K comparable, V any] struct {
	groupOf func(K) G
	// fetch returns a value and the bytes it takes; zero for one that is not to be kept.
	fetch func(context.Context, K) (V, int64, error)
	// timeout returns how long a fetch may take.
	timeout func() time.Duration

	mu           sync.Mutex
	lru          *weightedlru.Shared[auth.CallerKey, K, V]
	groups       map[G][]K // of few keys each: a map for each would take more than most bodies
	loads        map[K]*load[V]
	hits, misses uint64
}

// load is a fetch under way. A load that became outdated meanwhile still answers the callers that already wait for it; a
// caller that comes later starts another one.
type load[V any] struct {
	done     chan struct{}
	outdated bool
	value    V
	err      error
}

func newLoadingCache[G, K comparable, V any](
	capacity int64, groupOf func(K) G, fetch func(context.Context, K) (V, int64, error), timeout func() time.Duration,
) *loadingCache[G, K, V] {
	k := &loadingCache[G, K, V]{
		groupOf: groupOf,
		fetch:   fetch,
		timeout: timeout,
		groups:  make(map[G][]K),
		loads:   make(map[K]*load[V]),
	}
	k.lru = weightedlru.NewShared[auth.CallerKey, K, V](capacity, k.removeFromGroup)
	return k
}

// removeFromGroup takes a dropped key out of its group. It runs under the lock.
func (k *loadingCache[G, K, V]) removeFromGroup(key K) {
	g := k.groupOf(key)
	left := slices.DeleteFunc(k.groups[g], func(other K) bool { return other == key })
	if len(left) == 0 {
		delete(k.groups, g)
		return
	}
	k.groups[g] = left
}

func (k *loadingCache[G, K, V]) getOrLoad(ctx context.Context, key K) (V, error) {
	identity, _ := auth.FromContext(ctx)
	caller := auth.KeyOf(&identity)
	k.mu.Lock()
	if value, ok := k.lru.LookUp(caller, key); ok {
		k.hits++
		k.mu.Unlock()
		return value, nil
	}
	k.misses++
	l, isShared := k.loads[key]
	if !isShared {
		l = &load[V]{done: make(chan struct{})}
		k.loads[key] = l
		// One caller going away must not fail the others.
		go k.runLoad(context.WithoutCancel(ctx), caller, key, l)
	}
	k.mu.Unlock()

	select {
	case <-l.done:
		if isShared && l.err == nil {
			k.noteUse(caller, key)
		}
		return l.value, l.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// noteUse says that a caller uses what another one loaded.
func (k *loadingCache[G, K, V]) noteUse(caller auth.CallerKey, key K) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lru.LookUp(caller, key)
}

func (k *loadingCache[G, K, V]) runLoad(ctx context.Context, caller auth.CallerKey, key K, l *load[V]) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout())
	defer cancel()
	value, bytes, err := k.fetchSafely(ctx, key)

	k.mu.Lock()
	defer k.mu.Unlock()
	l.value, l.err = value, err
	if !l.outdated {
		delete(k.loads, key)
		if err == nil && bytes > 0 {
			k.addEntry(caller, key, value, bytes)
		}
	}
	close(l.done)
}

// addEntry adds a loaded value. It runs under the lock.
func (k *loadingCache[G, K, V]) addEntry(caller auth.CallerKey, key K, value V, bytes int64) {
	g := k.groupOf(key)
	k.groups[g] = append(k.groups[g], key)
	if !k.lru.Add(caller, key, value, bytes) {
		k.removeFromGroup(key)
	}
}

// fetchSafely turns a panic into an error: a load runs on a goroutine of its own, where a panic
// would end the process.
func (k *loadingCache[G, K, V]) fetchSafely(ctx context.Context, key K) (value V, bytes int64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while loading %v: %v", key, r)
		}
	}()
	return k.fetch(ctx, key)
}

// forgetGroups drops what belongs to the groups, and what is being loaded for them.
func (k *loadingCache[G, K, V]) forgetGroups(groups map[G]struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for g := range groups {
		for _, key := range slices.Clone(k.groups[g]) { // dropping takes them out
			k.lru.Drop(key)
		}
	}
	for key, l := range k.loads {
		if _, ok := groups[k.groupOf(key)]; ok {
			l.outdated = true
			delete(k.loads, key)
		}
	}
}

// clearAll drops everything, and what is being loaded.
func (k *loadingCache[G, K, V]) clearAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lru.Clear()
	for _, l := range k.loads {
		l.outdated = true
	}
	clear(k.loads)
}

func (k *loadingCache[G, K, V]) currentUsage() Usage {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Usage{Bytes: k.lru.Bytes(), Entries: k.lru.Len(), Hits: k.hits, Misses: k.misses}
}
