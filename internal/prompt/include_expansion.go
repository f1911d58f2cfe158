package prompt

import (
	"slices"
	"strings"
)

// placeholders are the arguments a prompt's texts ask for, in order of first appearance.
type placeholders struct {
	names []string
	uses  map[string]*placeholderUse
}

type placeholderUse struct {
	src     *source
	at      int
	tag     string
	printed bool // printed somewhere, not only asked about by sections
}

func (p *placeholders) add(t token, src *source) {
	if t.kind != variable && t.kind != section && t.kind != inverted {
		return
	}
	u := p.uses[t.text]
	if u == nil {
		if p.uses == nil {
			p.uses = map[string]*placeholderUse{}
		}
		u = &placeholderUse{src: src, at: t.at, tag: normalForm(t)}
		p.uses[t.text] = u
		p.names = append(p.names, t.text)
	}
	u.printed = u.printed || t.kind == variable
}

// expansion puts fragments in the place of includes. It works on tokens, so that the rules for
// standalone lines hold inside each text by itself, and it counts while it writes, so that what a
// prompt costs is bounded by the limits and not by what its includes would come to.
type expansion struct {
	fragments    map[Ref]Fragment
	placeholders placeholders
	included     []Included

	parsed  map[Ref]parsed
	stack   []Ref
	nesting int
	total   int // includes expanded
	size    int // bytes written, all messages
	missing *IncludeError

	text    strings.Builder // the message being written, in normal form
	written []writtenToken  // what text must read as
}

// writtenToken is what a token must read as. There may be a hundred thousand, so it is small.
type writtenToken struct {
	name string // of a tag
	at   int32
	kind kind
}

type parsed struct {
	src    *source
	tokens []token
}

// expandMessage expands one message and returns its normal form.
func (e *expansion) expandMessage(src *source) (string, error) {
	tokens, err := parseMustache(src, asWritten)
	if err != nil {
		return "", err
	}
	e.text.Reset()
	e.text.Grow(len(src.text))
	e.written = e.written[:0]
	if err := e.expandTokens(src, tokens); err != nil {
		return "", err
	}
	text := e.text.String()
	if !e.readsBack(text) {
		return "", src.newTemplateError(0, "the normal form of this text does not read back as it was written; use syntax Simple or Plain, and report this")
	}
	return text, nil
}

func (e *expansion) expandTokens(src *source, tokens []token) error {
	for _, t := range tokens {
		if t.kind == include {
			if err := e.expandInclude(src, t); err != nil {
				return err
			}
			continue
		}
		if err := e.writeToken(src, t); err != nil {
			return err
		}
	}
	return nil
}

// expandInclude expands the fragment a tag names. A missing one is noted and stepped over: whoever
// waits for fragments wants to hear of all of them at once.
func (e *expansion) expandInclude(src *source, t token) error {
	if e.total++; e.total > MaxIncludes {
		return src.newLimitError(t.at, "more than %d includes, counting those inside fragments", MaxIncludes)
	}
	if err := e.checkIncludeStack(src, t); err != nil {
		return err
	}
	p, err := e.parseFragment(src, t)
	if err != nil || p.src == nil {
		return err
	}
	e.stack = append(e.stack, *t.ref)
	err = e.expandTokens(p.src, p.tokens)
	e.stack = e.stack[:len(e.stack)-1]
	return err
}

func (e *expansion) checkIncludeStack(src *source, t token) error {
	names := make([]string, 0, MaxDepth+1)
	for _, ref := range e.stack {
		names = append(names, ref.Name)
	}
	if start := slices.Index(names, t.ref.Name); start >= 0 {
		where := src.position(t.at)
		return &IncludeError{Fault: IncludeCycle, Path: append(names[start:], t.ref.Name), Where: &where}
	}
	if len(e.stack) == MaxDepth {
		where := src.position(t.at)
		return &IncludeError{Fault: IncludeTooDeep, Path: append(names, t.ref.Name), Where: &where}
	}
	return nil
}

