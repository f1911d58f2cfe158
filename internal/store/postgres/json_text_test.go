package postgres

import (
	"encoding/json"
	"testing"
)

// TestMarshalJSON: what is read again is what was written, without an escape of a character beyond ASCII.
func TestMarshalJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":            `"plain"`,
		"a\u2028b\u2029":   "\"a\u2028b\u2029\"",
		`\u2028`:           `"\\u2028"`,
		"\\\u2028\\u2029":  "\"\\\\\u2028\\\\u2029\"",
		"\"\\\\\u2028\t<é": "\"\\\"\\\\\\\\\u2028\\t\\u003cé\"",
	} {
		got, err := marshalJSON(text)
		var again string
		if err != nil || string(got) != want || json.Unmarshal(got, &again) != nil || again != text {
			t.Errorf("%q is written as %s, %v, and read as %q; want %s", text, got, err, again, want)
		}
	}
}
