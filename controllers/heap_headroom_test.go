package controllers

import "testing"

func TestHeapGrowth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		live uint64
		want int
	}{
		"nothing is known yet":        {0, 100},
		"a small heap grows as usual": {8 << 20, 100},
		"one of 24 MiB by 12":         {24 << 20, 50},
		"a large one by a fifth":      {200 << 20, 20},
	} {
		t.Run(name, func(t *testing.T) {
			if got := heapGrowth(tc.live); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}
