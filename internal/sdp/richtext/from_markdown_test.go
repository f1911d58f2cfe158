package richtext

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFromMarkdown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ markdown, want string }{
		"plain text":         {"The dock\nshows < nothing & more", "<p>The dock<br>shows &lt; nothing &amp; more</p>"},
		"nothing":            {"", ""},
		"paragraphs":         {"One\n\nTwo  \nlines", "<p>One</p>\n<p>Two<br>lines</p>"},
		"inline":             {"*a* **b** `c <d>` e", "<p><em>a</em> <strong>b</strong> <code>c &lt;d&gt;</code> e</p>"},
		"headings":           {"# A\n### B", "<h1>A</h1>\n<h3>B</h3>"},
		"lists":              {"- a\n- b\n  1. c", "<ul><li>a</li><li>b<ol><li>c</li></ol>\n</li></ul>"},
		"a quote":            {"> a\n> b", "<blockquote><p>a<br>b</p>\n</blockquote>"},
		"preformatted":       {"```sh\nrm <x>\n```", "<pre>rm &lt;x&gt;\n</pre>"},
		"a rule":             {"a\n\n---\n\nb", "<p>a</p>\n<hr>\n<p>b</p>"},
		"escapes":            {`\*a\* &amp; &lt;b&gt; &#65;`, "<p>*a* &amp; &lt;b&gt; A</p>"},
		"HTML":               {"<b onclick=x>a</b>\n\n<script>\nalert(1)\n</script>", "<p>&lt;b onclick=x&gt;a&lt;/b&gt;</p>\n<p>&lt;script&gt;<br>alert(1)<br>&lt;/script&gt;</p>"},
		"a link":             {"[the page](https://example.org/a?b=1&c=2)", `<p><a href="https://example.org/a?b=1&amp;c=2">the page</a></p>`},
		"an address":         {"<mailto:ana@example.org>", `<p><a href="mailto:ana@example.org">mailto:ana@example.org</a></p>`},
		"a link that runs":   {"[a](javascript:alert(1)) [b](&#106;avascript:x) [c](data:text/html,x)", "<p>a (javascript:alert(1)) b (javascript:x) c (data:text/html,x)</p>"},
		"a link that breaks": {`[a](<https://e.example/"onclick=x>)`, `<p><a href="https://e.example/%22onclick=x">a</a></p>`},
		"an image":           {"![x](https://t.example/?q=1)", "<p>![x](https://t.example/?q=1)</p>"},
		"a mark":             {"a\n\n— anna through Lectern [k3f9q2]", "<p>a</p>\n<p>— anna through Lectern [k3f9q2]</p>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, FromMarkdown(tc.markdown)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// anElement matches what FromMarkdown may write.
var anElement = regexp.MustCompile(`</?(?:p|h[1-6]|blockquote|hr|ul|ol|li|pre|br|code|em|strong)>|<a href="(?:https?|mailto):[^"<>]*">|</a>`)

// FuzzFromMarkdown: whatever is written, nothing but elements of the list comes out, and nobody is sent where they do not see it.
func FuzzFromMarkdown(f *testing.F) {
	for _, seed := range []string{"a", "<script>x</script>", "[a](javascript:b)", "![a](https://b)", "[a]: javascript:x\n\n[a]", "<https://a\"b>", "&lt;b&gt;", "- <p\n>", "`<`"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, markdown string) {
		written := FromMarkdown(markdown)
		if left := anElement.ReplaceAllString(written, ""); strings.ContainsAny(left, "<>\"") {
			t.Errorf("%q is written as %q", markdown, written)
		}
	})
}

// TestFromMarkdown_HiddenReferences: what nobody sees is left out also where it is written as a reference to a character.
func TestFromMarkdown_HiddenReferences(t *testing.T) {
	t.Parallel()
	for markdown, want := range map[string]string{
		"a&#x202e;b&#8203;c&shy;d": "<p>abcd</p>", "[a](https://example.org/&#x202e;b)": `<p><a href="https://example.org/b">a</a></p>`,
	} {
		if got := FromMarkdown(markdown); got != want {
			t.Errorf("%q: %q, not %q", markdown, got, want)
		}
	}
}
