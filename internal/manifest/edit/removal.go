package edit

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// RemovePrompt takes a prompt out of a file, with the comments of its document; what is left keeps its bytes, and
// is nothing when the file held nothing else. The error is a *promptobject.EditError; the prompt must be in the file.
func RemovePrompt(file []byte, key store.Key) ([]byte, error) {
	return editText(file, func(text []byte) ([]byte, error) { return removePromptFrom(text, key) })
}

func removePromptFrom(file []byte, key store.Key) ([]byte, error) {
	m, err := findPrompt(file, key)
	if err != nil {
		return nil, err
	}
	before := snapshotManifests(file)
	delete(before, key)
	var text []byte
	if m.Node == m.Document.Root {
		text = cutDocument(file, m.Document)
	} else {
		text = slices.Concat(file[:m.Document.Start], m.cutListItem(), file[m.Document.End:])
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = nil
	}
	if !maps.EqualFunc(before, snapshotManifests(text), equalValues) {
		return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s, at line %d, cannot be taken out of its file without changing what else is there; edit the file by hand", key, m.Line)}
	}
	return text, nil
}

// cutDocument takes a document out together with one separator.
func cutDocument(file []byte, d *manifest.Document) []byte {
	all, _ := manifest.SplitDocuments(d.File, file) // as it was read, it can be read
	i := slices.IndexFunc(all, func(other *manifest.Document) bool { return other.Start == d.Start })
	switch {
	case i+1 < len(all):
		return slices.Concat(file[:d.Start], file[all[i+1].Start:])
	case i > 0:
		return slices.Clone(file[:all[i-1].End])
	}
	return nil
}

// cutListItem returns the text of a List without the manifest.
func (m editable) cutListItem() []byte {
	at := manifest.Locate(m.Document.Root, "items")
	s := &splicer{sourceText: newSourceText(m.Document), yamlWriter: yamlWriter{json: m.Document.JSON}}
	i := m.itemIndex()
	all, err := toOrderedJSON(m.Document.Value)
	if err != nil || i < 0 {
		return nil
	}
	from := all.(*orderedObject).values["items"].([]any)
	indent := at.Key.Column - 1
	place := target{node: at.Value, contentFrom: s.afterColon(s.nodeEnd(at.Key, indent)), indent: indent, flow: s.isBracketed(m.Document.Root)}
	s.changeValue(place, from, slices.Delete(slices.Clone(from), i, i+1))
	return s.editedText()
}

// snapshotManifests returns the values of the prompts in a file, for comparing.
func snapshotManifests(file []byte) map[store.Key]any {
	found, _, _ := manifest.ParseManifests("", file)
	all := make(map[store.Key]any, len(found))
	for _, m := range found {
		// Nil is not equal to what can be written, so that a failure shows.
		all[m.Key()], _ = toOrderedJSON(m.Object)
	}
	return all
}
