package prompt

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"
)

// Compile makes a Document of a spec and the fragments it includes.
//
// fragments is the closure of the spec's includes, under the references as they are written; the
// caller gathers it level by level with IncludedRefs and Fragment.IncludedRefs. The error is a
// *SpecError, *TemplateError, *LimitError or *IncludeError; one of what is missing only when what is
// there has no mistake of its own.
func Compile(spec Spec, fragments map[Ref]Fragment) (*Compiled, error) {
	if spec.Syntax == "" {
		spec.Syntax = Mustache
	}
	if err := validateSpec(spec); err != nil {
		return nil, err
	}
	metadata, err := CanonicalMetadata(spec.Metadata)
	if err != nil {
		return nil, err
	}
	doc := Document{
		Syntax:      spec.Syntax,
		Title:       spec.Title,
		Description: spec.Description,
		Category:    spec.Category,
		Tags:        slices.Sorted(slices.Values(spec.Tags)),
		Metadata:    metadata,
	}
	body, err := compileMessages(spec, fragments)
	if err != nil {
		return nil, err
	}
	doc.Messages = body.messages
	if !slices.Equal(body.messages, spec.Messages) {
		doc.Source = slices.Clone(spec.Messages)
	}
	if doc.Arguments, err = compileArguments(spec, body.placeholders); err != nil {
		return nil, err
	}
	digest, err := DigestOf(&doc)
	if err != nil {
		return nil, err
	}
	return &Compiled{Document: doc, Digest: digest, Includes: body.includes}, nil
}

// EveryArgumentOptional says that the prompt takes arguments and none must be given.
func (c *Compiled) EveryArgumentOptional() bool {
	required := func(a Argument) bool { return a.Required }
	return len(c.Document.Arguments) > 0 && !slices.ContainsFunc(c.Document.Arguments, required)
}

// DigestOf computes the SHA-256 of a Document's canonical JSON (RFC 8785).
func DigestOf(d *Document) (Digest, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("write the document as JSON: %w", err)
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		return "", fmt.Errorf("canonical JSON of the document: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return Digest("sha256:" + hex.EncodeToString(sum[:])), nil
}

// body is the part of a Document that comes from the texts.
type body struct {
	messages     []Message
	placeholders placeholders
	includes     []Included
}

func compileMessages(spec Spec, fragments map[Ref]Fragment) (body, error) {
	var b body
	b.messages = slices.Clone(spec.Messages)
	switch spec.Syntax {
	case Simple:
		for _, src := range sourcesOf(spec.Messages) {
			tokens, err := parseSimple(src)
			if err != nil {
				return body{}, err
			}
			for _, t := range tokens {
				b.placeholders.add(t, src)
			}
		}
	case Mustache:
		e := expansion{fragments: fragments}
		for i, src := range sourcesOf(spec.Messages) {
			text, err := e.expandMessage(src)
			if err != nil {
				return body{}, err
			}
			b.messages[i].Text = text
		}
		if e.missing != nil {
			return body{}, e.missing
		}
		b.placeholders = e.placeholders
		b.includes = slices.SortedFunc(slices.Values(e.included), func(x, y Included) int {
			return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Version, y.Version), cmp.Compare(x.Selector, y.Selector))
		})
	}
	return b, nil
}

// sourcesOf returns the texts of messages, numbered when there is more than one.
func sourcesOf(messages []Message) []*source {
	all := make([]*source, len(messages))
	for i, m := range messages {
		all[i] = &source{text: m.Text}
		if len(messages) > 1 {
			all[i].message = i + 1
		}
	}
	return all
}

// IncludedRefs returns the includes in a spec's own texts, each once, in order of first appearance; they keep
// nothing of the texts in memory. Only Mustache has includes. More than Compile would expand are a *LimitError, so that nobody fetches
// them.
func IncludedRefs(spec Spec) ([]Ref, error) {
	if spec.Syntax != Mustache && spec.Syntax != "" {
		return nil, nil
	}
	if err := validateMessages(spec.Messages); err != nil {
		return nil, err
	}
	return collectRefs(sourcesOf(spec.Messages))
}

// IncludedRefs returns the includes in the text of a stored fragment, as the function gives them for a
// spec.
func (f Fragment) IncludedRefs() ([]Ref, error) {
	if f.Remembered != nil {
		return f.Remembered.Refs, f.Remembered.Err
	}
	if f.Syntax != Mustache {
		return nil, nil
	}
	all := sourcesOf(f.Messages)
	for _, src := range all {
		src.fragment = Ref{Name: f.Name, Selector: Selector{Version: f.Version}}.String()
	}
	return collectRefs(all)
}

// RememberIncludes returns the fragment with what it includes, so that many prompts that include it parse it for that once.
func (f Fragment) RememberIncludes() Fragment {
	var known FragmentIncludes
	known.Refs, known.Err = f.IncludedRefs()
	f.Remembered = &known
	return f
}

func collectRefs(all []*source) ([]Ref, error) {
	var refs []Ref
	seen := map[Ref]bool{}
	total := 0
	for _, src := range all {
		tokens, err := parseMustache(src, asWritten)
		if err != nil {
			return nil, err
		}
		for _, t := range tokens {
			if t.kind != include {
				continue
			}
			if total++; total > MaxIncludes {
				return nil, src.newLimitError(t.at, "more than %d includes", MaxIncludes)
			}
			if seen[*t.ref] {
				continue
			}
			if len(refs) == MaxFragments {
				return nil, src.newLimitError(t.at, "more than %d different fragments", MaxFragments)
			}
			seen[*t.ref] = true
			refs = append(refs, Ref{Name: strings.Clone(t.ref.Name), Selector: Selector{Version: t.ref.Version, Channel: strings.Clone(t.ref.Channel)}})
		}
	}
	return refs, nil
}
