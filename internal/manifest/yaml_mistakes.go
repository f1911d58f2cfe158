package manifest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

var messageLine = regexp.MustCompile(`^(?:yaml: )?line ([0-9]+): `)

// syntaxProblem explains why a document cannot be read, and how to write what was probably meant.
func (d *Document) syntaxProblem(err error) *Problem {
	message := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ", "while decoding JSON: ", "yaml: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	line := 1
	if found := messageLine.FindStringSubmatch(message); found != nil {
		message = message[len(found[0]):]
		line, _ = strconv.Atoi(found[1])
	} else {
		message = strings.TrimPrefix(message, "unmarshal errors:\n  ")
	}
	lines := d.lines()
	line = min(max(line, 1), len(lines))
	column := 1
	if line == 1 {
		column = d.column
	}
	if at, where, hint := findMistakeNear(lines, line, message); hint != "" {
		line, column, message = at, where, d.withoutValue(hint)
	} else {
		language := "YAML"
		if d.jsonStream {
			language = "JSON"
		}
		if d.mayHoldCredentials() && !isWithoutValue(message) {
			message = "something in it cannot be read, and is not repeated, since it may be a credential"
		}
		message = "this is not " + language + ": " + strings.Replace(message, "found unexpected end of stream", "a quote is opened and never closed", 1)
		if strings.Contains(message, "mapping values are not allowed") {
			message += "; check how far the line is indented"
		}
		if d.separated && strings.Contains(message, "never closed") {
			message += fmt.Sprintf("; the --- in line %d ends the document, even inside quotes: indent it if it belongs to a text", d.Line+len(lines))
		}
	}
	return &Problem{Place: Place{File: d.File, Line: d.Line + line, Column: column}, Message: message}
}

// separatorProblem explains a line that kubectl takes for the end of a document and does not understand.
func (d *Document) separatorProblem() *Problem {
	beside := ": " + quoteShort(strings.TrimSpace(d.lines()[d.badSeparator-1]))
	if d.mayHoldCredentials() {
		beside = ""
	}
	return &Problem{Place: Place{File: d.File, Line: d.Line + d.badSeparator, Column: 1}, Message: "--- at the start of a line ends a document, " +
		"and kubectl refuses the file for what stands beside it" + beside + "; if the line belongs to a text, indent it; else write --- alone"}
}

// A yamlMistake is a line people write that YAML reads otherwise.
type yamlMistake struct {
	shape *regexp.Regexp // of a line; its first group ends where the trouble begins
	// message are words of the library's error; without any, the shape is enough.
	message string
	explain func(found []string) string
}

const keyShape = `^([ ]*(?:- +)*(?:- +|["']?[\w./-]+["']?:[ ]+))`

var bracesShape = regexp.MustCompile(keyShape + `(\{\{.*)$`)

func explainBraces(found []string) string {
	return "YAML reads {{ at the start of a value as a mapping: put the value in quotes: write " + quoteValue(found)
}

var yamlMistakes = []yamlMistake{
	{regexp.MustCompile(`^([ ]*)\t[ \t]*\S`), "", func([]string) string {
		return "a tab stands in the indentation, where YAML allows blanks only; replace it by blanks"
	}},
	{bracesShape, "", explainBraces},
	{regexp.MustCompile(keyShape + `(["'].*)$`), "did not find expected", func(found []string) string {
		return "the value begins with a quote and goes on after the closing one: put all of it in quotes: write " + quoteValue(found)
	}},
	{regexp.MustCompile(keyShape + "([@`%].*)$"), "cannot start any token", func(found []string) string {
		return "a value cannot begin with " + found[2][:1] + ": put it in quotes: write " + quoteValue(found)
	}},
	{regexp.MustCompile(keyShape + `(\*.*)$`), "", func(found []string) string {
		return "YAML reads * at the start of a value as an alias: put the value in quotes: write " + quoteValue(found)
	}},
	{regexp.MustCompile(keyShape + `(&.*)$`), "alphabetic or numeric", func(found []string) string {
		return "YAML reads & at the start of a value as an anchor: put the value in quotes: write " + quoteValue(found)
	}},
	{regexp.MustCompile(keyShape + `([^"'|>\[{#\s][^#]*: .*|[^"'|>\[{#\s].*:)$`), "mapping values are not allowed", func(found []string) string {
		return "a colon and a blank inside a value begin another key: put the value in quotes: write " + quoteValue(found)
	}},
}

// quoteValue writes the line with its value in double quotes.
func quoteValue(found []string) string {
	return strings.TrimLeft(found[1], " ") + strconv.Quote(strings.TrimRight(found[2], " \r"))
}

// findMistakeNear looks for a mistake around the line an error speaks of: the library often notices a line late.
func findMistakeNear(lines []string, line int, said string) (at, column int, hint string) {
	for _, near := range []int{line, line - 1, line + 1, line - 2} {
		if near < 1 || near > len(lines) {
			continue
		}
		text := strings.TrimRight(lines[near-1], "\r")
		for _, t := range yamlMistakes {
			if !strings.Contains(said, t.message) {
				continue
			}
			if found := t.shape.FindStringSubmatch(text); found != nil {
				return near, 1 + utf8.RuneCountInString(found[1]), t.explain(found)
			}
		}
	}
	return 0, 0, ""
}

// validateKeys refuses mappings whose keys are no text, which Kubernetes does not have: {{name}} is one.
func (d *Document) validateKeys(n *yaml.Node) *Problem {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && ResolveAlias(c).Kind != yaml.ScalarNode {
			p := d.problemAt(n, "the key of a mapping must be text")
			if isTemplate(n) {
				p.Message = "YAML reads {{ at the start of a value as a mapping: put the value in quotes, or write it as a block after |"
				if lines := d.lines(); n.Line-d.Line <= len(lines) {
					if found := bracesShape.FindStringSubmatch(strings.TrimRight(lines[n.Line-d.Line-1], "\r")); found != nil {
						p.Message = d.withoutValue(explainBraces(found))
					}
				}
			}
			return &p
		}
		if problem := d.validateKeys(c); problem != nil {
			return problem
		}
	}
	return nil
}
