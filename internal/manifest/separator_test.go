package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A line of --- at column 0 ends a document wherever it stands. What stands behind is refused by the name of the prompt it was
// to belong to, and the half before it is not taken.
func TestRead_SeparatorsInTexts(t *testing.T) {
	t.Parallel()
	const wayOut = "; if it belongs to the text, indent the --- and the lines behind it as far as the lines of the text"
	half := head + "  text: |\n    First half\n---\n"
	for name, tc := range map[string]struct {
		file string
		text string // of the prompt, if it is taken
		want []string
	}{
		"words":                {half + "    Second half\n", "", []string{`f.yaml:7:1: this --- ends prompt default/a, and kubectl refuses what stands behind it, which is no object: "Second half"` + wayOut}},
		"a list":               {half + "    - one\n    - two\n", "", []string{`f.yaml:7:1: this --- ends prompt default/a, and kubectl refuses what stands behind it, which is no object: "- one"` + wayOut}},
		"what looks like keys": {half + "    Note: be brief\n", "", []string{`f.yaml:7:1: this --- ends prompt default/a, and kubectl refuses what stands behind it, which is no object: "Note: be brief"` + wayOut}},
		"what is no YAML":      {half + "    Note: be: brief\n", "", []string{`f.yaml:7:1: this --- ends prompt default/a, and kubectl refuses what stands behind it, which cannot be read: "Note: be: brief"` + wayOut}},
		"a folded text":        {strings.Replace(half, "|", ">-", 1) + "    Second half\n", "", []string{`f.yaml:7:1: this --- ends prompt default/a, and kubectl refuses what stands behind it, which is no object: "Second half"` + wayOut}},
		"a comment, as YAML sees it": {half + "    # Second half\n", "First half\n", []string{
			`f.yaml:7:1: warning: this --- ends prompt default/a, and kubectl takes what stands behind it for a comment: "# Second half"; if it belongs to the text, indent the --- as far as the lines of the text`,
		}},
		"indented": {strings.Replace(half, "---", "    ---", 1) + "    Second half\n", "First half\n---\nSecond half\n", nil},
		"in quotes": {head + "  text: \"First half\n---\n  Second half\"\n", "", []string{
			"f.yaml:5:1: this is not YAML: a quote is opened and never closed; the --- in line 6 ends the document, even inside quotes: indent it if it belongs to a text",
		}},
		"a longer line": {head + "  text: \"First half\n-----\n  Second half\"\n", "", []string{
			`f.yaml:6:1: --- at the start of a line ends a document, and kubectl refuses the file for what stands beside it: "-----"; if the line belongs to a text, indent it; else write --- alone`,
		}},
		"another prompt behind":  {half + named("b"), "First half\n", nil},
		"nothing behind":         {half, "First half\n", nil},
		"a comment at column 0":  {half + "# The end.\n", "First half\n", nil},
		"behind what is no text": {named("a") + "  tags: [a]\n---\na: b\n", "Hello", []string{"f.yaml:8:1: kind is missing, without which kubectl refuses the document; write apiVersion and kind, or remove it"}},
		"words behind what is no text": {named("a") + "  tags: [a]\n---\njust words\n", "Hello", []string{
			"f.yaml:8:1: kubectl refuses this document, which is no object but a text; write apiVersion and kind, or remove it",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := read(t, File{Name: "f.yaml", Content: []byte(tc.file)})
			if diff := cmp.Diff(tc.want, said(set.Problems)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			got := ""
			for _, m := range set.Manifests {
				if m.Prompt.Name == "a" {
					got = m.Prompt.Spec.Text
				}
			}
			if got != tc.text {
				t.Errorf("the text is %q, want %q", got, tc.text)
			}
			if refused := len(set.InvalidDocuments) > 0; refused != (tc.text == "" || tc.text == "Hello") {
				t.Errorf("the file has invalid documents: %t", refused)
			}
		})
	}
}
