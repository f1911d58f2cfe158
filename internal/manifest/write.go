package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// compactWidth is how wide a list or a small object may be to stand on one line.
const compactWidth = 80

// writer writes JSON values as YAML that people like to read.
type writer struct {
	json   bool // everything in JSON's form
	quotes bool // texts of several lines in quotes, where a block would be misread
}

// inline is a value on one line.
func (w writer) inline(v any) string {
	switch v := v.(type) {
	case *object:
		parts := make([]string, len(v.keys))
		for i, key := range v.keys {
			parts[i] = w.key(key, true) + ": " + w.inline(v.values[key])
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = w.inline(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return w.key(v, true)
	}
	return atom(v)
}

// atom is a number, a boolean or null.
func atom(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

// key is a text on one line.
func (w writer) key(s string, flow bool) string {
	if !w.json {
		if text, ok := plain(s, flow); ok {
			return text
		}
	}
	return quoted(s)
}

// compact is a list or an object on one line, where that is short and holds no text of several lines.
func (w writer) compact(v any) (string, bool) {
	if hasLines(v) {
		return "", false
	}
	text := w.inline(v)
	return text, len(text) <= compactWidth
}

func hasLines(v any) bool {
	switch v := v.(type) {
	case *object:
		return slices.ContainsFunc(slices.Collect(maps.Values(v.values)), hasLines)
	case []any:
		return slices.ContainsFunc(v, hasLines)
	case string:
		return strings.Contains(v, "\n")
	}
	return false
}

// after is what follows "key:" or "-" standing at indent, from the blank on.
func (w writer) after(v any, indent int) string {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "\n") && !w.quotes {
			if header, body, ok := literal(v, indent); ok {
				return " " + header + "\n" + body
			}
		}
		return " " + w.key(v, false)
	case *object, []any:
		if text, ok := w.compact(v); ok {
			return " " + text
		}
		return w.lines(v, indent)
	}
	return " " + atom(v)
}

// lines is a list or an object over several lines, below a key at indent.
func (w writer) lines(v any, indent int) string {
	var b strings.Builder
	switch v := v.(type) {
	case *object:
		for _, key := range v.keys {
			b.WriteString("\n" + blanks(indent+2) + w.entry(key, v.values[key], indent+2))
		}
	case []any:
		for _, item := range v {
			b.WriteString("\n" + blanks(indent) + w.item(item, indent))
		}
	}
	return b.String()
}

// entry is key: value, with the key at indent.
func (w writer) entry(key string, v any, indent int) string {
	return w.key(key, false) + ":" + w.after(v, indent)
}

// item is - value, with the dash at indent.
func (w writer) item(v any, indent int) string {
	if _, short := w.compact(v); short {
		return "-" + w.after(v, indent)
	}
	if _, ok := v.(*object); ok {
		return "- " + strings.TrimLeft(w.lines(v, indent), "\n ")
	}
	return "-" + w.after(v, indent)
}

func blanks(n int) string { return strings.Repeat(" ", n) }

// New is a new manifest as people write it: without status, and without what only a cluster fills in.
func New(p *v1alpha1.Prompt) ([]byte, error) {
	whole, err := written(p)
	if err != nil {
		return nil, err
	}
	for _, w := range []writer{{}, {quotes: true}} {
		text := []byte(w.document(whole))
		if readsAs(text, whole) {
			return text, nil
		}
	}
	return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s cannot be written as YAML that reads back the same; write it by hand", promptobject.KeyOf(p))}
}

// readsAs says whether a text holds one document with just this value.
func readsAs(text []byte, want any) bool {
	all, refused := split("", text)
	if refused != nil || len(all) != 1 || all[0].parse() != nil || all[0].root == nil {
		return false
	}
	is, err := ordered(all[0].value)
	return err == nil && sameValue(is, want)
}

// written is what a person would write of an object.
func written(p *v1alpha1.Prompt) (*object, error) {
	spec, err := ordered(p.Spec)
	if err != nil {
		return nil, err
	}
	meta := &object{values: map[string]any{}}
	meta.set("name", p.Name)
	if p.Namespace != "" {
		meta.set("namespace", p.Namespace)
	}
	for _, part := range []struct {
		key    string
		values map[string]string
	}{{"labels", p.Labels}, {"annotations", p.Annotations}} {
		if len(part.values) == 0 {
			continue
		}
		tree, err := ordered(part.values)
		if err != nil {
			return nil, err
		}
		meta.set(part.key, tree)
	}
	return &object{
		keys: []string{"apiVersion", "kind", "metadata", "spec"},
		values: map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind, "metadata": meta, "spec": spec,
		},
	}, nil
}

// document is a whole object; its parts always stand on lines of their own.
func (w writer) document(o *object) string {
	var b strings.Builder
	for _, key := range o.keys {
		b.WriteString(w.key(key, false) + ":")
		if part, ok := o.values[key].(*object); ok && len(part.keys) > 0 {
			b.WriteString(w.lines(part, 0))
		} else {
			b.WriteString(w.after(o.values[key], 0))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
