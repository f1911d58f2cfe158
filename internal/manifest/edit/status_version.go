package edit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// NoteVersion notes in a prompt's status which version its text is, as a cluster would. Where nothing else remembers
// numbers, those the spec states keep their meaning by it: promptobject.PublicationOf reads it. What else is in the file keeps its
// bytes. The error is a *promptobject.EditError; the prompt must be in the file.
func NoteVersion(file []byte, key store.Key, seen store.LastObserved) ([]byte, error) {
	return editText(file, func(text []byte) ([]byte, error) { return noteVersionIn(text, key, seen) })
}

func noteVersionIn(file []byte, key store.Key, seen store.LastObserved) ([]byte, error) {
	m, err := findPrompt(file, key)
	if err != nil {
		return nil, err
	}
	was, err := toOrderedJSON(m.Object)
	if err != nil {
		return nil, err
	}
	is, err := toOrderedJSON(m.Object)
	if err != nil {
		return nil, err
	}
	status, ok := is.(*orderedObject).values["status"].(*orderedObject)
	if !ok {
		status = &orderedObject{values: map[string]any{}}
	}
	status.setField("version", json.Number(strconv.FormatInt(seen.Version, 10)))
	status.setField("digest", string(seen.Digest))
	is.(*orderedObject).setField("status", status)
	for _, attempt := range []func(yamlWriter) []byte{
		func(w yamlWriter) []byte { return m.spliceStatus(w, was.(*orderedObject).values["status"], status) },
		func(w yamlWriter) []byte { return m.replaceDocument(w, is) },
	} {
		text := attempt(yamlWriter{json: m.Document.JSON})
		if text != nil && m.readsBackAsObject(text, is) {
			return slices.Concat(file[:m.Document.Start], text, file[m.Document.End:]), nil
		}
	}
	return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s, at line %d, is written in a way that cannot be numbered here; edit the file by hand", key, m.Line)}
}

// spliceStatus changes the status there is, or adds one as the last field.
func (m editable) spliceStatus(w yamlWriter, was any, status *orderedObject) []byte {
	d := m.Document
	if at := manifest.Locate(m.Node, "status"); at.Missing == "" {
		s := &splicer{sourceText: newSourceText(d), yamlWriter: w}
		indent := at.Key.Column - 1
		s.changeValue(target{node: at.Value, contentFrom: s.afterColon(s.nodeEnd(at.Key, indent)), indent: indent, flow: s.isBracketed(m.Node)}, was, status)
		return s.editedText()
	}
	if m.Node != d.Root || m.Node.Style&yaml.FlowStyle != 0 || len(m.Node.Content) == 0 {
		return nil
	}
	lines := "\n"
	if bytes.Contains(d.Text, []byte("\r\n")) {
		lines = "\r\n"
	}
	text := slices.Clone(d.Text)
	if text[len(text)-1] != '\n' {
		text = append(text, lines...)
	}
	indent := m.Node.Content[0].Column - 1
	added := strings.ReplaceAll(indentation(indent)+w.formatEntry("status", status, indent)+"\n", "\n", lines)
	return append(text, added...)
}

// readsBackAsObject says whether the text is one document in which the manifest is this value.
func (m editable) readsBackAsObject(text []byte, want any) bool {
	all, refused := manifest.SplitDocuments("", text)
	if refused != nil || len(all) != 1 {
		return false
	}
	now, err := findPrompt(text, m.Key())
	if err != nil {
		return false
	}
	is, err := toOrderedJSON(now.Object)
	return err == nil && equalValues(is, want)
}
