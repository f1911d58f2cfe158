package prompt

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"
)

// Difference is what two versions of a prompt do not have in common.
type Difference struct {
	// Unified is a unified diff of the texts as written, ending with a newline, or empty when they are equal.
	Unified string
	// Cut is how many lines of it were left out at the end.
	Cut int
	// Fields are those that differ, in the order of a Document, under their names in its JSON; the texts are
	// messages.
	Fields []string
}

// Diff compares two versions under the names a reader knows them by. The unified diff has at most so many
// lines and characters, whole lines only.
func Diff(from, to *Document, fromName, toName string, lines, characters int) (Difference, error) {
	d := Difference{Fields: changedFields(from, to)}
	before, after := formatTranscript(from), formatTranscript(to)
	if before == after {
		return d, nil
	}
	unified, err := udiff.ToUnified(fromName, toName, before, udiff.Lines(before, after), udiff.DefaultContextLines)
	if err != nil {
		return Difference{}, fmt.Errorf("compare the texts: %w", err)
	}
	d.Unified, d.Cut = keepLines(unified, lines, characters)
	return d, nil
}

func changedFields(from, to *Document) []string {
	var changed []string
	for _, field := range []struct {
		name  string
		equal bool
	}{
		{"syntax", from.Syntax == to.Syntax},
		{"title", from.Title == to.Title},
		{"description", from.Description == to.Description},
		{"category", from.Category == to.Category},
		{"tags", slices.Equal(from.Tags, to.Tags)},
		{"metadata", bytes.Equal(from.Metadata, to.Metadata)},
		{"arguments", reflect.DeepEqual(from.Arguments, to.Arguments)},
		{"messages", slices.Equal(from.AsWritten(), to.AsWritten())},
	} {
		if !field.equal {
			changed = append(changed, field.name)
		}
	}
	return changed
}

// formatTranscript writes the texts as written: the only one of a user as it is, a conversation with who speaks.
func formatTranscript(d *Document) string {
	written := d.AsWritten()
	if len(written) == 1 && written[0].Role == User {
		return written[0].Text
	}
	var b strings.Builder
	for i, m := range written {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "[%s]\n%s\n", m.Role, m.Text)
	}
	return b.String()
}

// keepLines keeps whole lines, and counts the others.
func keepLines(text string, lines, characters int) (kept string, cut int) {
	end := 0
	for line := range strings.Lines(text) {
		characters -= utf8.RuneCountInString(line)
		if lines--; lines < 0 || characters < 0 {
			break
		}
		end += len(line)
	}
	rest := text[end:]
	cut = strings.Count(rest, "\n")
	if rest != "" && !strings.HasSuffix(rest, "\n") {
		cut++
	}
	return text[:end], cut
}
