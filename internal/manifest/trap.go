package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// hint says how to write what YAML read in another way than its author meant. It is empty where YAML is
// not to blame.
func (m *Manifest) hint(at spot, fault *field.Error) string {
	if at.missing != "" || m.document.json {
		return ""
	}
	wanted := wantedType(fault)
	n := target(at.value)
	if wanted == "" || n == nil {
		return ""
	}
	switch plain := n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0; {
	case plain && n.Value == "":
		return "nothing is written after " + keyOf(at) + "; write a value, or remove the line"
	case plain && wanted == "string":
		return fmt.Sprintf("YAML reads %s as %s, and text is wanted here: write %s", n.Value, readAs(fault), corrected(at, strconv.Quote(n.Value)))
	case n.Kind == yaml.MappingNode && wanted == "string" && isTemplate(n):
		return "YAML reads {{ at the start of a value as a mapping: put the value in quotes, as in " + keyOf(at) + ` "{{name}} …", or write it as a block after ` + keyOf(at) + " |"
	case n.Kind == yaml.ScalarNode && !plain && (wanted == "integer" || wanted == "boolean"):
		return fmt.Sprintf("in quotes it is text: write %s", corrected(at, n.Value))
	case n.Kind == yaml.ScalarNode && wanted == "array" && strings.Contains(n.Value, ","):
		return fmt.Sprintf("a list stands in brackets: write %s", corrected(at, "["+n.Value+"]"))
	case n.Kind == yaml.ScalarNode && wanted == "array":
		return fmt.Sprintf("a list stands in brackets, even of one: write %s", corrected(at, "["+n.Value+"]"))
	}
	return ""
}

var ofType = regexp.MustCompile(`must be of type ([a-z]+)`)

func wantedType(fault *field.Error) string {
	if found := ofType.FindStringSubmatch(fault.Detail); found != nil {
		return found[1]
	}
	return ""
}

// readAs names the type a plain value turned out to have.
func readAs(fault *field.Error) string {
	switch {
	case strings.HasSuffix(fault.Detail, `"boolean"`):
		return "true or false"
	case strings.HasSuffix(fault.Detail, `"null"`):
		return "nothing"
	default:
		return "a number"
	}
}

// keyOf is the key as it stands before a value.
func keyOf(at spot) string {
	if at.key == nil {
		return "-"
	}
	return at.key.Value + ":"
}

// corrected is the line with another value. For one item of a list in brackets it is the whole list, all of
// whose items need the same care.
func corrected(at spot, value string) string {
	if at.key != nil || at.parent == nil || at.parent.Style&yaml.FlowStyle == 0 {
		return keyOf(at) + " " + value
	}
	items := make([]string, len(at.parent.Content))
	for i, item := range at.parent.Content {
		items[i] = strconv.Quote(target(item).Value)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// isTemplate says that a mapping is {{name}} as YAML sees it.
func isTemplate(n *yaml.Node) bool {
	return n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode
}

// brokenFlow explains a key nobody meant: the rest of a text with a comma in it, inside braces.
func brokenFlow(at spot) string {
	if at.parent == nil || at.parent.Style&yaml.FlowStyle == 0 || at.value.Value != "" || at.value.Kind != yaml.ScalarNode {
		return ""
	}
	return "inside { } a comma ends a value: put text with a comma in quotes"
}

// marks finds what YAML takes out of a text without a word: tags and anchors.
func (m *Manifest) marks() []Problem {
	used := map[*yaml.Node]bool{}
	var anchored, tagged []*yaml.Node
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.AliasNode {
			used[n.Alias] = true
			return
		}
		if n.Anchor != "" && n.Kind == yaml.ScalarNode {
			anchored = append(anchored, n)
		}
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
			tagged = append(tagged, n)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(m.document.root)
	var found []Problem
	for _, n := range tagged {
		found = append(found, m.document.at(n, fmt.Sprintf("YAML takes %s for a tag and drops it; put the text in quotes: %s", n.Tag, strconv.Quote(strings.TrimSpace(n.Tag+" "+n.Value)))))
	}
	for _, n := range anchored {
		if !used[n] {
			p := m.document.at(n, fmt.Sprintf("YAML takes &%s for an anchor and drops it, and nothing uses it; put the text in quotes: %s", n.Anchor, strconv.Quote(strings.TrimSpace("&"+n.Anchor+" "+n.Value))))
			p.Warning = true
			found = append(found, p)
		}
	}
	return found
}
