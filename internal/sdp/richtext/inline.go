package richtext

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// image writes that there is an image, not what it says of itself: nobody sees that. One of a pixel is no image.
func (w *walker) image(node *html.Node) {
	for _, name := range []string{"width", "height"} {
		if value, has := findAttribute(node, name); has && isAbout(strings.TrimSpace(value), 3) {
			return
		}
	}
	w.out.raw("(image)")
}

// maxTarget is how much of a link's target is shown, in bytes.
const maxTarget = 500

// readTarget returns a link's target when it is one that a person may follow: absolute http, https, or mailto.
func readTarget(href string) (string, bool) {
	href = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return -1 // browsers leave them out
		}
		return r
	}, Clean(href)))
	parsed, err := url.Parse(href)
	if err != nil {
		return "", false
	}
	switch parsed.Scheme {
	case "http", "https":
		if parsed.Host == "" {
			return "", false
		}
	case "mailto":
	default:
		return "", false
	}
	var b strings.Builder
	for _, r := range parsed.String() {
		switch {
		case b.Len() > maxTarget:
			return b.String() + "…", true
		case r <= ' ' || strings.ContainsRune("<>()[]`\\\"|*", r) || r > '~':
			b.WriteString(url.PathEscape(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return strings.NewReplacer("(", "%28", ")", "%29", "*", "%2A").Replace(b.String()), true
}

// link writes the text of a link, and its target behind it, so that neither hides the other.
func (w *walker) link(node *html.Node, c context) {
	shown, ok := readTarget(attributeOf(node, "href"))
	if !ok || c.inLink {
		w.children(node, c)
		return
	}
	c.inLink = true
	before := w.out.length()
	w.children(node, c)
	text := strings.TrimSpace(w.out.since(before))
	switch {
	case text == "":
		w.out.raw("<" + shown + ">")
	case text != escapeWord(shown):
		w.out.raw(" (<" + shown + ">)")
	}
}

// plainText returns the text of what is seen below a node, as it is.
func (w *walker) plainText(node *html.Node, c context) string {
	var b strings.Builder
	var visit func(*html.Node, context)
	visit = func(n *html.Node, c context) {
		switch n.Type {
		case html.TextNode:
			if c.isSeen() {
				b.WriteString(Clean(n.Data))
			}
		case html.ElementNode:
			inner, isHidden := w.isHidden(n, c)
			if isHidden || invisibleElements[n.DataAtom] || n.Namespace != "" {
				return
			}
			if n.DataAtom == atom.Br || blockElements[n.DataAtom] && b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
				b.WriteByte('\n')
			}
			for child := range n.ChildNodes() {
				visit(child, inner)
			}
		}
	}
	for child := range node.ChildNodes() {
		visit(child, c)
	}
	return b.String()
}

// makeFence returns backticks that are nowhere in a text.
func makeFence(text string, atLeast int) string {
	longest, run := 0, 0
	for _, r := range text {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return strings.Repeat("`", max(longest+1, atLeast))
}

func (w *walker) pre(node *html.Node, c context) {
	text := strings.Trim(w.plainText(node, c), "\n")
	if strings.TrimSpace(text) == "" {
		return
	}
	marks := makeFence(text, 3)
	w.out.block(func() { w.out.lines(marks + "\n" + text + "\n" + marks) })
}

func (w *walker) code(node *html.Node, c context) {
	text := strings.Join(strings.Fields(w.plainText(node, c)), " ")
	if text == "" {
		return
	}
	marks := makeFence(text, 1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	w.out.raw(marks + text + marks)
}

func (w *walker) list(node *html.Node, c context) {
	w.out.block(func() {
		next := 1
		if start, err := strconv.Atoi(attributeOf(node, "start")); err == nil && start >= 0 && start < 1e6 {
			next = start
		}
		for child := range node.ChildNodes() {
			if child.DataAtom != atom.Li {
				w.walk(child, c)
				continue
			}
			inner, isHidden := w.isHidden(child, c)
			if isHidden {
				continue
			}
			mark := "- "
			if node.DataAtom == atom.Ol {
				mark = strconv.Itoa(next) + ". "
				next++
			}
			w.out.item(mark, func() { w.children(child, inner) })
		}
	})
}

// row writes a row of a table on a line, unless it has one cell: mails use tables for their layout.
func (w *walker) row(node *html.Node, c context) {
	var cells []*html.Node
	for child := range node.ChildNodes() {
		if child.DataAtom == atom.Td || child.DataAtom == atom.Th {
			if _, isHidden := w.isHidden(child, c); !isHidden {
				cells = append(cells, child)
			}
		}
	}
	if len(cells) < 2 || slices.ContainsFunc(cells, hasTable) {
		w.out.block(func() { w.children(node, c) })
		return
	}
	w.out.line(func() {
		w.out.flush()
		w.out.isInline = true
		defer func() { w.out.isInline = false }()
		for i, cell := range cells {
			if i > 0 {
				w.out.space = false
				w.out.raw(" | ")
			}
			inner, _ := w.isHidden(cell, c)
			w.children(cell, inner)
		}
	})
}

// hasTable reports whether a cell has what does not fit on a line.
func hasTable(cell *html.Node) bool {
	for node := range cell.Descendants() {
		switch node.DataAtom {
		case atom.Table, atom.Pre, atom.Ul, atom.Ol, atom.Blockquote:
			return true
		}
	}
	return false
}
