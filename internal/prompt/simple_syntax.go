package prompt

import "strings"

// parseSimple reads a text in which {{name}} is a placeholder and everything else literal: the
// leftmost matches of \{\{[A-Za-z0-9_]+\}\}.
func parseSimple(src *source) ([]token, error) {
	var tokens []token
	text := src.text
	literalFrom, at := 0, 0
	for {
		next := strings.Index(text[at:], "{{")
		if next < 0 {
			break
		}
		start := at + next
		stop := start + 2
		for stop < len(text) && isWordByte(text[stop]) {
			stop++
		}
		name := text[start+2 : stop]
		if name == "" || !strings.HasPrefix(text[stop:], "}}") {
			at = start + 1 // the second brace may open a placeholder of its own
			continue
		}
		if len(name) > MaxName {
			return nil, src.newTemplateError(start, "%s has a name of %d characters; at most %d are allowed; shorten it", quoteTag(name), len(name), MaxName)
		}
		if literalFrom < start {
			tokens = append(tokens, token{kind: literal, text: text[literalFrom:start], at: literalFrom})
		}
		tokens = append(tokens, token{kind: variable, text: name, at: start})
		at = stop + 2
		literalFrom = at
	}
	if literalFrom < len(text) {
		tokens = append(tokens, token{kind: literal, text: text[literalFrom:], at: literalFrom})
	}
	return tokens, nil
}
