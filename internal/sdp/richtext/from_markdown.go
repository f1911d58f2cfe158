package richtext

import (
	"html"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// markdownParser reads CommonMark. It keeps nothing between two texts, but reference definitions of one.
var markdownParser = parser.NewParser(
	parser.WithBlockParsers(parser.DefaultBlockParsers()...), parser.WithInlineParsers(parser.DefaultInlineParsers()...),
	parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
)

// FromMarkdown returns Markdown as HTML of a few elements without attributes but the targets of links, which are http, https or
// mailto. HTML in the text is shown as it is written, and so are images: neither is carried out by whoever opens the ticket. A line
// break in a paragraph is one.
func FromMarkdown(markdown string) string {
	source := []byte(Clean(strings.ToValidUTF8(markdown, "\uFFFD")))
	w := &htmlWriter{source: source}
	w.children(markdownParser.Parse(text.NewReader(source)))
	return strings.TrimSuffix(w.b.String(), "\n")
}

// htmlWriter writes the nodes of a text.
type htmlWriter struct {
	b      strings.Builder
	source []byte
	inLink bool
}

func (w *htmlWriter) children(of ast.Node) {
	for node := of.FirstChild(); node != nil; node = node.NextSibling() {
		w.node(node)
	}
}

func (w *htmlWriter) element(name string, of ast.Node, end string) {
	w.b.WriteString("<" + name + ">")
	w.children(of)
	w.b.WriteString("</" + name + ">" + end)
}

func (w *htmlWriter) plain(text string) { w.b.WriteString(html.EscapeString(text)) }

// node writes a node: what is not named here is written as the text it has.
func (w *htmlWriter) node(node ast.Node) {
	switch n := node.(type) {
	case *ast.Paragraph:
		w.element("p", n, "\n")
	case *ast.TextBlock: // of an item of a tight list
		w.children(n)
	case *ast.Heading:
		w.element("h"+strconv.Itoa(n.Level), n, "\n")
	case *ast.Blockquote:
		w.element("blockquote", n, "\n")
	case *ast.ThematicBreak:
		w.b.WriteString("<hr>\n")
	case *ast.List:
		name := "ul"
		if n.IsOrdered() {
			name = "ol"
		}
		w.element(name, n, "\n")
	case *ast.ListItem:
		w.element("li", n, "")
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		w.b.WriteString("<pre>")
		w.plain(string(n.Lines().Value(w.source)))
		w.b.WriteString("</pre>\n")
	case *ast.HTMLBlock:
		w.b.WriteString("<p>")
		written := string(n.Lines().Value(w.source))
		if n.HasClosure() {
			written += string(n.ClosureLine.Value(w.source))
		}
		w.b.WriteString(strings.ReplaceAll(html.EscapeString(strings.TrimRight(written, "\n")), "\n", "<br>"))
		w.b.WriteString("</p>\n")
	default:
		w.inline(node)
	}
}

func (w *htmlWriter) inline(node ast.Node) {
	switch n := node.(type) {
	case *ast.Text:
		w.text(n)
	case *ast.String:
		w.plain(string(n.Value))
	case *ast.RawHTML:
		w.plain(string(n.Segments.Value(w.source)))
	case *ast.CodeSpan:
		w.element("code", n, "")
	case *ast.Emphasis:
		w.element(map[int]string{1: "em", 2: "strong"}[n.Level], n, "")
	case *ast.AutoLink:
		w.link(string(n.URL(w.source)), func() { w.plain(string(n.Label(w.source))) })
	case *ast.Link:
		w.link(string(n.Destination), func() { w.children(n) })
	case *ast.Image:
		w.plain("![")
		w.children(n)
		w.plain("](" + string(n.Destination) + ")")
	default:
		w.children(node)
	}
}

func (w *htmlWriter) text(n *ast.Text) {
	value := string(n.Segment.Value(w.source))
	if !n.IsRaw() {
		value = unescapeMarkdown(value)
	}
	w.plain(value)
	if n.SoftLineBreak() || n.HardLineBreak() {
		w.b.WriteString("<br>")
	}
}

// link writes a link whose target a person may follow; of any other, what it shows and where it would go.
func (w *htmlWriter) link(destination string, shown func()) {
	destination = unescapeMarkdown(destination)
	href, ok := readTarget(destination)
	switch {
	case w.inLink:
		shown()
	case !ok:
		shown()
		w.plain(" (" + destination + ")")
	default:
		w.inLink = true
		w.b.WriteString(`<a href="` + html.EscapeString(href) + `">`)
		shown()
		w.b.WriteString("</a>")
		w.inLink = false
	}
}

// unescapeMarkdown resolves what a backslash or a reference to a character stands for.
func unescapeMarkdown(text string) string {
	return string(util.UnescapePunctuations(util.ResolveEntityNames(util.ResolveNumericReferences([]byte(text)))))
}
