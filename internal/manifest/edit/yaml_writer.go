package edit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// compactWidth is how wide a list or a small object may be to stand on one line.
const compactWidth = 80

// yamlWriter writes JSON values as YAML that people like to read.
type yamlWriter struct {
	json   bool // everything in JSON's form
	coarse bool // a text that changes in several places is written as if it changed in one, where else it would be misread
	anew   bool // texts that change are written anew
	quotes bool // texts of several lines in quotes, where a block would be misread
}

// formatInline writes a value on one line.
func (w yamlWriter) formatInline(v any) string {
	switch v := v.(type) {
	case *orderedObject:
		parts := make([]string, len(v.keys))
		for i, key := range v.keys {
			parts[i] = w.formatText(key, true) + ": " + w.formatInline(v.values[key])
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = w.formatInline(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return w.formatText(v, true)
	}
	return formatAtom(v)
}

// formatAtom writes a number, a boolean or null.
func formatAtom(v any) string {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

// formatText writes a text on one line.
func (w yamlWriter) formatText(s string, flow bool) string {
	if !w.json {
		if text, ok := plainScalar(s, flow); ok {
			return text
		}
	}
	return doubleQuoted(s)
}

// formatCompact writes a list or an object on one line, where that is short and holds no text of several lines.
func (w yamlWriter) formatCompact(v any) (string, bool) {
	if hasMultilineText(v) {
		return "", false
	}
	text := w.formatInline(v)
	return text, len(text) <= compactWidth
}

func hasMultilineText(v any) bool {
	switch v := v.(type) {
	case *orderedObject:
		return slices.ContainsFunc(slices.Collect(maps.Values(v.values)), hasMultilineText)
	case []any:
		return slices.ContainsFunc(v, hasMultilineText)
	case string:
		return strings.Contains(v, "\n")
	}
	return false
}

// formatAfter writes what follows "key:" or "-" standing at indent, from the blank on.
func (w yamlWriter) formatAfter(v any, indent int) string {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "\n") && !w.quotes {
			if header, body, ok := literalBlock(v, indent); ok {
				return " " + header + "\n" + body
			}
		}
		return " " + w.formatText(v, false)
	case *orderedObject, []any:
		if text, ok := w.formatCompact(v); ok {
			return " " + text
		}
		return w.formatLines(v, indent)
	}
	return " " + formatAtom(v)
}

// formatLines writes a list or an object over several lines, below a key at indent.
func (w yamlWriter) formatLines(v any, indent int) string {
	var b strings.Builder
	switch v := v.(type) {
	case *orderedObject:
		for _, key := range v.keys {
			b.WriteString("\n" + indentation(indent+2) + w.formatEntry(key, v.values[key], indent+2))
		}
	case []any:
		for _, item := range v {
			b.WriteString("\n" + indentation(indent) + w.formatItem(item, indent))
		}
	}
	return b.String()
}

// formatEntry writes key: value, with the key at indent.
func (w yamlWriter) formatEntry(key string, v any, indent int) string {
	return w.formatText(key, false) + ":" + w.formatAfter(v, indent)
}

// formatItem writes - value, with the dash at indent.
func (w yamlWriter) formatItem(v any, indent int) string {
	if _, short := w.formatCompact(v); short {
		return "-" + w.formatAfter(v, indent)
	}
	if _, ok := v.(*orderedObject); ok {
		return "- " + strings.TrimLeft(w.formatLines(v, indent), "\n ")
	}
	return "-" + w.formatAfter(v, indent)
}

func indentation(n int) string { return strings.Repeat(" ", n) }

// FormatPrompt writes a new manifest as people write it: without status, and without what only a cluster fills in.
func FormatPrompt(p *v1alpha1.Prompt) ([]byte, error) {
	whole, err := authoredFields(p)
	if err != nil {
		return nil, err
	}
	for _, w := range []yamlWriter{{}, {quotes: true}} {
		text := []byte(w.formatDocument(whole))
		if readsBackAs(text, whole) {
			return text, nil
		}
	}
	return nil, &promptobject.EditError{Problem: fmt.Sprintf("prompt %s cannot be written as YAML that reads back the same; write it by hand", promptobject.KeyOf(p))}
}

// readsBackAs says whether a text holds one document with just this value.
func readsBackAs(text []byte, want any) bool {
	all, refused := manifest.SplitDocuments("", text)
	if refused != nil || len(all) != 1 || all[0].Parse() != nil || all[0].Root == nil {
		return false
	}
	is, err := toOrderedJSON(all[0].Value)
	return err == nil && equalValues(is, want)
}

// authoredFields returns what a person would write of an object.
func authoredFields(p *v1alpha1.Prompt) (*orderedObject, error) {
	spec, err := toOrderedJSON(p.Spec)
	if err != nil {
		return nil, err
	}
	meta := &orderedObject{values: map[string]any{}}
	meta.setField("name", p.Name)
	if p.Namespace != "" {
		meta.setField("namespace", p.Namespace)
	}
	for _, part := range []struct {
		key    string
		values map[string]string
	}{{"labels", p.Labels}, {"annotations", p.Annotations}} {
		if len(part.values) == 0 {
			continue
		}
		tree, err := toOrderedJSON(part.values)
		if err != nil {
			return nil, err
		}
		meta.setField(part.key, tree)
	}
	return &orderedObject{
		keys: []string{"apiVersion", "kind", "metadata", "spec"},
		values: map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.PromptKind, "metadata": meta, "spec": spec,
		},
	}, nil
}

// formatDocument writes a whole object; its parts always stand on lines of their own.
func (w yamlWriter) formatDocument(o *orderedObject) string {
	var b strings.Builder
	for _, key := range o.keys {
		b.WriteString(w.formatText(key, false) + ":")
		if part, ok := o.values[key].(*orderedObject); ok && len(part.keys) > 0 {
			b.WriteString(w.formatLines(part, 0))
		} else {
			b.WriteString(w.formatAfter(o.values[key], 0))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
