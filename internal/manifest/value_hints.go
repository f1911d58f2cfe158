package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// valueHint says how to write what YAML read in another way than its author meant. It is empty where YAML is
// not to blame.
func (s *Source) valueHint(at Location, fieldErr *field.Error) string {
	if at.Missing != "" || s.Document.JSON {
		return ""
	}
	wanted := wantedType(fieldErr)
	n := ResolveAlias(at.Value)
	if wanted == "" || n == nil {
		return ""
	}
	switch plain := n.Kind == yaml.ScalarNode && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0; {
	case plain && n.Value == "":
		return "nothing is written after " + keyOf(at) + "; write a value, or remove the line"
	case plain && wanted == "string":
		return fmt.Sprintf("YAML reads %s as %s, and text is wanted here: write %s", abbreviateText(n.Value), readAsType(fieldErr), correctedEntry(at, strconv.Quote(abbreviateText(n.Value))))
	case n.Kind == yaml.MappingNode && wanted == "string" && isTemplate(n):
		return "YAML reads {{ at the start of a value as a mapping: put the value in quotes, as in " + keyOf(at) + ` "{{name}} …", or write it as a block after ` + keyOf(at) + " |"
	case n.Kind == yaml.ScalarNode && !plain && (wanted == "integer" || wanted == "boolean"):
		return fmt.Sprintf("in quotes it is text: write %s", correctedEntry(at, abbreviateText(n.Value)))
	case n.Kind == yaml.ScalarNode && wanted == "array" && strings.Contains(n.Value, ","):
		return fmt.Sprintf("a list stands in brackets: write %s", correctedEntry(at, "["+abbreviateText(n.Value)+"]"))
	case n.Kind == yaml.ScalarNode && wanted == "array":
		return fmt.Sprintf("a list stands in brackets, even of one: write %s", correctedEntry(at, "["+abbreviateText(n.Value)+"]"))
	}
	return ""
}

var typeInMessage = regexp.MustCompile(`must be of type ([a-z]+)`)

func wantedType(fieldErr *field.Error) string {
	if found := typeInMessage.FindStringSubmatch(fieldErr.Detail); found != nil {
		return found[1]
	}
	return ""
}

// readAsType names the type a plain value turned out to have.
func readAsType(fieldErr *field.Error) string {
	switch {
	case strings.HasSuffix(fieldErr.Detail, `"boolean"`):
		return "true or false"
	case strings.HasSuffix(fieldErr.Detail, `"null"`):
		return "nothing"
	default:
		return "a number"
	}
}

// keyOf gives the key as it stands before a value.
func keyOf(at Location) string {
	if at.Key == nil {
		return "-"
	}
	return at.Key.Value + ":"
}

// maxCorrectedItems is how long a list may be that a message repeats.
const maxCorrectedItems = 8

// correctedEntry writes the line with another value. For one item of a short list in brackets it is the whole list, all of
// whose items need the same care.
func correctedEntry(at Location, value string) string {
	if at.Key != nil || at.Parent == nil || at.Parent.Style&yaml.FlowStyle == 0 {
		return keyOf(at) + " " + value
	}
	if len(at.Parent.Content) > maxCorrectedItems {
		return value
	}
	items := make([]string, len(at.Parent.Content))
	for i, item := range at.Parent.Content {
		items[i] = strconv.Quote(abbreviateText(ResolveAlias(item).Value))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// isTemplate says that a mapping is {{name}} as YAML sees it.
func isTemplate(n *yaml.Node) bool {
	return n.Style&yaml.FlowStyle != 0 && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode
}

// brokenFlowHint explains a key nobody meant: the rest of a text with a comma in it, inside braces.
func brokenFlowHint(at Location) string {
	if at.Parent == nil || at.Parent.Style&yaml.FlowStyle == 0 || at.Value.Value != "" || at.Value.Kind != yaml.ScalarNode {
		return ""
	}
	return "inside { } a comma ends a value: put text with a comma in quotes"
}

// reportTagsAndAnchors finds what YAML takes out of a text without a word: tags and anchors.
func (s *Source) reportTagsAndAnchors(problems *problemList) {
	used := map[*yaml.Node]bool{}
	var anchored []*yaml.Node
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
			problems.report(false, false, func() Problem {
				return s.Document.problemAt(n, s.Document.droppedMessage(n.Tag, "for a tag and drops it; put the text in quotes", n.Value))
			})
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(s.Document.Root)
	for _, n := range anchored {
		if !used[n] {
			problems.report(true, false, func() Problem {
				return s.Document.problemAt(n, s.Document.droppedMessage("&"+n.Anchor, "for an anchor and drops it, and nothing uses it; put the text in quotes", n.Value))
			})
		}
	}
}

// droppedMessage says what YAML takes a word before a value for.
func (d *Document) droppedMessage(word, takenFor, value string) string {
	if d.mayHoldCredentials() {
		return "YAML takes a word that begins with " + word[:1] + " " + takenFor
	}
	return fmt.Sprintf("YAML takes %s %s: %s", word, takenFor, quoteShort(strings.TrimSpace(word+" "+value)))
}
