package prompts

import "testing"

func TestSelectMostFrequent(t *testing.T) {
	t.Parallel()
	counts := map[string]int64{"rare": 1, "often": 9, "also": 9, "some": 3}
	room := len("often") + len("also") + 2*countRow
	most, others, left := selectMostFrequent(counts, room)
	if len(most) != 2 || most["often"] != 9 || most["also"] != 9 || others != 2 || left != 0 {
		t.Errorf("%v and %d others, %d characters left", most, others, left)
	}
	if most, others, left := selectMostFrequent(counts, 1000); len(most) != 4 || others != 0 || left <= 0 {
		t.Errorf("%v and %d others, %d characters left", most, others, left)
	}
}
