package prompts

import (
	"encoding/base64"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/transport"
)

var someMark = searchPosition{skip: 23, after: &store.PageMark{
	Rank: 0.125, CreatedAt: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC), Key: store.Key{Namespace: "support", Name: "handover"},
}}

func TestParseSearchCursor(t *testing.T) {
	t.Parallel()
	for _, want := range []searchPosition{{}, {skip: 7}, {after: someMark.after}, someMark} {
		got, err := parseSearchCursor("search", want.encodeCursor("search"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(searchPosition{})); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

func TestParseSearchCursor_Refusals(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, cursor := range map[string]string{
		"another search's":     someMark.encodeCursor("other"),
		"not base64":           "%%%",
		"not ours":             encode("hello"),
		"a negative count":     encode("search/-1"),
		"too large a count":    encode("search/99999999999"),
		"a count with a zero":  encode("search/01"),
		"half a place":         encode("search/0/0/0/support"),
		"no rank":              encode("search/0/x/0/support/handover"),
		"a rank that is none":  encode("search/0/7fc00000/0/support/handover"),
		"an endless rank":      encode("search/0/7f800000/0/support/handover"),
		"a negative rank":      encode("search/0/bf800000/0/support/handover"),
		"no time":              encode("search/0/0/x/support/handover"),
		"a namespace of none":  encode("search/0/0/0/Support/handover"),
		"a name with a NUL":    encode("search/0/0/0/support/a\x00b"),
		"padding":              someMark.encodeCursor("search") + "=",
		"a capital hex number": encode("search/0/3E000000/0/support/handover"),
	} {
		if got, err := parseSearchCursor("search", cursor); err == nil {
			t.Errorf("%s was taken as %+v", name, got)
		}
	}
}

// FuzzParseSearchCursor: whatever a caller sends is refused, or is just what is given out for what it was read as.
func FuzzParseSearchCursor(f *testing.F) {
	f.Add(someMark.encodeCursor("search"))
	f.Add(searchPosition{skip: math.MaxInt32}.encodeCursor("search"))
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		m, err := parseSearchCursor("search", cursor)
		if err == nil && m.encodeCursor("search") != cursor {
			t.Errorf("%q was read as %+v, which is %q", cursor, m, m.encodeCursor("search"))
		}
	})
}

// FuzzParseListCursor is the same for the cursor of prompts/list, on the endpoint for all and on a narrow one.
func FuzzParseListCursor(f *testing.F) {
	f.Add(listCursor{pages: 1, after: store.Key{Namespace: "support", Name: "handover"}}.String(), "support")
	f.Add("", "")
	f.Add("MS8vLw==", "")
	f.Fuzz(func(t *testing.T, given, namespace string) {
		at, failure := parseListCursor(&transport.Call{Cursor: &given, Namespace: namespace})
		switch {
		case failure != nil || given == "":
		case at.String() != given:
			t.Errorf("%q was read as %+v, which is %q", given, at, at)
		case namespace != "" && at.after.Namespace != namespace:
			t.Errorf("a cursor of %s was taken at %s", at.after.Namespace, namespace)
		}
	})
}
