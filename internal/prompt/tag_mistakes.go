package prompt

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

const literalBraces = "for literal braces use syntax Simple or Plain"

// explainTag says why a tag is refused, and what to write instead. content is all that stands
// between the braces, name the part that should have been a name.
func explainTag(content, name string) string {
	quoted := quoteTag(content)
	switch {
	case name == "":
		return quoted + " names nothing; write {{name}}, or " + literalBraces
	case name == ".":
		return quoted + " is not supported, since no argument is a list; write the argument's name, as in {{name}}"
	case strings.HasPrefix(content, "="):
		return quoted + " would change the delimiters, which is not supported; keep {{ and }}, or " + literalBraces
	case strings.HasPrefix(content, "<"), strings.HasPrefix(content, "$"):
		return quoted + " is template inheritance, which is not supported; include a fragment with {{> name}}"
	case isDotted(name):
		return fmt.Sprintf("%s is a dotted name, which is not supported, since arguments have no fields; write an argument such as {{%s}}", quoted, strings.ReplaceAll(name, ".", "_"))
	case isWord(name) && len(name) > MaxName:
		return fmt.Sprintf("%s has a name of %d characters; at most %d are allowed; shorten it", quoted, len(name), MaxName)
	case isWord(name):
		return quoted + " starts with a digit; a name starts with a letter or '_' (syntax Simple allows a digit)"
	default:
		return quoted + " is not a tag: a name is letters, digits and '_'; " + literalBraces
	}
}

func isDotted(name string) bool {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if !isIdentifier(part) {
			return false
		}
	}
	return len(parts) > 1
}

// quoteTag shows a tag as it was written, shortened, on one line.
func quoteTag(content string) string {
	shown := strconv.Quote(excerpt.Truncate(content, 40))
	return "{{" + strings.ReplaceAll(shown[1:len(shown)-1], `\"`, `"`) + "}}"
}
