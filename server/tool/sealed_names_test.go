package tool

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func TestSealNames(t *testing.T) {
	t.Parallel()
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	long := strings.Repeat("x", 63)
	seen := map[string]bool{}
	lengths := map[int]bool{}
	for _, names := range [][2]string{{}, {"", "b"}, {"a", ""}, {"support", "treasury"}, {long, long}} {
		for range 3 {
			sealed, err := SealNames(key, "a list", names)
			if err != nil {
				t.Fatal(err)
			}
			if seen[sealed] {
				t.Errorf("%v is sealed twice alike", names)
			}
			seen[sealed], lengths[len(sealed)] = true, true
			raw, err := base64.RawURLEncoding.DecodeString(sealed)
			if err != nil || strings.Contains(sealed, "/") {
				t.Errorf("%q is no field of a cursor: %v", sealed, err)
			}
			for _, name := range names {
				if len(name) > 3 && bytes.Contains(raw, []byte(name)) {
					t.Errorf("%s can be read", name)
				}
			}
			if opened, err := OpenNames(key, "a list", sealed); err != nil || opened != names {
				t.Errorf("%v opens as %v, %v", names, opened, err)
			}
			if _, err := OpenNames(key, "another list", sealed); !errors.Is(err, ErrCursor) {
				t.Errorf("for another use: %v", err)
			}
			if _, err := OpenNames(other, "a list", sealed); !errors.Is(err, ErrCursor) {
				t.Errorf("with another key: %v", err)
			}
			raw[len(raw)-1] ^= 1
			if _, err := OpenNames(key, "a list", base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, ErrCursor) {
				t.Errorf("changed: %v", err)
			}
		}
	}
	if len(lengths) != 1 {
		t.Errorf("lengths differ: %v", lengths)
	}
	for _, garbage := range []string{"", "AAAA", "!", strings.Repeat("A", 300)} {
		if _, err := OpenNames(key, "a list", garbage); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: %v", garbage, err)
		}
	}
	if _, err := SealNames(key, "a list", [2]string{long + "x"}); err == nil {
		t.Error("a name that is too long is sealed")
	}
}
