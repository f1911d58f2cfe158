package prompts

import (
	"context"
	"encoding/base64"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

var someMark = searchPosition{skip: 23, after: &store.PageMark{
	Rank: 0.125, CreatedAt: time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC), Key: store.Key{Namespace: "support", Name: "handover"},
}}

// keyed is a catalog that has only the key of cursors.
type keyed struct {
	Catalog
	key []byte
}

func (k keyed) CursorKey() ([]byte, error) { return k.key, nil }

// sealing is a service that makes and reads cursors, for a caller.
var (
	sealing = &Service{catalog: keyed{key: make([]byte, 32)}}
	caller  = auth.WithIdentity(context.Background(), auth.Identity{Subject: "anna"})
)

func encodeSearch(tb testing.TB, search string, p searchPosition) string {
	tb.Helper()
	cursor, err := sealing.encodeSearchCursor(caller, search, p)
	require.NoError(tb, err)
	return cursor
}

func TestParseSearchCursor(t *testing.T) {
	t.Parallel()
	inWindow := someMark
	inWindow.window, inWindow.before = namespaceRange{from: "hidden", until: "secret"}, 40
	for _, want := range []searchPosition{
		{}, {skip: 7}, {after: someMark.after}, someMark, inWindow, {window: namespaceRange{until: "secret"}}, {window: namespaceRange{from: "hidden"}, skip: 2, before: 1},
	} {
		got, err := sealing.parseSearchCursor(caller, "search", encodeSearch(t, "search", want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(searchPosition{}, namespaceRange{})); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// TestParseSearchCursor_Windows: a window opens only where it was sealed: for the same search, caller and place, by a server of the
// same database.
func TestParseSearchCursor_Windows(t *testing.T) {
	t.Parallel()
	position := searchPosition{skip: 3, window: namespaceRange{from: "hidden"}, before: 40}
	cursor := encodeSearch(t, "search", position)
	if raw, _ := base64.RawURLEncoding.DecodeString(cursor); strings.Contains(string(raw), "hidden") {
		t.Errorf("%s names a namespace", raw)
	}
	fields, err := tool.DecodeCursor("search", cursor)
	require.NoError(t, err)
	other := &Service{catalog: keyed{key: []byte(strings.Repeat("k", 32))}}
	replica := &Service{catalog: keyed{key: make([]byte, 32)}}
	for name, tc := range map[string]struct {
		service *Service
		ctx     context.Context //nolint:containedctx // a table's
		cursor  string
		opens   bool
	}{
		"another replica's":  {replica, caller, cursor, true},
		"another database's": {other, caller, cursor, false},
		"another caller's":   {sealing, auth.WithIdentity(context.Background(), auth.Identity{Subject: "bert"}), cursor, false},
		"another count":      {sealing, caller, tool.EncodeCursor("search", "3", "41", fields[2]), false},
		"another place":      {sealing, caller, tool.EncodeCursor("search", "4", "40", fields[2]), false},
		"another search's":   {sealing, caller, tool.EncodeCursor("search2", fields...), false},
	} {
		got, err := tc.service.parseSearchCursor(tc.ctx, "search", tc.cursor)
		if tc.opens != (err == nil) || tc.opens && got != position {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestParseSearchCursor_Refusals(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for name, cursor := range map[string]string{
		"another search's":     encodeSearch(t, "other", someMark),
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
		"padding":              encodeSearch(t, "search", someMark) + "=",
		"a window of nobody":   encode("search/0/0/AAAA"),
		"a capital hex number": encode("search/0/3E000000/0/support/handover"),
	} {
		if got, err := sealing.parseSearchCursor(caller, "search", cursor); err == nil {
			t.Errorf("%s was taken as %+v", name, got)
		}
	}
}

// FuzzParseSearchCursor: whatever a caller sends is refused, or is just what is given out for what it was read as.
func FuzzParseSearchCursor(f *testing.F) {
	f.Add(encodeSearch(f, "search", someMark))
	f.Add(encodeSearch(f, "search", searchPosition{skip: math.MaxInt32}))
	f.Add(encodeSearch(f, "search", searchPosition{window: namespaceRange{from: "a"}}))
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		m, err := sealing.parseSearchCursor(caller, "search", cursor)
		if err == nil && m.window == (namespaceRange{}) && encodeSearch(t, "search", m) != cursor {
			t.Errorf("%q was read as %+v, which is %q", cursor, m, encodeSearch(t, "search", m))
		}
	})
}

// FuzzParseListCursor is the same for the cursor of prompts/list, on the endpoint for all and on a narrow one.
func FuzzParseListCursor(f *testing.F) {
	encodeList := func(tb testing.TB, namespace string, at listCursor) string {
		tb.Helper()
		cursor, err := sealing.encodeListCursor(caller, namespace, at)
		require.NoError(tb, err)
		return string(cursor)
	}
	f.Add(encodeList(f, "support", listCursor{pages: 1, after: store.Key{Namespace: "support", Name: "handover"}}), "support")
	f.Add(encodeList(f, "", listCursor{pages: 1, after: store.Key{Namespace: "hidden"}}), "")
	f.Add("", "")
	f.Add(tool.EncodeCursor(listFingerprint(""), "1", "", ""), "")
	f.Fuzz(func(t *testing.T, given, namespace string) {
		at, err := sealing.parseListCursor(caller, &transport.Call{Cursor: &given, Namespace: namespace})
		switch {
		case err != nil || given == "":
		case at.after.Name != "" && encodeList(t, namespace, at) != given:
			t.Errorf("%q was read as %+v, which is %q", given, at, encodeList(t, namespace, at))
		case at.after.Name != "" && namespace != "" && at.after.Namespace != namespace:
			t.Errorf("a cursor of %s was taken at %s", at.after.Namespace, namespace)
		}
	})
}
