package prompt_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
)

func TestSimilarity(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b string
		want float64
	}{
		"equal texts":                          {"hand the ticket over", "hand the ticket over", 1},
		"case, punctuation and layout":         {"Hand the ticket over!", "hand  the\n\tticket: OVER", 1},
		"one of three runs is in both":         {"a b c d", "a b c e", 1.0 / 3},
		"a longer text around a shorter":       {"a b c d e f", "b c d", 1.0 / 4},
		"a run that repeats counts once":       {"a b c a b c a b c", "a b c a b", 1},
		"nothing in common":                    {"one two three", "four five six", 0},
		"the same words in another order":      {"one two three", "three two one", 0},
		"fewer words than a run, equal":        {"Hello, world", "hello world", 1},
		"fewer words than a run, not equal":    {"hello world", "hello", 0},
		"no words, equal":                      {"?!", "?!", 1},
		"no words, not equal":                  {"?!", "!?", 0},
		"no words and some":                    {"?!", "hello", 0},
		"nothing at all":                       {"", "", 1},
		"a script without blanks":              {"東京都庁舎", "東京都庁前", 0.5},
		"such a script beside one with them":   {"go 東京", "GO東京", 1},
		"digits and accents are part of words": {"v2 été naïve", "V2, ÉTÉ, NAÏVE", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := prompt.Similarity(tc.a, tc.b); math.Abs(got-tc.want) > 1e-12 {
				t.Errorf("Similarity(%q, %q) is %v, want %v", tc.a, tc.b, got, tc.want)
			}
		})
	}
}

// TestSimilarityBands_AreStable: the numbers are stored, and compared with those of another machine and release.
func TestSimilarityBands_AreStable(t *testing.T) {
	got := prompt.SimilarityBands("Hand the ticket over to the next shift.")
	want := [prompt.Bands]int64{
		-4837625478871077804, -1556786752595537913, 1266824218714007098, 3140880017971567703,
		5474786941144579585, -8336070875393539384, 1539910452302157661, 901453141614108354,
		-6128426187920866702, -469131723550563449, 1054180634815208991, 3004248860936475891,
		4208265497571582014, 6523578924128099762, -405273540392157089, -2633799187151826551,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bands (-want +got):\n%s", diff)
	}
}

// TestSimilarityBands_MeetForSimilarTexts: nearly equal texts share a band, texts that share little do not.
func TestSimilarityBands_MeetForSimilarTexts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const texts, length = 200, 200
	near, far := 0, 0
	for range texts {
		a := make([]string, length)
		for i := range a {
			a[i] = fmt.Sprint("w", random.IntN(5000))
		}
		b, c := strings.Fields(strings.Join(a, " ")), strings.Fields(strings.Join(a, " "))
		for range 4 { // each changes three runs of about 200
			b[random.IntN(length)] = "new"
		}
		for i := range c {
			if i%4 != 0 {
				c[i] = fmt.Sprint("x", random.IntN(5000))
			}
		}
		original := strings.Join(a, " ")
		if shared(original, strings.Join(b, " ")) > 0 {
			near++
		}
		if shared(original, strings.Join(c, " ")) > 0 {
			far++
		}
	}
	if near < texts || far > 0 {
		t.Errorf("of %d texts %d share a band with a near copy and %d with a stranger, want all and none", texts, near, far)
	}
}

func shared(a, b string) int {
	in := map[int64]bool{}
	for _, band := range prompt.SimilarityBands(a) {
		in[band] = true
	}
	n := 0
	for _, band := range prompt.SimilarityBands(b) {
		if in[band] {
			n++
		}
	}
	return n
}

func FuzzSimilarity(f *testing.F) {
	f.Add("hand the ticket over", "Hand the ticket over!")
	f.Add("", "?!")
	f.Add("東京都庁舎 a b", "\xff\x00")
	f.Fuzz(func(t *testing.T, a, b string) {
		s := prompt.Similarity(a, b)
		if s < 0 || s > 1 || math.IsNaN(s) {
			t.Errorf("Similarity(%q, %q) is %v", a, b, s)
		}
		if back := prompt.Similarity(b, a); back != s {
			t.Errorf("Similarity(%q, %q) is %v one way and %v the other", a, b, s, back)
		}
		if self := prompt.Similarity(a, a); self != 1 {
			t.Errorf("Similarity of %q with itself is %v", a, self)
		}
		if s == 1 && prompt.SimilarityBands(a) != prompt.SimilarityBands(b) {
			t.Errorf("%q and %q are the same and have other bands", a, b)
		}
	})
}

func BenchmarkSimilarityBands(b *testing.B) {
	for _, words := range []int{250, 25_000} {
		var text strings.Builder
		for i := range words {
			fmt.Fprintf(&text, "w%d ", i%997)
		}
		b.Run(fmt.Sprint(words, " words"), func(b *testing.B) {
			for b.Loop() {
				prompt.SimilarityBands(text.String())
			}
		})
	}
}
