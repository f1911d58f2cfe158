package manifest

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// Rewrite gives a prompt of a file another spec. What the two specs have in common keeps its bytes: comments,
// order, quotes, other documents. Where an alias stands in the way, every alias of the manifest is
// written out. Reading the result gives just the spec that was asked for.
//
// The error is a *promptobject.EditError; the prompt must be in the file.
func Rewrite(file []byte, key store.Key, after v1alpha1.PromptSpec) ([]byte, error) {
	m, err := locate(file, key)
	if err != nil {
		return nil, err
	}
	is, err := ordered(after)
	if err != nil {
		return nil, err
	}
	was, err := ordered(m.Prompt.Spec)
	if err != nil {
		return nil, err
	}
	if sameValue(was, is) {
		return slices.Clone(file), nil
	}
	want, err := m.with(is)
	if err != nil {
		return nil, err
	}
	for i, attempt := range []func(writer) []byte{
		func(w writer) []byte { return m.spliced(w, was, is) },
		func(w writer) []byte { return m.writtenOut().spliced(w, was, is) },
		func(w writer) []byte { return m.specReplaced(w, is) },
		func(w writer) []byte { return m.replaced(w, want) },
	} {
		for _, quotes := range []bool{false, true} {
			text := attempt(writer{json: m.document.json, quotes: quotes})
			if text == nil || !m.became(text, is) {
				continue
			}
			if coarse := i > 1; coarse && lostComment(m.document.text, text) {
				return nil, m.byHand(after)
			}
			return slices.Concat(file[:m.document.start], text, file[m.document.end:]), nil
		}
	}
	return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s, at line %d, is written in a way that cannot be edited here; edit the file by hand", key, m.Line)}
}

// byHand is the answer where an edit would cost comments.
func (m *Manifest) byHand(after v1alpha1.PromptSpec) error {
	patch, err := promptobject.Proposal(m.Prompt.Spec, after)
	if err != nil {
		return err
	}
	return &promptobject.EditError{Problem: fmt.Sprintf("prompt %s is written in a way that cannot be edited here without losing its comments; edit the file by hand:\n%s", m.Key(), patch)}
}

// locate finds a prompt in a file.
func locate(file []byte, key store.Key) (*Manifest, error) {
	found, problems, _ := manifests("", file)
	for _, m := range found {
		if m.Key() == key {
			return m, nil
		}
	}
	if len(problems) > 0 {
		return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s cannot be found while the file has faults: %s", key, problems[0].Message)}
	}
	return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s is not in the file", key)}
}

// with is the value of the whole document, with another spec in this manifest.
func (m *Manifest) with(spec any) (any, error) {
	value, err := ordered(m.document.value)
	if err != nil {
		return nil, err
	}
	at := value.(*object)
	for i, c := range m.document.objects() {
		if c.node == m.node && c.node != m.document.root {
			at = at.values["items"].([]any)[i].(*object)
			break
		}
	}
	at.set("spec", spec)
	return value, nil
}

// became says whether the text is this manifest's document with the spec asked for, and else what it was.
// Specs are compared as they are read: suspend: false and no suspend at all are one.
func (m *Manifest) became(text []byte, spec any) bool {
	all, refused := split("", text)
	if refused != nil || len(all) != 1 {
		return false
	}
	now, err := locate(text, m.Key())
	if err != nil {
		return false
	}
	is, err := ordered(now.Prompt.Spec)
	if err != nil || !sameValue(is, spec) {
		return false
	}
	before, err := m.with(nil)
	if err != nil {
		return false
	}
	after, err := now.with(nil)
	return err == nil && sameValue(before, after)
}

// spliced changes only what differs.
func (m *Manifest) spliced(w writer, was, is any) []byte {
	at := find(m.node, "spec")
	if at.missing != "" {
		return nil
	}
	s := &splicer{sheet: newSheet(m.document), writer: w}
	place := m.specSlot(s, at)
	s.change(place, was, is)
	return s.result()
}

// writtenOut is the manifest with the text of what its aliases stand for in their place; the manifest itself where
// that cannot be.
func (m *Manifest) writtenOut() *Manifest {
	s := newSheet(m.document)
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.AliasNode {
			s.replace(s.offset(n), s.end(n, 0), string(s.text[s.content(n.Alias):s.end(n.Alias, 0)]))
			return
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(m.node)
	if now, err := locate(s.result(), m.Key()); err == nil {
		return now
	}
	return m
}

// specReplaced writes the whole spec anew: its comments are lost, all else stays.
func (m *Manifest) specReplaced(w writer, is any) []byte {
	at := find(m.node, "spec")
	if at.missing != "" {
		return nil
	}
	s := &splicer{sheet: newSheet(m.document), writer: w}
	place := m.specSlot(s, at)
	if place.flow {
		s.put(place, is)
		return s.result()
	}
	end := s.end(at.value, place.indent)
	s.replace(place.after, end, s.lines(is, place.indent))
	return s.result()
}

func (m *Manifest) specSlot(s *splicer, at spot) slot {
	indent := at.key.Column - 1
	return slot{node: at.value, after: s.colon(s.end(at.key, indent)), indent: indent, flow: s.inBrackets(m.node)}
}

// replaced writes the document anew, under the comment it begins with.
func (m *Manifest) replaced(w writer, want any) []byte {
	whole, ok := want.(*object)
	if !ok || m.document.root != m.node {
		return nil
	}
	if w.json {
		return []byte(w.inline(whole) + "\n")
	}
	return append(m.document.opening(), w.document(whole)...)
}

// opening is the comment a document begins with.
func (d *document) opening() []byte {
	at := 0
	for at < len(d.text) {
		line := d.text[at:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			break
		}
		at += len(line)
	}
	return slices.Clone(d.text[:at])
}
