package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// Append adds a manifest to a file as its last document; what is there keeps its bytes. The error is an
// *promptobject.EditError.
func Append(file []byte, p *v1alpha1.Prompt) ([]byte, error) {
	added, err := New(p)
	if err != nil {
		return nil, err
	}
	before := bySpec(file)
	key := keyed(p)
	if _, there := before[key]; there {
		return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s is in the file already", key)}
	}
	lines := "\n"
	if bytes.Contains(file, []byte("\r\n")) {
		lines = "\r\n"
		added = bytes.ReplaceAll(added, []byte("\n"), []byte(lines))
	}
	text := slices.Clone(file)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, lines...)
	}
	if len(bytes.TrimSpace(text)) > 0 && !isSeparator(text[bytes.LastIndexByte(text[:len(text)-1], '\n')+1:]) {
		text = append(text, "---"+lines...)
	}
	text = append(text, added...)
	after := bySpec(text)
	if _, there := after[key]; !there {
		return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s cannot be added to the file; put it into a file of its own", key)}
	}
	delete(after, key)
	return text, sameRest(before, after)
}

// Remove takes a prompt out of a file, with the comments of its document; what is left keeps its bytes, and
// is nothing when the file held nothing else. The error is a *promptobject.EditError; the prompt must be in the file.
func Remove(file []byte, key store.Key) ([]byte, error) {
	m, err := locate(file, key)
	if err != nil {
		return nil, err
	}
	before := bySpec(file)
	delete(before, key)
	var text []byte
	if m.node == m.document.root {
		text = withoutDocument(file, m.document)
	} else {
		text = slices.Concat(file[:m.document.start], m.withoutItem(), file[m.document.end:])
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = nil
	}
	return text, sameRest(before, bySpec(text))
}

// withoutDocument takes a document out together with one separator.
func withoutDocument(file []byte, d *document) []byte {
	all, _ := split(d.file, file) // as it was read, it can be read
	i := slices.IndexFunc(all, func(other *document) bool { return other.start == d.start })
	switch {
	case i+1 < len(all):
		return slices.Concat(file[:d.start], file[all[i+1].start:])
	case i > 0:
		return slices.Clone(file[:all[i-1].end])
	}
	return nil
}

// withoutItem is the text of a List without the manifest.
func (m *Manifest) withoutItem() []byte {
	at := find(m.document.root, "items")
	s := &splicer{sheet: newSheet(m.document), writer: writer{json: m.document.json}}
	i := slices.IndexFunc(at.value.Content, func(n *yaml.Node) bool { return target(n) == m.node })
	all, err := ordered(m.document.value)
	if err != nil || i < 0 {
		return nil
	}
	from := all.(*object).values["items"].([]any)
	indent := at.key.Column - 1
	place := slot{node: at.value, after: s.colon(s.end(at.key, indent)), indent: indent, flow: s.inBrackets(m.document.root)}
	s.change(place, from, slices.Delete(slices.Clone(from), i, i+1))
	return s.result()
}

// bySpec is what a file says, for comparing.
func bySpec(file []byte) map[store.Key]any {
	found, _, _ := manifests("", file)
	all := make(map[store.Key]any, len(found))
	for _, m := range found {
		// Nil is not equal to what can be written, so that a failure shows.
		all[m.Key()], _ = ordered(m.object)
	}
	return all
}

func sameRest(before, after map[store.Key]any) error {
	if maps.EqualFunc(before, after, sameValue) {
		return nil
	}
	return &promptobject.EditError{Problem: "the file is written in a way that cannot be edited here; edit it by hand"}
}

// keyed is the key a manifest has once it is read.
func keyed(p *v1alpha1.Prompt) store.Key {
	key := promptobject.KeyOf(p)
	if key.Namespace == "" {
		key.Namespace = promptobject.DefaultNamespace
	}
	return key
}
