package prompt

import (
	"hash/fnv"
	"math"
	"strings"
	"unicode"
)

const (
	// shingle is how many words in a row are compared as one. Two prompts about the same thing share words;
	// only copies share runs of them.
	shingle = 3
	// Bands is how many numbers a text has in an index of near-duplicates, each made of bandHashes
	// min-hashes. Two texts of similarity s share one with probability 1-(1-s⁴)¹⁶: 0.9998 at 0.8, 0.64 at 0.5.
	Bands      = 16
	bandHashes = 4
)

// Similarity computes how much of the texts is the same, from 0 to 1: the runs of three words that are in both, of
// those that are in either. Case, punctuation and layout do not count, unless there is nothing else.
func Similarity(a, b string) float64 { return SimilarityTo(a)(b) }

// SimilarityTo prepares Similarity with one text, which is taken apart once.
func SimilarityTo(a string) func(b string) float64 {
	of := wordRuns(a)
	return func(b string) float64 {
		in := wordRuns(b)
		both := 0
		for s := range in {
			if _, shared := of[s]; shared {
				both++
			}
		}
		return float64(both) / float64(len(of)+len(in)-both)
	}
}

// SimilarityBands computes numbers of which similar texts have some in common, at the same place or not, and other
// texts hardly any: what an index is asked before Similarity is. They are the same on every machine.
func SimilarityBands(text string) [Bands]int64 {
	var least [Bands * bandHashes]uint64
	for i := range least {
		least[i] = math.MaxUint64
	}
	for s := range wordRuns(text) {
		hash := fnv.New64a()
		hash.Write([]byte(s))
		sum := hash.Sum64()
		for i := range least {
			least[i] = min(least[i], mixHash(sum+uint64(i)*golden))
		}
	}
	var bands [Bands]int64
	for band := range bands {
		sum := mixHash(uint64(band))
		for _, hash := range least[band*bandHashes : (band+1)*bandHashes] {
			sum = mixHash(sum ^ hash)
		}
		bands[band] = int64(sum) //nolint:gosec // all 64 bits, as Postgres has them
	}
	return bands
}

// golden and mix are those of SplitMix64: a hash function for each multiple of golden.
const golden = 0x9e3779b97f4a7c15

func mixHash(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// wordRuns lists the runs of words in a text. One of fewer words is a run by itself, and so is one of no words at
// all, as it stands: two of those are similar when they are equal.
func wordRuns(text string) map[string]struct{} {
	joined, ends := splitWords(text)
	if len(ends) == 0 {
		return map[string]struct{}{text: {}}
	}
	runs := make(map[string]struct{}, len(ends))
	start := 0
	for i := min(shingle, len(ends)) - 1; i < len(ends); i++ {
		runs[joined[start:ends[i]]] = struct{}{}
		if next := i - shingle + 1; next >= 0 {
			start = ends[next] + 1
		}
	}
	return runs
}

// splitWords lists those of a text in lower case with a blank between two, and where each ends. A letter of a script
// written without blanks is a word.
func splitWords(text string) (joined string, ends []int) {
	var b strings.Builder
	b.Grow(len(text))
	within := false
	for _, r := range text {
		alone := unicode.In(r, unbroken...)
		if within && (alone || !inWord(r)) {
			ends = append(ends, b.Len())
			within = false
		}
		if !inWord(r) {
			continue
		}
		if !within && len(ends) > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
		within = true
		if alone {
			ends = append(ends, b.Len())
			within = false
		}
	}
	if within {
		ends = append(ends, b.Len())
	}
	return b.String(), ends
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

var unbroken = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}
