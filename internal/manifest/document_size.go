package manifest

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// validateSize refuses documents that are small to write and large to read.
func (d *Document) validateSize() *Problem {
	b := sizeMeter{known: map[*yaml.Node]extent{}}
	b.measureNode(d.Root)
	if b.problem == "" {
		return nil
	}
	p := d.problemAt(b.at, b.problem)
	return &p
}

// validateValueCount refuses a document of very many values before anything is made of them. What can begin a value is
// counted: in JSON just that, in YAML the commas and lines of texts, too.
func (d *Document) validateValueCount() *Problem {
	count, quoted := 0, false
	for i := 0; i < len(d.Text); i++ {
		switch c := d.Text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && d.jsonStream:
			quoted = !quoted
		case quoted:
		case c == ',', c == ':', c == '[', c == '{', !d.jsonStream && (c == '\n' || c == '-'):
			count++
		}
	}
	if count <= maxValues {
		return nil
	}
	return &Problem{Place: Place{File: d.File, Line: d.Line + 1, Column: d.column}, Message: fmt.Sprintf("the document has more than %d values, or as many commas and lines; split it", maxValues)}
}

// extent is how large and how deep a node is with its aliases filled in.
type extent struct{ size, height int }

// sizeMeter stops at the first thing refused.
type sizeMeter struct {
	known   map[*yaml.Node]extent // of what aliases point to; of height -1 while it is measured
	at      *yaml.Node
	problem string
}

func (b *sizeMeter) refuse(n *yaml.Node, format string, args ...any) {
	if b.problem == "" {
		b.at, b.problem = n, fmt.Sprintf(format, args...)
	}
}

func (b *sizeMeter) measureNode(n *yaml.Node) extent {
	if n.Kind == yaml.AliasNode {
		e, ok := b.known[n.Alias]
		if !ok || e.height < 0 {
			b.refuse(n, "the alias *%s contains itself; write the value out", n.Value)
		}
		return e
	}
	if n.Anchor != "" {
		b.known[n] = extent{height: -1}
	}
	e := extent{size: len(n.Value) + 1}
	for _, c := range n.Content {
		if b.problem != "" {
			return e
		}
		part := b.measureNode(c)
		e.size += part.size
		e.height = max(e.height, part.height+1)
		if e.size > MaxFile {
			b.refuse(n, "with its aliases filled in, the document has more than %d MiB; write less, or without aliases", MaxFile>>20)
		}
		if e.height > maxNesting {
			b.refuse(n, "more than %d mappings and lists inside each other", maxNesting)
		}
	}
	if n.Anchor != "" {
		b.known[n] = e
	}
	return e
}
