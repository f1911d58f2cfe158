package manifest

import (
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"
)

// object is one that kubectl would send, of any kind.
type object struct {
	document *Document
	node     *yaml.Node
	fields   map[string]any
}

// objects lists the one in the document, or those of the List it is. The problem is that kubectl finds none.
func (d *Document) objects() ([]object, *Problem) {
	fields, ok := d.Value.(map[string]any)
	if !ok {
		p := d.problemAt(d.Root, fmt.Sprintf("kubectl refuses this document, which is no object but %s; write apiVersion and kind, or remove it", nameOfType(d.Value)))
		return nil, &p
	}
	return object{document: d, node: d.Root, fields: fields}.flatten()
}

// flatten returns what stands in the items of a list. A list is what has items, as for kubectl.
func (o object) flatten() ([]object, *Problem) {
	if problem := o.document.validateKind(o.node, o.fields); problem != nil {
		return nil, problem
	}
	kind := kindOf(o.fields)
	written, isList := o.fields["items"]
	if !isList || isLecternKind(kind) {
		return []object{o}, nil // asSource refuses one of Lectern's with items
	}
	items, ok := written.([]any)
	if !ok && written != nil {
		p := o.document.problemAt(Locate(o.node, "items").reportedNode(), "items must be a list of objects; kubectl refuses the document")
		return nil, &p
	}
	if len(items) > MaxDocuments {
		p := o.document.problemAt(Locate(o.node, "items").reportedNode(), fmt.Sprintf("the list has %d items; at most %d are read of one, split it", len(items), MaxDocuments))
		return nil, &p
	}
	var all []object
	for i, item := range items {
		fields, ok := item.(map[string]any)
		at := ResolveAlias(Locate(o.node, fmt.Sprintf("items[%d]", i)).Value)
		if !ok {
			p := o.document.problemAt(at, fmt.Sprintf("kubectl refuses this list, since items[%d] is no object but %s; write an object, or remove it", i, nameOfType(item)))
			return nil, &p
		}
		fields = o.inferKind(kind, fields)
		if problem := o.document.validateListItem(at, fields); problem != nil {
			return nil, problem
		}
		all = append(all, object{document: o.document, node: at, fields: fields})
	}
	return all, nil
}

// validateKind refuses an object without a kind. One of Lectern's is refused in words of its own.
func (d *Document) validateKind(at *yaml.Node, fields map[string]any) *Problem {
	if kindOf(fields) != "" || strings.EqualFold(groupOf(fields), lecternGroup) {
		return nil
	}
	p := d.problemAt(Locate(at, "kind").reportedNode(), "kind is missing, without which kubectl refuses the document; write apiVersion and kind, or remove it")
	return &p
}

// validateListItem refuses what kubectl does not take as an item of a list.
func (d *Document) validateListItem(at *yaml.Node, fields map[string]any) *Problem {
	if _, isList := fields["items"]; isList && !isLecternKind(kindOf(fields)) {
		p := d.problemAt(at, "kubectl refuses a list in a list; write its items into the list it is in")
		return &p
	}
	return d.validateKind(at, fields)
}

// inferKind gives an item of a list the kind and version the list's own kind says, where it has neither.
func (o object) inferKind(listKind string, item map[string]any) map[string]any {
	if item["kind"] != nil || item["apiVersion"] != nil || !strings.HasSuffix(listKind, "List") || listKind == "List" {
		return item
	}
	item = maps.Clone(item)
	item["kind"], item["apiVersion"] = strings.TrimSuffix(listKind, "List"), o.fields["apiVersion"]
	return item
}

// nameOfType names what a value of JSON is.
func nameOfType(value any) string {
	switch value.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case nil:
		return "nothing"
	}
	return "a number"
}
