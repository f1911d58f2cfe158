package richtext

import (
	"crypto/rand"
	"strings"
)

// FrameUntrusted puts text that strangers wrote between two lines with a mark of its own, which nobody could know when the text
// was written: what claims in it that it is over is inside. The text is what ToMarkdown or Clean returned.
func FrameUntrusted(text string) string {
	mark := rand.Text()
	for strings.Contains(text, mark) {
		mark = rand.Text()
	}
	return "--- begin of untrusted text " + mark + " ---\n" + text + "\n--- end of untrusted text " + mark + " ---"
}
