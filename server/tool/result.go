package tool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// Result is the answer to a call that went well: one text, two when a list was cut, and the same as a value.
type Result[Out any] struct {
	Texts      []string
	Structured Out
}

// NewResult makes a result of one text.
func NewResult[Out any](text string, structured Out) *Result[Out] {
	return &Result[Out]{Texts: []string{text}, Structured: structured}
}

// NewJSONResult makes a result whose text is a value in JSON: the structured result, or what is for reading of it.
func NewJSONResult[Out any](text any, structured Out) (*Result[Out], error) {
	written, err := IndentJSON(text, "")
	if err != nil {
		return nil, err
	}
	return NewResult(written, structured), nil
}

// separators are the two characters Go escapes and JavaScript does not. A backslash that is one itself
// comes first.
var separators = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")

// IndentJSON writes a value as JSON.stringify(value, null, 2) does, on lines that begin with prefix but for
// the first.
func IndentJSON(value any, prefix string) (string, error) {
	if own, is := value.(SelfWriter); is {
		b := takeBuffer()
		written := own.AppendIndented(*b, prefix)
		text := string(written)
		giveBack(b, written)
		return text, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent(prefix, "  ")
	if err := encoder.Encode(value); err != nil {
		return "", fmt.Errorf("write JSON: %w", err)
	}
	return separators.Replace(strings.TrimSuffix(b.String(), "\n")), nil
}

// CharactersPerToken is what texts have in the middle.
const CharactersPerToken = 3.6

// CharacterLimit returns how many characters so many tokens have; 0 tokens stand for any number.
func CharacterLimit(tokens int) int {
	if tokens == 0 {
		return math.MaxInt
	}
	return int(float64(tokens) * CharactersPerToken)
}
