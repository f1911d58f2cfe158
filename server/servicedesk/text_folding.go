package servicedesk

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
)

// foldText returns a text as it is compared: without case and accents, which databases below ServiceDesk Plus may disregard.
func foldText(text string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	return strings.ToLower(plain)
}

// descriptionText returns what words may be found in: a description as people read it, and as it is written.
func descriptionText(r *sdp.Request) string {
	read, err := richtext.ToMarkdown(r.DescriptionHTML)
	if err != nil {
		read = ""
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(read, `\`, "")), " ") + "\n" + r.DescriptionHTML
}
