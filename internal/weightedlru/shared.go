package weightedlru

import (
	"container/heap"
	"container/list"
	"slices"
)

// maxUsers is how many users of a value are remembered beside its owner.
const maxUsers = 4

// Shared is a Cache of several owners, each of whom can fill what the others leave. When it is full, the owner with the most
// bytes gives up what they used least recently, so that nobody loses anything to another who has more. What others use too
// goes to one of them first. It is not safe for concurrent use.
type Shared[O, K comparable, V any] struct {
	entries  map[K]*sharedEntry[O, K, V]
	owners   map[O]*owner[O]
	heaviest ownerHeap[O]
	bytes    int64
	capacity int64
	dropped  func(K)
}

// sharedEntry is a value, in the list of its owner.
type sharedEntry[O, K comparable, V any] struct {
	key   K
	value V
	bytes int64
	owner *owner[O]
	// users are others who looked it up, the latest last.
	users []O
	place *list.Element
}

// owner is whoever has entries: the least recently used are last in recent.
type owner[O comparable] struct {
	id     O
	bytes  int64
	recent list.List
	// index is the place in the heap.
	index int
}

// ownerHeap has the owner with the most bytes first.
type ownerHeap[O comparable] []*owner[O]

func (h ownerHeap[O]) Len() int           { return len(h) }
func (h ownerHeap[O]) Less(i, j int) bool { return h[i].bytes > h[j].bytes }
func (h ownerHeap[O]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *ownerHeap[O]) Push(x any) {
	o := x.(*owner[O]) //nolint:forcetypeassert // nothing else is pushed
	o.index = len(*h)
	*h = append(*h, o)
}

func (h *ownerHeap[O]) Pop() any {
	last := len(*h) - 1
	o := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return o
}

// NewShared returns an empty cache. dropped is called with each key that leaves it.
func NewShared[O, K comparable, V any](capacity int64, dropped func(K)) *Shared[O, K, V] {
	return &Shared[O, K, V]{
		entries: make(map[K]*sharedEntry[O, K, V]), owners: make(map[O]*owner[O]), capacity: capacity, dropped: dropped,
	}
}

// LookUp returns the value under a key for one of its users, and it is then the most recently used of its owner.
func (s *Shared[O, K, V]) LookUp(user O, key K) (V, bool) {
	e := s.entries[key]
	if e == nil {
		var none V
		return none, false
	}
	e.owner.recent.MoveToFront(e.place)
	if user != e.owner.id && !slices.Contains(e.users, user) {
		if len(e.users) == maxUsers {
			e.users = slices.Delete(e.users, 0, 1)
		}
		e.users = append(e.users, user)
	}
	return e.value, true
}

// Add places a value under a key that is not there, and returns false when it alone is larger than the capacity.
func (s *Shared[O, K, V]) Add(user O, key K, value V, bytes int64) bool {
	if bytes > s.capacity {
		return false
	}
	e := &sharedEntry[O, K, V]{key: key, value: value, bytes: bytes}
	s.entries[key] = e
	s.bytes += bytes
	s.give(e, user)
	for s.bytes > s.capacity {
		s.shrink()
	}
	return true
}

// shrink takes from the owner with the most bytes what they used least recently. It goes to a user who has less, or it goes.
func (s *Shared[O, K, V]) shrink() {
	heaviest := s.heaviest[0]
	e := heaviest.recent.Back().Value.(*sharedEntry[O, K, V]) //nolint:forcetypeassert // nothing else is in it
	for len(e.users) > 0 {
		user := e.users[len(e.users)-1]
		e.users = e.users[:len(e.users)-1]
		if other := s.owners[user]; other == nil || other.bytes+e.bytes < heaviest.bytes {
			s.take(e)
			s.give(e, user)
			return
		}
	}
	s.Drop(e.key)
}

// give makes an entry somebody's.
func (s *Shared[O, K, V]) give(e *sharedEntry[O, K, V], id O) {
	o := s.owners[id]
	if o == nil {
		o = &owner[O]{id: id}
		s.owners[id] = o
		heap.Push(&s.heaviest, o)
	}
	e.owner, e.place = o, o.recent.PushFront(e)
	o.bytes += e.bytes
	heap.Fix(&s.heaviest, o.index)
}

// take makes an entry nobody's.
func (s *Shared[O, K, V]) take(e *sharedEntry[O, K, V]) {
	o := e.owner
	o.recent.Remove(e.place)
	o.bytes -= e.bytes
	if o.recent.Len() == 0 {
		heap.Remove(&s.heaviest, o.index)
		delete(s.owners, o.id)
		return
	}
	heap.Fix(&s.heaviest, o.index)
}

// Drop removes a key.
func (s *Shared[O, K, V]) Drop(key K) {
	e := s.entries[key]
	if e == nil {
		return
	}
	s.take(e)
	delete(s.entries, key)
	s.bytes -= e.bytes
	s.dropped(key)
}

// Clear removes all keys.
func (s *Shared[O, K, V]) Clear() {
	for key := range s.entries {
		s.Drop(key)
	}
}

// Len returns how many values there are.
func (s *Shared[O, K, V]) Len() int { return len(s.entries) }

// Bytes returns what the values weigh together.
func (s *Shared[O, K, V]) Bytes() int64 { return s.bytes }
