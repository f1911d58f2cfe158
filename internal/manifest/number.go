package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// Number notes in a prompt's status which version its text is, as a cluster would. Where nothing else remembers
// numbers, those the spec states keep their meaning by it: promptobject.PublicationOf reads it. What else is in the file keeps its
// bytes. The error is a *promptobject.EditError; the prompt must be in the file.
func Number(file []byte, key store.Key, seen store.LastObserved) ([]byte, error) {
	m, err := locate(file, key)
	if err != nil {
		return nil, err
	}
	was, err := ordered(m.object)
	if err != nil {
		return nil, err
	}
	is, err := ordered(m.object)
	if err != nil {
		return nil, err
	}
	status, ok := is.(*object).values["status"].(*object)
	if !ok {
		status = &object{values: map[string]any{}}
	}
	status.set("version", json.Number(strconv.FormatInt(seen.Version, 10)))
	status.set("digest", string(seen.Digest))
	is.(*object).set("status", status)
	for _, attempt := range []func(writer) []byte{
		func(w writer) []byte { return m.numbered(w, was.(*object).values["status"], status) },
		func(w writer) []byte { return m.replaced(w, is) },
	} {
		text := attempt(writer{json: m.document.json})
		if text != nil && m.isNow(text, is) {
			return slices.Concat(file[:m.document.start], text, file[m.document.end:]), nil
		}
	}
	return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s, at line %d, is written in a way that cannot be numbered here; edit the file by hand", key, m.Line)}
}

// numbered changes the status there is, or adds one as the last field.
func (m *Manifest) numbered(w writer, was any, status *object) []byte {
	d := m.document
	if at := find(m.node, "status"); at.missing == "" {
		s := &splicer{sheet: newSheet(d), writer: w}
		indent := at.key.Column - 1
		s.change(slot{node: at.value, after: s.colon(s.end(at.key, indent)), indent: indent, flow: s.inBrackets(m.node)}, was, status)
		return s.result()
	}
	if m.node != d.root || m.node.Style&yaml.FlowStyle != 0 || len(m.node.Content) == 0 {
		return nil
	}
	lines := "\n"
	if bytes.Contains(d.text, []byte("\r\n")) {
		lines = "\r\n"
	}
	text := slices.Clone(d.text)
	if text[len(text)-1] != '\n' {
		text = append(text, lines...)
	}
	indent := m.node.Content[0].Column - 1
	added := strings.ReplaceAll(blanks(indent)+w.entry("status", status, indent)+"\n", "\n", lines)
	return append(text, added...)
}

// isNow says whether the text is one document in which the manifest is this value.
func (m *Manifest) isNow(text []byte, want any) bool {
	all, refused := split("", text)
	if refused != nil || len(all) != 1 {
		return false
	}
	now, err := locate(text, m.Key())
	if err != nil {
		return false
	}
	is, err := ordered(now.object)
	return err == nil && sameValue(is, want)
}
