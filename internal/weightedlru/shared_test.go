package weightedlru_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lectern-dev/lectern/internal/weightedlru"
)

// shared is a cache whose values are their keys.
type shared = weightedlru.Shared[string, string, string]

func newShared(capacity int64) *shared {
	return weightedlru.NewShared[string, string, string](capacity, func(string) {})
}

func addAll(s *shared, owner, prefix string, count int) {
	for i := range count {
		key := fmt.Sprint(prefix, i)
		s.Add(owner, key, key, 1)
	}
}

// countHeld returns how many of somebody's keys are held, without their being used.
func countHeld(s *shared, owner, prefix string, count int) (held int) {
	for i := range count {
		if _, ok := s.LookUp(owner, fmt.Sprint(prefix, i)); ok {
			held++
		}
	}
	return held
}

func TestShared_NobodyLosesToWhoHasMore(t *testing.T) {
	t.Parallel()
	s := newShared(1000)
	addAll(s, "normal", "n", 100)
	addAll(s, "greedy", "g", 5000)
	if got := countHeld(s, "normal", "n", 100); got != 100 {
		t.Errorf("of the normal caller's 100 values %d are left", got)
	}
	if s.Bytes() != 1000 || s.Len() != 1000 {
		t.Errorf("%d bytes, %d values", s.Bytes(), s.Len())
	}
}

// TestShared_WhatIsLeftIsUsed: alone, one owner has everything, and gives it back as others come.
func TestShared_WhatIsLeftIsUsed(t *testing.T) {
	t.Parallel()
	s := newShared(1000)
	addAll(s, "greedy", "g", 5000)
	if got := s.Len(); got != 1000 {
		t.Errorf("%d values of one owner alone", got)
	}
	addAll(s, "second", "s", 5000)
	if got := countHeld(s, "greedy", "g", 5000); got != 500 {
		t.Errorf("of two who want all, one has %d", got)
	}
	for key := range 500 { // those of the first are the ones used last
		if _, ok := s.LookUp("greedy", fmt.Sprint("g", 4500+key)); !ok {
			t.Fatalf("g%d is gone", 4500+key)
		}
	}
}

// TestShared_WhatOthersUseStays: a greedy owner who loads what another uses, before or after them, cannot push it out.
func TestShared_WhatOthersUseStays(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*shared){
		"the greedy one was first": func(s *shared) {
			addAll(s, "greedy", "n", 100)
			countHeld(s, "normal", "n", 100)
		},
		"the greedy one reads it too": func(s *shared) {
			addAll(s, "normal", "n", 100)
			countHeld(s, "greedy", "n", 100)
		},
	} {
		s := newShared(1000)
		prepare(s)
		addAll(s, "greedy", "g", 5000)
		if got := countHeld(s, "normal", "n", 100); got != 100 {
			t.Errorf("%s: of the normal caller's 100 values %d are left", name, got)
		}
	}
}

func TestShared_Add(t *testing.T) {
	t.Parallel()
	s := newShared(10)
	if s.Add("a", "large", "large", 11) || s.Len() != 0 {
		t.Error("a value that is larger than all is in")
	}
	if !s.Add("a", "all", "all", 10) || !s.Add("b", "one", "one", 1) {
		t.Error("a value that fits is not in")
	}
	if _, ok := s.LookUp("a", "all"); ok || s.Bytes() != 1 {
		t.Errorf("the largest owner has not given way: %d bytes", s.Bytes())
	}
}

// TestShared_Random holds the sums while owners do anything.
func TestShared_Random(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	held := map[string]int64{}
	s := weightedlru.NewShared[string, string, string](500, func(key string) {
		if _, ok := held[key]; !ok {
			t.Errorf("%s is dropped, and was not held", key)
		}
		delete(held, key)
	})
	for range 50_000 {
		owner, key := fmt.Sprint("o", random.IntN(20)), fmt.Sprint("k", random.IntN(300))
		switch random.IntN(10) {
		case 0:
			s.Drop(key)
		case 1:
			if random.IntN(500) == 0 {
				s.Clear()
			}
		default:
			if _, ok := s.LookUp(owner, key); !ok {
				bytes := random.Int64N(20)
				held[key] = bytes
				s.Add(owner, key, key, bytes)
			}
		}
		var sum int64
		for _, bytes := range held {
			sum += bytes
		}
		if s.Bytes() != sum || s.Len() != len(held) || sum > 500 {
			t.Fatalf("%d bytes of %d values; want %d of %d", s.Bytes(), s.Len(), sum, len(held))
		}
	}
}
