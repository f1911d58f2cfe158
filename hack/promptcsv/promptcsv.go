// Package promptcsv turns rows of a prompt collection in CSV (columns act, prompt, and optionally
// for_devs and type) into Prompt manifests.
//
// It knows no cluster. A row whose placeholders it understands becomes a prompt in syntax Simple;
// any other row becomes Plain with its text unchanged, so that no row is ever guessed at.
package promptcsv

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
)

// Convert reads rows and returns their manifests in the same order. A row that can be no Prompt,
// because its text is empty, too long or not storable, is an error that names it.
//
// Line ends inside a quoted field come out as "\n", also where the file has "\r\n": encoding/csv
// reads them so.
func Convert(r io.Reader) ([]v1alpha1.Prompt, error) {
	reader := csv.NewReader(r)
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	columns, err := findColumns(header)
	if err != nil {
		return nil, err
	}
	names := namer{taken: map[string]bool{}}
	var prompts []v1alpha1.Prompt
	for number := 1; ; number++ {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return prompts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", number, err)
		}
		p, err := promptOfRow(columns.readRow(fields))
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", number, err)
		}
		p.Name = names.uniqueName(columns.readRow(fields).act, number)
		prompts = append(prompts, *p)
	}
}

// columns are the places of the fields; -1 where the file has none.
type columns struct{ act, prompt, forDevs, kind int }

type row struct{ act, prompt, forDevs, kind string }

func findColumns(header []string) (columns, error) {
	c := columns{
		act:     slices.Index(header, "act"),
		prompt:  slices.Index(header, "prompt"),
		forDevs: slices.Index(header, "for_devs"),
		kind:    slices.Index(header, "type"),
	}
	if c.act < 0 || c.prompt < 0 {
		return columns{}, fmt.Errorf("the header is %q; it must have the columns act and prompt", header)
	}
	return c, nil
}

func (c columns) readRow(fields []string) row {
	field := func(i int) string {
		if i < 0 {
			return ""
		}
		return fields[i]
	}
	return row{act: field(c.act), prompt: field(c.prompt), forDevs: field(c.forDevs), kind: field(c.kind)}
}

func promptOfRow(r row) (*v1alpha1.Prompt, error) {
	for _, field := range []struct{ name, text string }{{"act", r.act}, {"prompt", r.prompt}, {"type", r.kind}} {
		if !utf8.ValidString(field.text) || strings.ContainsRune(field.text, 0) {
			return nil, fmt.Errorf("%s is not UTF-8 without U+0000, so it cannot be stored", field.name)
		}
	}
	metadata, err := json.Marshal(map[string]string{"act": r.act})
	if err != nil {
		return nil, fmt.Errorf("write metadata.act: %w", err)
	}
	p := &v1alpha1.Prompt{}
	p.APIVersion, p.Kind = v1alpha1.GroupVersion.String(), "Prompt"
	p.Spec = v1alpha1.PromptSpec{
		Title:    truncate(r.act, prompt.MaxTitle),
		Category: truncate(strings.ToLower(r.kind), prompt.MaxTitle),
		Metadata: &runtime.RawExtension{Raw: metadata},
		Syntax:   v1alpha1.SyntaxPlain,
		Text:     r.prompt,
	}
	if strings.EqualFold(r.forDevs, "true") {
		p.Spec.Tags = []string{"for-devs"}
	}
	if text, arguments, ok := toSimpleSyntax(r.prompt); ok {
		p.Spec.Syntax, p.Spec.Text, p.Spec.Arguments = v1alpha1.SyntaxSimple, text, arguments
	}
	if n := len(p.Spec.Text); n == 0 || n > prompt.MaxText {
		return nil, fmt.Errorf("prompt has %d bytes; 1 to %d are allowed; split the row", n, prompt.MaxText)
	}
	return p, nil
}

// truncate keeps at most limit characters.
func truncate(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit])
}

var (
	opening     = regexp.MustCompile(`\$\{`)
	placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9_ ]+)(?::([^}]*))?\}`)
	identifier  = regexp.MustCompile(`\{\{[A-Za-z0-9_]+\}\}`)
)

// toSimpleSyntax rewrites ${name} and ${name:default} to {{name}}. It is not ok when a "${" is anything
// else, when {{name}} already stands in the text and would become a placeholder, or when what comes
// out would not be a valid Prompt.
func toSimpleSyntax(text string) (rewritten string, arguments []v1alpha1.Argument, ok bool) {
	found := placeholder.FindAllStringSubmatch(text, -1)
	if len(found) != len(opening.FindAllStringIndex(text, -1)) || identifier.MatchString(text) {
		return "", nil, false
	}
	for _, match := range found {
		name, value := underscored(match[1]), match[2]
		if len(name) > prompt.MaxName || utf8.RuneCountInString(value) > prompt.MaxDefault {
			return "", nil, false
		}
		at := slices.IndexFunc(arguments, func(a v1alpha1.Argument) bool { return a.Name == name })
		if at < 0 {
			at = len(arguments)
			arguments = append(arguments, v1alpha1.Argument{Name: name})
		}
		if arguments[at].Default == nil && value != "" {
			arguments[at].Default = &value
		}
	}
	if len(arguments) > prompt.MaxArguments {
		return "", nil, false
	}
	rewritten = placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name, _, _ := strings.Cut(match[2:len(match)-1], ":")
		return "{{" + underscored(name) + "}}"
	})
	return rewritten, arguments, true
}

func underscored(name string) string { return strings.ReplaceAll(name, " ", "_") }
