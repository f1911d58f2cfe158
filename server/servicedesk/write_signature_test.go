package servicedesk

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/richtext"
)

// TestSignature_IsIn: a text bears the mark that it was signed with, and no word of anybody's is one.
func TestSignature_IsIn(t *testing.T) {
	t.Parallel()
	s := signature{caller: "anna", mark: "printe"}
	for text, want := range map[string]bool{
		richtext.FromMarkdown(s.of("It is solved")): true, s.of(""): true,
		"<p>The printer is on fire</p>": false, richtext.FromMarkdown(signature{mark: "oprint"}.of("printe")): false,
	} {
		if s.isIn(text) != want {
			t.Errorf("%q: %t, want %t", text, !want, want)
		}
	}
	if (signature{}).isIn("[]") {
		t.Error("what was not signed is found")
	}
}
