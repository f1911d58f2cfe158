package manifest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// schemaProblem turns an error of the schema into a problem where it is in the file.
func (s *Source) schemaProblem(fieldErr *field.Error) Problem {
	key, isKey := fieldErr.BadValue.(string)
	fieldErr = abbreviateValue(fieldErr)
	path, message := fieldErr.Field, fieldErr.Error()
	if path == "<nil>" || path == "" {
		// Only the rule for names is one of the whole object. The format of a number has its path in the words.
		path, message = "metadata.name", fieldErr.Detail
		if of, found := strings.CutPrefix(message, "Checked value must be "); found {
			of, at, _ := strings.Cut(of, " in ")
			path, message = at, at+" must be "+of
		}
	}
	at := Locate(s.Node, path)
	switch {
	case isKey && key != "" && at.Value.Kind == yaml.MappingNode:
		// A key of labels or annotations, which the path does not name.
	case fieldErr.Type == field.ErrorTypeInvalid, fieldErr.Type == field.ErrorTypeTypeInvalid:
		// The value is in the file; repeating it would only push the reason away.
		message = fieldErr.Detail
		if !strings.HasPrefix(message, path) {
			message = path + ": " + message
		}
	}
	if fieldErr.Type == field.ErrorTypeTooLong {
		if !isMapping(at) { // the schema counts characters, and the library calls them bytes
			message = strings.TrimSuffix(message, " bytes") + " characters"
		}
		message += lengthRemedy(at, path)
	}
	if hint := s.valueHint(at, fieldErr); hint != "" {
		message += "; " + hint
	}
	return s.Document.problemAt(at.reportedNode(), message)
}

// abbreviateValue returns an error that repeats no more of a value than a message may.
func abbreviateValue(fieldErr *field.Error) *field.Error {
	short := *fieldErr
	switch value := fieldErr.BadValue.(type) {
	case string:
		short.BadValue = abbreviateText(value)
	case map[string]any, []any:
		short.BadValue = field.OmitValueType{}
	}
	return &short
}

// isMapping reports whether what is at a location is a mapping, as labels and annotations are.
func isMapping(at Location) bool {
	n := ResolveAlias(at.Value)
	return n != nil && n.Kind == yaml.MappingNode
}

// lengthRemedy says how long a text is that is too long, and what to do about it.
func lengthRemedy(at Location, path string) string {
	remedy := "shorten it"
	if strings.HasSuffix(path, ".text") {
		remedy = prompt.TextRemedy
	}
	n := ResolveAlias(at.Value)
	if n == nil || at.Missing != "" || isMapping(at) {
		return "; " + remedy
	}
	return fmt.Sprintf("; it has %d; %s", utf8.RuneCountInString(n.Value), remedy)
}

// unknownFieldProblem names a field the schema does not have, and what there is.
func (s *Source) unknownFieldProblem(path string) Problem {
	at := Locate(s.Node, path)
	message := fmt.Sprintf("unknown field %q", path)
	node := at.reportedNode()
	if at.Missing == "" && at.Key != nil {
		node = at.Key
		if hint := brokenFlowHint(at); hint != "" {
			message += "; " + hint
		}
	}
	return s.Document.problemAt(node, message)
}

// reportDuplicateKeys finds keys written twice, of which only one would count.
func (s *Source) reportDuplicateKeys(n *yaml.Node, problems *problemList) {
	if n.Kind == yaml.MappingNode {
		first := make(map[string]*yaml.Node, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if before, ok := first[key.Value]; ok {
				problems.report(false, false, func() Problem {
					return s.Document.problemAt(key, fmt.Sprintf("%s is written twice, first in line %d; remove one", quoteShort(key.Value), before.Line))
				})
				continue
			}
			first[key.Value] = key
		}
	}
	for _, c := range n.Content {
		s.reportDuplicateKeys(c, problems)
	}
}
