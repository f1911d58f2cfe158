package edit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/testenv"
)

// textStyles write lines as a text in one of the ways there are. What they say is for the reader to say.
var textStyles = map[string]func(lines []string) string{
	"literal": func(lines []string) string { return head + "  text: |\n" + indentAll(lines, "    ") },
	"literal, far in, without a last break, with a comment": func(lines []string) string {
		return head + "  text: |- # what is said\n" + indentAll(lines, "          ") + "  # behind\n  title: T\n"
	},
	"literal, with an indicator and blank lines at the end": func(lines []string) string {
		return head + "  text: |3+\n" + indentAll(lines, "     ") + "\n\n  title: T\n"
	},
	"literal, in a message": func(lines []string) string {
		return head + "  messages:\n  - role: user\n    text: |\n" + indentAll(lines, "         ") + "  - {role: assistant, text: x}\n"
	},
	"literal, with Windows breaks": func(lines []string) string {
		return strings.ReplaceAll(head+"  text: |\n"+indentAll(lines, "    "), "\n", "\r\n")
	},
	"folded":                  func(lines []string) string { return head + "  text: >\n" + indentAll(wrap(lines), "    ") },
	"folded, without a break": func(lines []string) string { return head + "  text: >-\n" + indentAll(wrap(lines), "      ") },
	"double-quoted, one line": func(lines []string) string {
		return head + "  text: " + doubleQuoted(strings.Join(lines, "\n")) + " # c\n"
	},
	"double-quoted, escapes": func(lines []string) string {
		return head + "  text: " + strings.ReplaceAll(doubleQuoted(strings.Join(lines, "\n")), "e", `\u0065`) + "\n"
	},
	"double-quoted, folded": func(lines []string) string { return head + "  text: \"" + foldQuoted(lines, escapeDouble) + "\"\n" },
	"double-quoted, continued": func(lines []string) string {
		return head + "  text: " + strings.ReplaceAll(doubleQuoted(strings.Join(lines, "\n")), `\n`, "\\n\\\n    \\\n    ") + "\n"
	},
	"single-quoted, folded": func(lines []string) string {
		return head + "  text: '" + foldQuoted(lines, func(s string) string { return strings.ReplaceAll(s, "'", "''") }) + "'\n"
	},
	"plain, folded": func(lines []string) string {
		return head + "  text: " + foldQuoted(lines, func(s string) string { return s }) + "\n"
	},
	"JSON": func(lines []string) string { return asJSON(strings.Join(lines, "\n"), "", "") },
	"JSON, indented by tabs": func(lines []string) string {
		return asJSON(strings.Join(lines, "\n"), "", "\t")
	},
}

func asJSON(text, prefix, indent string) string {
	object := map[string]any{"apiVersion": "lectern.dev/v1alpha1", "kind": "Prompt", "metadata": map[string]any{"name": "a"}, "spec": map[string]any{"syntax": "Plain", "text": text, "title": "T"}}
	out, err := json.MarshalIndent(object, prefix, indent)
	if err != nil {
		panic(err)
	}
	return string(out) + "\n"
}

func indentAll(lines []string, by string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight(by+line, " ") + "\n")
	}
	return b.String()
}

func escapeDouble(s string) string {
	quoted := doubleQuoted(s)
	return quoted[1 : len(quoted)-1]
}

// foldQuoted breaks paragraphs at blanks, and ends them with blank lines.
func foldQuoted(lines []string, escape func(string) string) string {
	var written []string
	for _, line := range wrap(lines) {
		written = append(written, escape(strings.TrimSpace(line)), "")
	}
	return strings.TrimSpace(strings.Join(written, "\n    "))
}

// wrap breaks lines at every eighth blank.
func wrap(lines []string) []string {
	var wrapped []string
	for _, line := range lines {
		words := strings.Split(line, " ")
		for chunk := range slices.Chunk(words, 8) {
			wrapped = append(wrapped, strings.Join(chunk, " "))
		}
	}
	return wrapped
}

// changedLines counts the lines of a text that another has not, by the lines both have in one order.
func changedLines(before, after string) int {
	was, is := strings.Split(before, "\n"), strings.Split(after, "\n")
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
	}
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	return max(len(was), len(is))
}

// TestRewriteSpec_ChangesOneLineForOneWord in every style: in texts of 200 lines, and in those of people.
func TestRewriteSpec_ChangesOneLineForOneWord(t *testing.T) {
	t.Parallel()
	long := make([]string, 200)
	for i := range long {
		long[i] = fmt.Sprintf("Line %d says something, é 😀, \"quoted\", of it's own.", i)
		if i%17 == 5 {
			long[i] = ""
		}
		if i%17 == 9 {
			long[i] = "  further in " + long[i]
		}
	}
	texts := [][]string{long}
	one := 40
	if testenv.RaceDetector {
		one = 400 // it makes reading ten times as long
	}
	for i, file := range collection(t) {
		if i%one == 7 {
			texts = append(texts, strings.Split(strings.TrimSpace(only(t, file).Prompt.Spec.Text), "\n"))
		}
	}
	for style, write := range textStyles {
		t.Run(style, func(t *testing.T) {
			t.Parallel()
			edited := 0
			for _, lines := range texts {
				edited += replaceWords(t, strings.Replace(write(lines), "spec:\n", "spec:\n  syntax: Plain\n", 1))
			}
			t.Logf("%d words of %d texts", edited, len(texts))
			if edited < 5 {
				t.Errorf("only %d words were edited", edited)
			}
		})
	}
}

