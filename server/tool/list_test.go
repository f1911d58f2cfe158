package tool

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestList(t *testing.T) {
	t.Parallel()
	type taken struct {
		Fits []bool
		Text string
	}
	rows := []any{map[string]string{"a": "0123456789"}, "0123456789", "0123456789", "01"}
	const first = "{\n    \"a\": \"0123456789\"\n  }"
	for name, tc := range map[string]struct {
		tokens int
		rows   []any
		want   taken
	}{
		"nothing":                         {10, nil, taken{nil, "[]"}},
		"any number":                      {0, rows, taken{[]bool{true, true, true, true}, "[\n  " + first + ",\n  \"0123456789\",\n  \"0123456789\",\n  \"01\"\n]"}},
		"the first is taken always":       {1, rows, taken{[]bool{true, false, false, false}, "[\n  " + first + "\n]"}},
		"two, and no room for others":     {14, rows, taken{[]bool{true, true, false, false}, "[\n  " + first + ",\n  \"0123456789\"\n]"}},
		"a short one after one too many":  {16, rows, taken{[]bool{true, true, false, true}, "[\n  " + first + ",\n  \"0123456789\",\n  \"01\"\n]"}},
		"characters are counted, no byte": {5, []any{"ä", "äöü"}, taken{[]bool{true, true}, "[\n  \"ä\",\n  \"äöü\"\n]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := NewList(tc.tokens)
			var got taken
			for _, row := range tc.rows {
				fits, err := list.Append(row)
				if err != nil {
					t.Fatal(err)
				}
				got.Fits = append(got.Fits, fits)
			}
			got.Text = list.Text()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// ownWriter is a row that writes itself.
type ownWriter string

func (w ownWriter) AppendIndented(b []byte, _ string) []byte {
	return AppendString(b, string(w), JavaScript)
}
func (w ownWriter) AppendJSON(b []byte) []byte { return AppendString(b, string(w), HTML) }

// TestList_Text: what was written before stays as it is when its buffer is used again.
func TestList_Text(t *testing.T) {
	t.Parallel()
	const others = 100
	for range others {
		list := NewList(0)
		if _, err := list.Append(ownWriter("first")); err != nil {
			t.Fatal(err)
		}
		text := list.Text()
		alone, err := IndentJSON(ownWriter("second"), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := IndentJSON(ownWriter("and what overwrites both"), ""); err != nil {
			t.Fatal(err)
		}
		const want = "[\n  \"first\"\n]"
		if text != want || list.Text() != want || alone != `"second"` {
			t.Fatalf("got %q, again %q, and %q", text, list.Text(), alone)
		}
	}
}

func TestDecodeCursor(t *testing.T) {
	t.Parallel()
	list := Fingerprint("search", "words")
	cursor := EncodeCursor(list, "23", "support", "")
	fields, err := DecodeCursor(list, cursor)
	if diff := cmp.Diff([]string{"23", "support", ""}, fields); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for name, given := range map[string]string{
		"another list's": EncodeCursor(Fingerprint("search", "word"), "23"),
		"not base64":     "%%%",
		"nobody's":       base64.RawURLEncoding.EncodeToString([]byte("hello")),
		"with padding":   cursor + "=",
		"on two lines":   cursor[:4] + "\n" + cursor[4:],
		"empty":          "",
	} {
		if fields, err := DecodeCursor(list, given); err == nil {
			t.Errorf("%s was read as %q", name, fields)
		}
	}
}
