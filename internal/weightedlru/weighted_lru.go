// Package weightedlru keeps values in memory up to a number of bytes.
//
// It knows nothing of what it holds. Its invariant: the weights of what is in it never come to more than its capacity.
package weightedlru

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Cache holds values up to a number of bytes and drops the least recently used first. It is not
// safe for concurrent use.
type Cache[K comparable, V any] struct {
	lru      *simplelru.LRU[K, entry[V]]
	bytes    int64
	capacity int64
}

type entry[V any] struct {
	value V
	bytes int64
}

// New returns an empty cache. dropped is called with each key that leaves it.
func New[K comparable, V any](capacity int64, dropped func(K)) *Cache[K, V] {
	s := &Cache[K, V]{capacity: capacity}
	lru, err := simplelru.NewLRU(math.MaxInt, func(key K, p entry[V]) {
		s.bytes -= p.bytes
		dropped(key)
	})
	if err != nil {
		panic(err) // only a size below one is refused
	}
	s.lru = lru
	return s
}

// LookUp returns the value under a key, which is then the most recently used.
func (s *Cache[K, V]) LookUp(key K) (V, bool) {
	p, ok := s.lru.Get(key)
	return p.value, ok
}

// Add places a value under a key that is not there, and returns false when it alone is larger than the capacity.
func (s *Cache[K, V]) Add(key K, value V, bytes int64) bool {
	if bytes > s.capacity {
		return false
	}
	s.lru.Add(key, entry[V]{value: value, bytes: bytes})
	s.bytes += bytes
	for s.bytes > s.capacity {
		s.lru.RemoveOldest()
	}
	return true
}

// Drop removes a key.
func (s *Cache[K, V]) Drop(key K) { s.lru.Remove(key) }

// Clear removes all keys.
func (s *Cache[K, V]) Clear() { s.lru.Purge() }

// Len returns how many values there are.
func (s *Cache[K, V]) Len() int { return s.lru.Len() }

// Bytes returns what the values weigh together.
func (s *Cache[K, V]) Bytes() int64 { return s.bytes }