// parseFragment parses a fragment at its first include; parsed.src is nil when the fragment is missing.
func (e *expansion) parseFragment(src *source, t token) (parsed, error) {
	if p, ok := e.parsed[*t.ref]; ok {
		return p, nil
	}
	if len(e.parsed) == MaxFragments {
		return parsed{}, src.newLimitError(t.at, "more than %d different fragments, counting those inside fragments", MaxFragments)
	}
	if e.parsed == nil {
		e.parsed = map[Ref]parsed{}
	}
	f, ok := e.fragments[*t.ref]
	if !ok {
		if e.missing == nil {
			where := src.position(t.at)
			e.missing = &IncludeError{Fault: IncludeMissing, Where: &where}
		}
		e.missing.Refs = append(e.missing.Refs, *t.ref)
		e.parsed[*t.ref] = parsed{}
		return parsed{}, nil
	}
	if f.Syntax != Mustache {
		return parsed{}, src.newTemplateError(t.at, "{{> %s}} includes a prompt whose syntax is %s; only Mustache prompts can be included", t.ref, f.Syntax)
	}
	if len(f.Messages) != 1 {
		return parsed{}, src.newTemplateError(t.at, "{{> %s}} includes a prompt of %d messages; only a prompt of one message can be included", t.ref, len(f.Messages))
	}
	p := parsed{src: &source{text: f.Messages[0].Text, message: src.message, fragment: t.ref.String()}}
	if problem := storableProblem(p.src.text); problem != "" {
		return parsed{}, src.newTemplateError(t.at, "{{> %s}} includes a text that %s", t.ref, problem)
	}
	var err error
	if p.tokens, err = parseMustache(p.src, asWritten); err != nil {
		return parsed{}, err
	}
	e.parsed[*t.ref] = p
	e.included = append(e.included, Included{Name: t.ref.Name, Version: f.Version, Selector: t.ref.Selector.String()})
	return p, nil
}

// writeToken appends a token to the message in normal form.
func (e *expansion) writeToken(src *source, t token) error {
	text := normalForm(t)
	if e.size+len(text) > MaxExpanded {
		return src.newLimitError(t.at, "with includes expanded the texts are longer than %d bytes (%d KiB); include less", MaxExpanded, MaxExpanded>>10)
	}
	written := e.text.Len()
	if text[0] == '{' && written > 0 && e.text.String()[written-1] == '{' {
		return src.newTemplateError(t.at, "joining the texts here puts a literal \"{\" right before another \"{\", which would read as a tag; put a blank between them")
	}
	switch t.kind {
	case section, inverted:
		if e.nesting++; e.nesting > MaxNesting {
			return src.newLimitError(t.at, "with includes expanded, sections are nested more than %d deep", MaxNesting)
		}
	case end:
		e.nesting--
	}
	e.placeholders.add(t, src)
	joined := t.kind == literal && len(e.written) > 0 && e.written[len(e.written)-1].kind == literal
	if !joined {
		name := t.text
		if t.kind == literal {
			name = ""
		}
		e.written = append(e.written, writtenToken{kind: t.kind, name: name, at: int32(written)}) //nolint:gosec // at most MaxExpanded
	}
	e.text.WriteString(text)
	e.size += len(text)
	return nil
}

// readsBack checks the law that makes stored Documents safe to render: the normal form, read exactly, is
// what was written. writeToken keeps it; this holds writeToken to it.
func (e *expansion) readsBack(text string) bool {
	tokens, err := parseMustache(&source{text: text}, exact)
	return err == nil && slices.EqualFunc(tokens, e.written, func(read token, written writtenToken) bool {
		return read.kind == written.kind && read.at == int(written.at) && (read.kind == literal || read.text == written.name)
	})
}

// normalForm writes a token in normal form.
func normalForm(t token) string {
	switch t.kind {
	case variable:
		return "{{" + t.text + "}}"
	case section:
		return "{{#" + t.text + "}}"
	case inverted:
		return "{{^" + t.text + "}}"
	case end:
		return "{{/" + t.text + "}}"
	default:
		return t.text
	}
}
