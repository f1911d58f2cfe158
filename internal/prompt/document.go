package prompt

import (
	"encoding/json"
	"strings"
)

// Syntax is how a text is read.
type Syntax string

// The three syntaxes. An empty Syntax in a Spec means Mustache.
const (
	// Mustache has variables, sections, inverted sections, comments and includes.
	Mustache Syntax = "Mustache"
	// Simple replaces exactly {{name}}, name of letters, digits and '_'; all else is literal.
	Simple Syntax = "Simple"
	// Plain has no placeholders.
	Plain Syntax = "Plain"
)

// Type is what the values of an argument must look like. Values travel as strings.
type Type string

// The four types. An empty Type in a Spec means String.
const (
	String  Type = "String"
	Integer Type = "Integer"
	Number  Type = "Number"
	Boolean Type = "Boolean"
)

// Role is who speaks a message.
type Role string

// The two roles MCP knows in prompts.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Spec is what an author wrote, as the compiler takes it. Messages has at least one element (a
// prompt written as one text is one user message).
type Spec struct {
	Title       string
	Description string
	Category    string
	Tags        []string
	// Metadata is a JSON object, or empty.
	Metadata json.RawMessage
	Syntax   Syntax
	// Arguments is nil when the author declared none: every placeholder then becomes an argument.
	// An empty slice that is not nil declares that there are none.
	Arguments []Declaration
	Messages  []Message
}

// Declaration is an argument as an author declares it.
type Declaration struct {
	Name        string
	Description string
	Type        Type
	Enum        []string
	Default     *string
	// Required is nil when the author does not say: then an argument without default is required.
	Required *bool
}

// Message is one turn of a conversation.
type Message struct {
	Role Role   `json:"role"`
	Text string `json:"text"`
}

// Argument is a value a compiled prompt takes.
type Argument struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Type        Type     `json:"type"`
	Enum        []string `json:"enum,omitempty"`
	Default     *string  `json:"default,omitempty"`
	Required    bool     `json:"required,omitempty"`
}

// Document is a compiled prompt: a pure value, the same wherever it is compiled. Its JSON is what
// is stored, and its canonical JSON (RFC 8785) is what the Digest is of.
type Document struct {
	Syntax      Syntax          `json:"syntax"`
	Title       string          `json:"title,omitempty"`
	Description string          `json:"description,omitempty"`
	Category    string          `json:"category,omitempty"`
	Tags        []string        `json:"tags,omitempty"` // sorted
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	Arguments   []Argument      `json:"arguments,omitempty"`
	// Messages have their includes expanded. In Mustache they are in normal form: comments and the
	// whitespace of standalone lines are gone, every variable is written {{name}}; Render reads
	// them exactly, without the rules for standalone lines.
	Messages []Message `json:"messages"`
	// Source is the messages as written; absent when equal to Messages.
	Source []Message `json:"source,omitempty"`
}

// AsWritten returns the messages as the author wrote them, includes not expanded.
func (d *Document) AsWritten() []Message {
	if d.Source != nil {
		return d.Source
	}
	return d.Messages
}

// TextBytes returns how many bytes the texts have: as served, and as written where that is another text.
func (d *Document) TextBytes() int64 {
	n := 0
	for _, messages := range [][]Message{d.Messages, d.Source} {
		for _, message := range messages {
			n += len(message.Text)
		}
	}
	return int64(n)
}

// JoinTexts returns messages as one text, with a blank line between two.
func JoinTexts(messages []Message) string {
	texts := make([]string, len(messages))
	for i, message := range messages {
		texts[i] = message.Text
	}
	return strings.Join(texts, "\n\n")
}

// Digest is "sha256:" and 64 lower-case hexadecimal digits.
type Digest string

// Selector says which version of a prompt is meant: a number, a channel, or with neither set the
// default version.
type Selector struct {
	Version int64
	Channel string
}

// Ref names a prompt of the same namespace, and which version of it.
type Ref struct {
	Name string
	Selector
}

// Fragment is one stored version of a prompt, as an include takes it: the messages as written.
type Fragment struct {
	Name     string
	Version  int64
	Syntax   Syntax
	Messages []Message
	// Remembered is set by RememberIncludes.
	Remembered *FragmentIncludes
}

// FragmentIncludes is what IncludedRefs answers of a Fragment.
type FragmentIncludes struct {
	Refs []Ref
	Err  error
}

// Included says which version of another prompt a compiled prompt contains, and how it was asked
// for.
type Included struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
	// Selector is how the include was written: empty for the default version, else "@3" or
	// "@production".
	Selector string `json:"selector,omitempty"`
}

// Compiled is what Compile makes of a Spec and its fragments.
type Compiled struct {
	Document Document
	Digest   Digest
	// Includes lists every fragment version that went in, directly or through another fragment, in
	// order of name, version and selector. It is not part of the Digest.
	Includes []Included
}
