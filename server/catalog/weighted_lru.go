package catalog

import (
	"math"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// weightedLRU holds values up to a number of bytes and drops the least recently used first. It is not
// safe for concurrent use.
type weightedLRU[K comparable, V any] struct {
	lru      *simplelru.LRU[K, lruEntry[V]]
	bytes    int64
	capacity int64
}

type lruEntry[V any] struct {
	value V
	bytes int64
}

func newWeightedLRU[K comparable, V any](capacity int64, dropped func(K)) *weightedLRU[K, V] {
	s := &weightedLRU[K, V]{capacity: capacity}
	lru, err := simplelru.NewLRU(math.MaxInt, func(key K, p lruEntry[V]) {
		s.bytes -= p.bytes
		dropped(key)
	})
	if err != nil {
		panic(err) // only a size below one is refused
	}
	s.lru = lru
	return s
}

func (s *weightedLRU[K, V]) lookUp(key K) (V, bool) {
	p, ok := s.lru.Get(key)
	return p.value, ok
}

// add places a value under a key that is not there, and returns false when it alone is larger than the capacity.
func (s *weightedLRU[K, V]) add(key K, value V, bytes int64) bool {
	if bytes > s.capacity {
		return false
	}
	s.lru.Add(key, lruEntry[V]{value: value, bytes: bytes})
	s.bytes += bytes
	for s.bytes > s.capacity {
		s.lru.RemoveOldest()
	}
	return true
}

func (s *weightedLRU[K, V]) drop(key K) { s.lru.Remove(key) }

func (s *weightedLRU[K, V]) clear() { s.lru.Purge() }

func (s *weightedLRU[K, V]) len() int { return s.lru.Len() }
