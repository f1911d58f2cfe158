package tool

import (
	"bytes"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestSealNumber: a number comes back to who has the key, for the same use, and looks different each time.
func TestSealNumber(t *testing.T) {
	t.Parallel()
	key, another := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	sealed, err := SealNumber(key, "list", 1_000_000)
	require.NoError(t, err)
	if number, err := OpenNumber(key, "list", sealed); err != nil || number != 1_000_000 {
		t.Errorf("it opens as %d, %v", number, err)
	}
	again, err := SealNumber(key, "list", 1_000_000)
	require.NoError(t, err)
	if again == sealed || len(again) != len(sealed) {
		t.Errorf("the same number is sealed as %s and %s", sealed, again)
	}
	names, err := SealNames(key, "list", [2]string{"a", "b"})
	require.NoError(t, err)
	for what, tc := range map[string]struct {
		key         []byte
		use, sealed string
	}{
		"another key": {another, "list", sealed}, "another use": {key, "others", sealed}, "names": {key, "list", names}, "nothing": {key, "list", ""},
		"a plain number": {key, "list", "26"},
	} {
		if _, err := OpenNumber(tc.key, tc.use, tc.sealed); err != ErrCursor {
			t.Errorf("%s opens: %v", what, err)
		}
	}
}
