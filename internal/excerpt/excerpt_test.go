package excerpt

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTruncate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text       string
		characters int
		want       string
	}{{"", 0, ""}, {"ab", 2, "ab"}, {"äöü", 2, "äö…"}, {"a", 0, "…"}, {"a\xffb", 2, "a\xff…"}} {
		if got := Truncate(tc.text, tc.characters); got != tc.want {
			t.Errorf("%q, %d: %q, not %q", tc.text, tc.characters, got, tc.want)
		}
	}
}

func TestTruncateBytes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "abc", "é", strings.Repeat("é", 100), strings.Repeat("🙂", 100), "a" + strings.Repeat("語", 50)} {
		for limit := 3; limit < 40; limit++ {
			got := TruncateBytes(text, limit)
			if len(got) > limit || !utf8.ValidString(got) || len(text) <= limit && got != text || len(text) > limit && !strings.HasPrefix(text, strings.TrimSuffix(got, "…")) {
				t.Errorf("%q in %d bytes is %q", text, limit, got)
			}
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	names := strings.Split(strings.Repeat("n", 1000), "")
	for n, want := range map[int]string{
		0: "", 1: "n", 3: "n, n, n", 11: strings.Repeat("n, ", 10) + "n", 12: strings.Repeat("n, ", 10) + "and 2 more", 1000: strings.Repeat("n, ", 10) + "and 990 more",
	} {
		if got := List(names[:n], ", "); got != want {
			t.Errorf("%d names: %q, not %q", n, got, want)
		}
	}
	if got := List([]string{strings.Repeat("x", 5000)}, ", "); len(got) > 210 {
		t.Errorf("a long name takes %d bytes", len(got))
	}
}