// replaceWords replaces five words of the text in a file, each by itself, if the file can be read.
func replaceWords(t *testing.T, file string) (edited int) {
	t.Helper()
	set := read(t, manifest.File{Name: "f.yaml", Content: []byte(file)})
	if len(set.Manifests) != 1 {
		return 0
	}
	m := set.Manifests[0]
	text := &m.Prompt.Spec.Text
	if *text == "" {
		text = &m.Prompt.Spec.Messages[0].Text
	}
	words := strings.Fields(*text)
	for _, word := range []int{0, len(words) / 4, len(words) / 2, len(words) * 3 / 4, len(words) - 1} {
		spec := m.Prompt.Spec.DeepCopy()
		into := &spec.Text
		if *into == "" {
			into = &spec.Messages[0].Text
		}
		*into = strings.Replace(*text, words[word], "Another"+words[word]+"Word", 1)
		if *into == *text {
			continue
		}
		got, err := RewriteSpec([]byte(file), m.Key(), *spec)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		edited++
		if diff := cmp.Diff(*spec, specIn(t, string(got), "a"), sameMetadata); diff != "" {
			t.Errorf("(-asked +read)\n%s", diff)
		}
		if lines := changedLines(file, string(got)); lines != 1 {
			t.Errorf("%d lines changed for the word %q:\n%s", lines, words[word], strings.Join(changed(file, string(got)), "\n"))
		}
	}
	return edited
}

// TestRewriteSpec_KeepsTheStyleOfATextThatChanges however much of it does.
func TestRewriteSpec_KeepsTheStyleOfATextThatChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ file, text, want string }{
		"lines come, go and change": {"  text: |\n      a\n\n      b\n        c\n      d\n", "a2\nb\n\n  c\n  new\n\n\nd\ne\n", "  text: |\n      a2\n      b\n\n        c\n        new\n\n\n      d\n      e\n"},
		"a line goes empty":         {"  text: |\n    a\n    b\n    c\n", "a\n\nc\n", "  text: |\n    a\n\n    c\n"},
		"the last break goes":       {"  text: | # c\n    a\n    b\n", "a\nb", "  text: |- # c\n    a\n    b\n"},
		"a last break comes":        {"  text: |-\n    a\n", "a\n", "  text: |\n    a\n"},
		"more breaks at the end":    {"  text: |\n    a\n  title: T\n", "a\n\n\n", "  text: |+\n    a\n\n\n  title: T\n"},
		"fewer breaks at the end":   {"  text: |+\n    a\n\n\n\n  title: T\n", "a\n\n", "  text: |+\n    a\n\n  title: T\n"},
		"blanks come first":         {"  text: |\n      a\n", "  a\n", "  text: |4\n        a\n"},
		"an indicator stays":        {"  text: |4-\n        a\n      b\n", "  a\nc", "  text: |4-\n        a\n      c\n"},
		"folded lines": {"  text: >\n    one two\n    three four\n\n    five\n      six\n    seven\n", "one two\nthree 4 five\n  six\nseven eight\nnine\n",
			"  text: >\n    one two\n\n    three 4 five\n      six\n    seven eight\n\n    nine\n"},
		"folded, a paragraph more":           {"  text: >-\n    one\n    two\n\n    three\n", "one two\nthree\nfour", "  text: >-\n    one\n    two\n\n    three\n\n    four\n"},
		"plain, a paragraph more":            {"  text: one\n      two\n\n      three\n", "one two\nthree\nfour", "  text: one\n      two\n\n      three\n\n      four\n"},
		"quotes, a paragraph more":           {"  text: 'one\n      two\n\n      it''s'\n", "one two\nit's\n'4'", "  text: 'one\n      two\n\n      it''s\n\n      ''4'''\n"},
		"escapes stay":                       {"  text: \"\\u00e9 one\\ttwo\\n \\x21 \\\n    three\"\n", "é one\ttwo\n ! 3\nfour", "  text: \"\\u00e9 one\\ttwo\\n \\x21 \\\n    3\\nfour\"\n"},
		"a plain text of one line":           {"  text: one\n", "one\ntwo", "  text: |-\n    one\n    two\n"},
		"a plain text that is none any more": {"  text: one two\n", "one: two", "  text: \"one: two\"\n"},
		"another text":                       {"  text: |-\n      one\n      two\n", "three\nfour\n", "  text: |\n      three\n      four\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := head + tc.file
			spec := specIn(t, file, "a")
			spec.Text = tc.text
			got, err := RewriteSpec([]byte(file), key("a"), spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(head+tc.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
