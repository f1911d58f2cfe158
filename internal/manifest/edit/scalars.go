package edit

import (
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// doubleQuoted writes a text in double quotes on one line, as both YAML and JSON read it.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case !isPrintable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// isPrintable says that YAML takes the character as it is. Breaks other than \n are not: YAML makes them \n.
func isPrintable(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}

// singleQuoted keeps the quotes an author chose, where they can hold the text.
func singleQuoted(s string) (string, bool) {
	if strings.ContainsFunc(s, func(r rune) bool { return !isPrintable(r) }) {
		return "", false
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'", true
}

// plainScalar writes a text without quotes, where every reader of YAML takes it for that text.
func plainScalar(s string, flow bool) (string, bool) {
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s[:1], "-?:,[]{}#&*!|>'\"%@`=") ||
		strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") {
		return "", false
	}
	if flow && strings.ContainsAny(s, ",[]{}") || strings.HasPrefix(s, "<<") || strings.HasPrefix(s, "...") {
		return "", false
	}
	for _, r := range s {
		if r != ' ' && !unicode.IsGraphic(r) || !isPrintable(r) {
			return "", false
		}
	}
	// kubectl's reader and newer ones differ in what they take for numbers, dates and booleans, and in what
	// ends a text inside brackets.
	trial := "v: " + s
	if flow {
		trial = "{v: " + s + "}"
	}
	var newer, kubectl map[string]any
	if yaml.Unmarshal([]byte(trial), &newer) != nil || newer["v"] != any(s) {
		return "", false
	}
	return s, kyaml.Unmarshal([]byte(trial), &kubectl) == nil && len(kubectl) == 1 && kubectl["v"] == any(s)
}

// literalBlock writes a text as a block: what stands after the key, and the lines below it. Not every text can be one.
func literalBlock(s string, indent int) (header, body string, ok bool) {
	text := strings.TrimRight(s, "\n")
	if text == "" || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && !isPrintable(r) }) {
		return "", "", false
	}
	header = "|"
	if text[0] == ' ' || text[0] == '\n' || text[0] == '\t' {
		header += "2" // or the reader would take the text's own blanks for the indentation
	}
	switch len(s) - len(text) {
	case 0:
		header += "-"
	case 1:
	default:
		header += "+"
	}
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if line != "" {
			b.WriteString(strings.Repeat(" ", indent+2))
			b.WriteString(line)
		}
	}
	return header, b.String(), true
}
