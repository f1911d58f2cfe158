package edit

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// RewriteSpec gives a prompt of a file another spec. What the two specs have in common keeps its bytes: comments,
// order, quotes, other documents. Where an alias stands in the way, every alias of the manifest is
// written out. Reading the result gives just the spec that was asked for.
//
// The error is a *promptobject.EditError; the prompt must be in the file.
func RewriteSpec(file []byte, key store.Key, after v1alpha1.PromptSpec) ([]byte, error) {
	return editText(file, func(text []byte) ([]byte, error) { return rewriteSpecIn(text, key, after) })
}

func rewriteSpecIn(file []byte, key store.Key, after v1alpha1.PromptSpec) ([]byte, error) {
	m, err := findPrompt(file, key)
	if err != nil {
		return nil, err
	}
	is, err := toOrderedJSON(after)
	if err != nil {
		return nil, err
	}
	was, err := toOrderedJSON(m.Prompt.Spec)
	if err != nil {
		return nil, err
	}
	if equalValues(was, is) {
		return slices.Clone(file), nil
	}
	want, err := m.documentWithSpec(is)
	if err != nil {
		return nil, err
	}
	for i, attempt := range []func(yamlWriter) []byte{
		func(w yamlWriter) []byte { return m.spliceSpec(w, was, is) },
		func(w yamlWriter) []byte { return m.expandAliases().spliceSpec(w, was, is) },
		func(w yamlWriter) []byte { return m.replaceSpec(w, is) },
		func(w yamlWriter) []byte { return m.replaceDocument(w, want) },
	} {
		for _, w := range []yamlWriter{{}, {coarse: true}, {anew: true}, {anew: true, quotes: true}} {
			w.json = m.Document.JSON
			text := attempt(w)
			if text == nil || !m.readsBackWithSpec(text, is) {
				continue
			}
			if coarse := i > 1; coarse && losesComment(m.Document.Text, text) {
				return nil, m.manualPatchError(after)
			}
			return slices.Concat(file[:m.Document.Start], text, file[m.Document.End:]), nil
		}
	}
	return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s, at line %d, is written in a way that cannot be edited here; edit the file by hand", key, m.Line)}
}

// manualPatchError returns the refusal of an edit that would cost comments, with the patch to make by hand.
func (m editable) manualPatchError(after v1alpha1.PromptSpec) error {
	patch, err := promptobject.ProposedPatch(m.Prompt.Spec, after)
	if err != nil {
		return err
	}
	return &promptobject.EditError{Problem: fmt.Sprintf("prompt %s is written in a way that cannot be edited here without losing its comments; edit the file by hand:\n%s", m.Key(), patch)}
}

// editable is a prompt of a file that is being edited.
type editable struct{ *manifest.Manifest }

// findPrompt finds a prompt in a file.
func findPrompt(file []byte, key store.Key) (editable, error) {
	found, problems, _ := manifest.ParseManifests("", file)
	for _, m := range found {
		if m.Key() == key {
			return editable{m}, nil
		}
	}
	if len(problems) > 0 {
		return editable{}, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s cannot be found while the file has faults: %s", key, problems[0].Message)}
	}
	return editable{}, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s is not in the file", key)}
}

// itemIndex finds the place of the prompt in the List its document is, or -1 where the document is the prompt.
func (m editable) itemIndex() int {
	if m.Node == m.Document.Root {
		return -1
	}
	items := manifest.Locate(m.Document.Root, "items").Value
	return slices.IndexFunc(items.Content, func(n *yaml.Node) bool { return manifest.ResolveAlias(n) == m.Node })
}

// documentWithSpec returns the value of the whole document, with another spec in this manifest.
func (m editable) documentWithSpec(spec any) (any, error) {
	value, err := toOrderedJSON(m.Document.Value)
	if err != nil {
		return nil, err
	}
	object := value.(*orderedObject)
	if i := m.itemIndex(); i >= 0 {
		object = object.values["items"].([]any)[i].(*orderedObject)
	}
	object.setField("spec", spec)
	return value, nil
}

// readsBackWithSpec says whether the text is this manifest's document with the spec asked for, and else what it was.
// Specs are compared as they are read: suspend: false and no suspend at all are one.
func (m editable) readsBackWithSpec(text []byte, spec any) bool {
	all, refused := manifest.SplitDocuments("", text)
	if refused != nil || len(all) != 1 {
		return false
	}
	now, err := findPrompt(text, m.Key())
	if err != nil {
		return false
	}
	is, err := toOrderedJSON(now.Prompt.Spec)
	if err != nil || !equalValues(is, spec) {
		return false
	}
	before, err := m.documentWithSpec(nil)
	if err != nil {
		return false
	}
	after, err := now.documentWithSpec(nil)
	return err == nil && equalValues(before, after)
}

// spliceSpec changes only what differs.
func (m editable) spliceSpec(w yamlWriter, was, is any) []byte {
	at := manifest.Locate(m.Node, "spec")
	if at.Missing != "" {
		return nil
	}
	s := &splicer{sourceText: newSourceText(m.Document), yamlWriter: w}
	place := m.specTarget(s, at)
	s.changeValue(place, was, is)
	return s.editedText()
}

// expandAliases returns the manifest with the text of what its aliases stand for in their place; the manifest itself where
// that cannot be.
func (m editable) expandAliases() editable {
	s := newSourceText(m.Document)
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.AliasNode {
			s.replace(s.nodeStart(n), s.nodeEnd(n, 0), string(s.text[s.contentStart(n.Alias):s.nodeEnd(n.Alias, 0)]))
			return
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(m.Node)
	if now, err := findPrompt(s.editedText(), m.Key()); err == nil {
		return now
	}
	return m
}

// replaceSpec writes the whole spec anew: its comments are lost, all else stays.
func (m editable) replaceSpec(w yamlWriter, is any) []byte {
	at := manifest.Locate(m.Node, "spec")
	if at.Missing != "" {
		return nil
	}
	s := &splicer{sourceText: newSourceText(m.Document), yamlWriter: w}
	place := m.specTarget(s, at)
	if place.flow {
		s.replaceValue(place, is)
		return s.editedText()
	}
	end := s.nodeEnd(at.Value, place.indent)
	s.replace(place.contentFrom, end, s.formatLines(is, place.indent))
	return s.editedText()
}

func (m editable) specTarget(s *splicer, at manifest.Location) target {
	indent := at.Key.Column - 1
	return target{node: at.Value, contentFrom: s.afterColon(s.nodeEnd(at.Key, indent)), indent: indent, flow: s.isBracketed(m.Node)}
}

// replaceDocument writes the document anew, under the comment it begins with.
func (m editable) replaceDocument(w yamlWriter, want any) []byte {
	whole, ok := want.(*orderedObject)
	if !ok || m.Document.Root != m.Node {
		return nil
	}
	if w.json {
		return []byte(w.formatInline(whole) + "\n")
	}
	return append(leadingComment(m.Document.Text), w.formatDocument(whole)...)
}

// leadingComment returns the comment a document begins with.
func leadingComment(text []byte) []byte {
	at := 0
	for at < len(text) {
		line := text[at:]
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		}
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			break
		}
		at += len(line)
	}
	return slices.Clone(text[:at])
}
