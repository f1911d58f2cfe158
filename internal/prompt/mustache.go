package prompt

import (
	"strings"
)

// kind is what a token of a text is.
type kind uint8

const (
	literal kind = iota
	variable
	section
	inverted
	end
	include
	comment
)

// token is a literal or a tag. A parsed text is a list of them in which every section has its end:
// a tree written flat, which is all that expanding and rendering need.
type token struct {
	kind kind
	// text is what a literal says, or the name in a tag.
	text string
	// at is the offset in the source.
	at int
	// ref is set in an include.
	ref *Ref
}

// reading is how strictly a text is read.
type reading uint8

const (
	// asWritten is what authors may write, with the rules for standalone lines.
	asWritten reading = iota
	// exact is the normal form of Documents: {{name}}, {{#name}}, {{^name}} and {{/name}}, nothing
	// else, and every other character is text.
	exact
)

type parser struct {
	src     *source
	reading reading
	tokens  []token
	// open are the indexes of the sections not yet closed.
	open []int
}

// maxPreallocated bounds the tokens room is made for before it is known that the text parses.
const maxPreallocated = 1 << 16

// parseMustache reads a text in Mustache. It never recurses, and looks at each character a bounded number
// of times.
func parseMustache(src *source, how reading) ([]token, error) {
	p := parser{src: src, reading: how}
	if tags := strings.Count(src.text, "{{"); tags > 0 {
		p.tokens = make([]token, 0, min(2*tags+1, maxPreallocated))
	}
	at := 0
	for {
		next := strings.Index(src.text[at:], "{{")
		if next < 0 {
			break
		}
		start := at + next
		tag, stop, err := p.parseTag(start)
		if err != nil {
			return nil, err
		}
		from, to := start, stop
		if how == asWritten && tag.kind != variable {
			from, to = src.standaloneLine(start, stop)
		}
		p.addLiteral(at, from)
		if err := p.addTag(tag); err != nil {
			return nil, err
		}
		at = to
	}
	p.addLiteral(at, len(src.text))
	if len(p.open) > 0 {
		opened := p.tokens[p.open[len(p.open)-1]]
		return nil, src.newTemplateError(opened.at, "the section %q is never closed; write {{/%s}} where it ends", opened.text, opened.text)
	}
	return p.tokens, nil
}

func (p *parser) addLiteral(from, to int) {
	if from < to {
		p.tokens = append(p.tokens, token{kind: literal, text: p.src.text[from:to], at: from})
	}
}

// addTag appends a tag and keeps sections balanced.
func (p *parser) addTag(t token) error {
	switch t.kind {
	case comment:
		return nil
	case section, inverted:
		if len(p.open) == MaxNesting {
			return p.src.newLimitError(t.at, "sections are nested more than %d deep", MaxNesting)
		}
		p.open = append(p.open, len(p.tokens))
	case end:
		if len(p.open) == 0 {
			return p.src.newTemplateError(t.at, "{{/%s}} closes a section that was never opened; write {{#%s}} before it, or remove it", t.text, t.text)
		}
		opened := p.tokens[p.open[len(p.open)-1]]
		if opened.text != t.text {
			where := p.src.position(opened.at)
			return p.src.newTemplateError(t.at, "{{/%s}} closes the section %q opened at line %d, column %d; write {{/%s}} first", t.text, opened.text, where.Line, where.Column, opened.text)
		}
		p.open = p.open[:len(p.open)-1]
	}
	p.tokens = append(p.tokens, t)
	return nil
}

// parseTag reads the tag that starts with "{{" at start, and says where it stops.
func (p *parser) parseTag(start int) (t token, stop int, err error) {
	inside := p.src.text[start+2:]
	length := strings.Index(inside, "}}")
	if length < 0 {
		return token{}, 0, p.src.newTemplateError(start, "\"{{\" opens a tag that is never closed; write \"}}\" after the name, or use syntax Simple or Plain for literal braces")
	}
	content := inside[:length]
	stop = start + 2 + length + 2
	if p.reading == exact {
		t, err = p.parseExactTag(start, content)
		return t, stop, err
	}
	t = token{kind: variable, at: start}
	name := content
	if content != "" && sigils[content[0]] {
		name = content[1:]
		switch content[0] {
		case '!':
			t.kind = comment
			return t, stop, nil
		case '#':
			t.kind = section
		case '^':
			t.kind = inverted
		case '/':
			t.kind = end
		case '>':
			t.kind = include
		case '{':
			if !strings.HasPrefix(inside[length+2:], "}") {
				return token{}, 0, p.src.newTemplateError(start, "%s needs three closing braces; write {{name}} for a value, or use syntax Simple or Plain for literal braces", quoteTag(content))
			}
			stop++
		}
	}
	t.text = strings.Trim(name, " \t")
	if t.kind == include {
		ref, err := ParseRef(t.text)
		t.ref = &ref
		if err != nil {
			return token{}, 0, p.src.newTemplateError(start, "include %s: %v", quoteTag(content), err)
		}
		return t, stop, nil
	}
	if !isIdentifier(t.text) {
		return token{}, 0, p.src.newTemplateError(start, "%s", explainTag(content, t.text))
	}
	return t, stop, nil
}

// sigils are the characters that give a tag its kind when they come first.
var sigils = [256]bool{'!': true, '#': true, '^': true, '/': true, '>': true, '{': true, '&': true}

// parseExactTag reads a tag in normal form.
func (p *parser) parseExactTag(start int, content string) (token, error) {
	t := token{kind: variable, text: content, at: start}
	if content != "" {
		switch content[0] {
		case '#':
			t.kind, t.text = section, content[1:]
		case '^':
			t.kind, t.text = inverted, content[1:]
		case '/':
			t.kind, t.text = end, content[1:]
		}
	}
	if !isIdentifier(t.text) {
		return token{}, p.src.newTemplateError(start, "%s is not a tag in normal form", quoteTag(content))
	}
	return t, nil
}

// isIdentifier says whether s may name an argument in Mustache.
func isIdentifier(s string) bool {
	return s != "" && len(s) <= MaxName && !isDigit(s[0]) && isWord(s)
}

// isWord says whether s is letters, digits and '_' only.
func isWord(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return false
		}
	}
	return true
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || isDigit(c) || c == '_'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
