package richtext

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// MaxInput bounds what is read, in bytes; the rest is left out.
const MaxInput = 1 << 20

// ErrTooDeep says that HTML is nested deeper than 512 elements. Nothing is read of it, since nobody could say what is seen.
var ErrTooDeep = errors.New("the text is nested too deeply to be read")

// ErrTooStyled says that there are too many rules of style for too many elements, for the same reason.
var ErrTooStyled = errors.New("the text has too many styles to be read")

// ToMarkdown returns what a person sees of HTML, as Markdown. Plain text is HTML, too.
func ToMarkdown(text string) (string, error) {
	text = unwrapCDATA(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > MaxInput {
		text = strings.ToValidUTF8(text[:MaxInput], "")
	}
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		return "", ErrTooDeep
	}
	w := &walker{}
	elements := 0
	if w.sheet, elements = collectStyles(root); elements*len(w.sheet.rules) > maxQuestions {
		return "", ErrTooStyled
	}
	w.walk(root, context{background: white, color: black, variables: w.sheet.variables})
	return w.out.finish(), nil
}

// unwrapCDATA removes a wrapper that leaks from XML: HTML would read it as a comment.
func unwrapCDATA(text string) string {
	trimmed := strings.TrimSpace(text)
	if inner, is := strings.CutPrefix(trimmed, "<![CDATA["); is {
		return strings.TrimSuffix(inner, "]]>")
	}
	return text
}

// invisibleElements show nothing of what is in them, or show it where no text is read.
var invisibleElements = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Template: true, atom.Noscript: true, atom.Head: true, atom.Title: true, atom.Iframe: true, atom.Object: true,
	atom.Embed: true, atom.Svg: true, atom.Math: true, atom.Canvas: true, atom.Audio: true, atom.Video: true, atom.Datalist: true, atom.Select: true,
	atom.Input: true, atom.Textarea: true, atom.Frameset: true, atom.Noframes: true, atom.Noembed: true, atom.Param: true, atom.Source: true, atom.Track: true,
	atom.Map: true, atom.Area: true, atom.Rp: true, atom.Applet: true, atom.Meter: true, atom.Progress: true,
}

// context is what an element inherits, and an element in it may change: what decides whether text is seen, and where it is.
type context struct {
	color, background color
	variables         declarations
	isTiny            bool
	inLink            bool
	inHeading         bool
}

// isSeen reports whether text is seen.
func (c context) isSeen() bool { return !c.isTiny && c.color.isSeenOn(c.background) }

type walker struct {
	sheet *stylesheet
	out   writer
}

// collectStyles returns what style elements say, and counts the elements that they say it of.
func collectStyles(root *html.Node) (sheet *stylesheet, elements int) {
	sheet = &stylesheet{}
	for node := range root.Descendants() {
		if node.Type == html.ElementNode {
			elements++
		}
		if node.DataAtom == atom.Style && node.FirstChild != nil {
			sheet.add(node.FirstChild.Data, attributeOf(node, "media"))
		}
	}
	return sheet, elements
}

func findAttribute(node *html.Node, name string) (string, bool) {
	for _, a := range node.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// isHidden reports whether a person sees nothing of an element, and returns what its children inherit.
func (w *walker) isHidden(node *html.Node, c context) (context, bool) {
	own := parseDeclarations(attributeOf(node, "style"))
	_, isHidden := findAttribute(node, "hidden")
	_, isOpen := findAttribute(node, "open")
	aria, _ := findAttribute(node, "aria-hidden")
	if isHidden || strings.EqualFold(strings.TrimSpace(aria), "true") || node.DataAtom == atom.Dialog && !isOpen {
		return c, true
	}
	c = c.paint([]string{attributeOf(node, "bgcolor")}, []string{attributeOf(node, "color"), attributeOf(node, "text")})
	for _, d := range []declarations{w.sheet.find(node), own} {
		c.variables = variablesOf(c.variables, d)
		d.resolve(c.variables)
		if d.hides() {
			return c, true
		}
		c = c.paint(slices.Concat(d["background"], d["background-color"]), slices.Concat(d["color"], d["-webkit-text-fill-color"]))
		if isTiny, says := d.isTiny(); says {
			c.isTiny = isTiny
		}
	}
	return c, false
}

// paint returns the context with the last colors that can be read.
func (c context) paint(backgrounds, colors []string) context {
	for _, value := range backgrounds {
		if found, ok := parseColor(value); ok {
			c.background = found.over(c.background)
		}
	}
	for _, value := range colors {
		if found, ok := parseColor(value); ok {
			c.color = found
		}
	}
	return c
}

func attributeOf(node *html.Node, name string) string {
	value, _ := findAttribute(node, name)
	return value
}

// walk writes a node and what is below it. html.Parse bounds the depth.
func (w *walker) walk(node *html.Node, c context) {
	switch node.Type {
	case html.TextNode:
		if c.isSeen() {
			w.out.text(node.Data)
		}
		return
	case html.ElementNode:
		if invisibleElements[node.DataAtom] || node.Namespace != "" {
			return
		}
		inner, isHidden := w.isHidden(node, c)
		if isHidden {
			return
		}
		w.element(node, inner)
		return
	case html.DocumentNode:
		w.children(node, c)
	}
}

func (w *walker) children(node *html.Node, c context) {
	for child := range node.ChildNodes() {
		w.walk(child, c)
	}
}

// element writes an element that is seen.
func (w *walker) element(node *html.Node, c context) {
	switch node.DataAtom {
	case atom.Br:
		w.out.lineBreak()
	case atom.Hr:
		w.out.block(func() { w.out.raw("---") })
	case atom.Img:
		w.image(node)
	case atom.A:
		w.link(node, c)
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.out.block(func() {
			if !c.inHeading {
				w.out.raw(strings.Repeat("#", int(node.Data[1]-'0')) + " ")
			}
			c.inHeading = true
			w.children(node, c)
		})
	case atom.Pre, atom.Listing, atom.Xmp, atom.Plaintext:
		w.pre(node, c)
	case atom.Code, atom.Tt, atom.Kbd, atom.Samp:
		w.code(node, c)
	case atom.Blockquote:
		w.out.quote(func() { w.children(node, c) })
	case atom.Ul, atom.Ol, atom.Menu, atom.Dir:
		w.list(node, c)
	case atom.Tr:
		w.row(node, c)
	default:
		if blockElements[node.DataAtom] {
			w.out.block(func() { w.children(node, c) })
			return
		}
		w.children(node, c)
	}
}

// blockElements begin and end a paragraph.
var blockElements = map[atom.Atom]bool{
	atom.P: true, atom.Div: true, atom.Section: true, atom.Article: true, atom.Header: true, atom.Footer: true, atom.Main: true, atom.Aside: true, atom.Nav: true,
	atom.Address: true, atom.Center: true, atom.Table: true, atom.Thead: true, atom.Tbody: true, atom.Tfoot: true, atom.Caption: true, atom.Dl: true, atom.Dt: true,
	atom.Dd: true, atom.Fieldset: true, atom.Form: true, atom.Figure: true, atom.Figcaption: true, atom.Details: true, atom.Summary: true, atom.Legend: true, atom.Li: true,
	atom.Body: true, atom.Dialog: true, atom.Hgroup: true, atom.Search: true, atom.Option: true, atom.Optgroup: true,
}
