package richtext

import (
	"maps"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// stylesheet is what style elements say of elements.
type stylesheet struct {
	rules     []rule
	variables declarations
	// size is what was read, in bytes, and depth in how many blocks what is being read is.
	size, depth int
}

const (
	// maxRules and maxSheet, in bytes, bound what is read of sheets; maxBlocks how deeply rules are in rules.
	maxRules, maxSheet, maxBlocks = 1000, 256 << 10, 16
	// maxQuestions bounds how often elements are asked about rules.
	maxQuestions = 20_000_000
)

// rule is a selector, and what it says of the elements that it selects.
type rule struct {
	// last is the last compound of the selector, before those of elements around, from the outside.
	last   selector
	around []selector
	// isCertain is set when it holds on every screen, and of each element that the compounds select.
	isCertain    bool
	declarations declarations
}

// selector is a compound: what it asks of an element. Pseudo-classes are not asked: in doubt an element is selected.
type selector struct {
	tag, id    string
	classes    []string
	attributes []string
}

// add reads the rules of a style element, which is for media.
func (s *stylesheet) add(text, media string) {
	text = text[:min(len(text), maxSheet-s.size)]
	s.size += len(text)
	if isRead, isCertain := readMedia(strings.ToLower(media)); isRead {
		s.addBlock(strings.ToLower(decodeCSS(text)), "", isCertain)
	}
}

// addBlock reads rules, also those in rules such as @media; outer is the selector of the rule around. It returns the declarations
// that are in no rule of the block.
func (s *stylesheet) addBlock(text, outer string, isCertain bool) string {
	if s.depth >= maxBlocks {
		return ""
	}
	s.depth++
	defer func() { s.depth-- }()
	var own strings.Builder
	begin := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case ';':
			own.WriteString(text[begin : i+1])
			begin = i + 1
		case '{':
			end := endOfBlock(text, i)
			s.addRule(strings.TrimSpace(text[begin:i]), strings.TrimSuffix(text[i+1:end], "}"), outer, isCertain)
			begin, i = end, end-1
		case '}':
			begin = i + 1 // of nothing
		}
		i = skipCSS(text, i)
	}
	own.WriteString(text[min(begin, len(text)):])
	return own.String()
}

// endOfBlock returns what follows the block that begins at i.
func endOfBlock(text string, i int) int {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i = skipCSS(text, i)
	}
	return len(text)
}

func (s *stylesheet) addRule(prelude, body, outer string, isCertain bool) {
	if strings.HasPrefix(prelude, "@") {
		name, _, _ := strings.Cut(prelude, " ")
		switch name {
		case "@keyframes", "@-webkit-keyframes", "@font-face", "@page":
			return
		}
		isRead, isAlways := true, name == "@layer" || name == "@supports"
		if condition, is := strings.CutPrefix(prelude, "@media"); is {
			isRead, isAlways = readMedia(condition)
		}
		if isRead {
			s.addBlock(body, outer, isCertain && isAlways)
		}
		return
	}
	prelude = nestSelectors(outer, prelude)
	found := declarations{}
	found.add(s.addBlock(body, prelude, isCertain))
	if isCertain {
		s.variables = variablesOf(s.variables, found)
	}
	for _, each := range splitCSS(prelude, ',') {
		if r, ok := parseRule(each); ok && len(found) > 0 && len(s.rules) < maxRules {
			r.isCertain, r.declarations = isCertain && r.isCertain, found
			s.rules = append(s.rules, r)
		}
	}
}

// usual are the parts of a condition of @media that hold where people read tickets: on a screen that is not small, in daylight.
var usual = regexp.MustCompile(`\b(?:only|all|screen|and|not\s+(?:print|speech))\b|` +
	`\(\s*(?:min-[\w-]+|prefers-color-scheme\s*:\s*light|color\b|hover\b)[^()]*\)`)

// readMedia reports whether a condition of @media can hold on a screen, and whether it does as a rule.
func readMedia(condition string) (isRead, isAlways bool) {
	for _, each := range splitCSS(condition, ',') {
		each = strings.TrimSpace(each)
		first, _, _ := strings.Cut(strings.TrimPrefix(each, "only "), " ")
		if isOne("print", "speech", "aural", "braille", "embossed")(first) {
			continue
		}
		isRead, isAlways = true, isAlways || strings.TrimSpace(usual.ReplaceAllString(each, "")) == ""
	}
	return isRead, isAlways
}

// maxNested bounds the selectors that come of a list in a list.
const maxNested = 64

// nestSelectors returns the selectors of a rule that is in another.
func nestSelectors(outer, inner string) string {
	if outer == "" {
		return inner
	}
	inner = strings.ReplaceAll(inner, "&", " ")
	around, within := splitCSS(outer, ','), splitCSS(inner, ',')
	if len(around)*len(within) > maxNested {
		return inner // in doubt wherever it is
	}
	var all []string
	for _, a := range around {
		for _, w := range within {
			all = append(all, a+" "+w)
		}
	}
	return strings.Join(all, ",")
}

var (
	compound = regexp.MustCompile(`([.#]?)([\w-]+|\*)|\[\s*([\w-]+)[^\]]*\]|::?([\w-]+)(?:\(([^()]*)\))?`)
	// combined separates compounds; siblings are not around an element.
	combined = regexp.MustCompile(`\s*[>+~]\s*|\s+`)
)

// parseRule reads a selector. ok is false when it selects nothing that can be told.
func parseRule(text string) (r rule, ok bool) {
	text = strings.TrimSpace(text)
	r.isCertain = !strings.ContainsAny(text, "+~:[")
	parts := combined.Split(text, -1)
	for _, part := range parts {
		one, ok := parseSelector(part)
		if !ok {
			return r, false
		}
		r.around = append(r.around, one)
	}
	r.last, r.around = r.around[len(r.around)-1], r.around[:len(r.around)-1]
	return r, true
}

func parseSelector(text string) (s selector, ok bool) {
	for _, part := range compound.FindAllStringSubmatch(text, -1) {
		switch {
		case part[3] != "":
			s.attributes, ok = append(s.attributes, part[3]), true
		case part[4] != "" && selectsNothing(part[4]):
			return s, false
		case part[4] != "":
			ok = s.addPseudo(part[4], part[5]) || ok
		case part[1] == ".":
			s.classes, ok = append(s.classes, part[2]), true
		case part[1] == "#":
			s.id, ok = part[2], true
		case part[2] != "*":
			s.tag, ok = part[2], true
		default:
			ok = true
		}
	}
	return s, ok
}

// selectsNothing reports whether a pseudo-element, which is no element, or a pseudo-class of one that is pointed at, selects none of
// what is read.
func selectsNothing(name string) bool {
	return isOne("before", "after", "placeholder", "selection", "marker", "backdrop", "first-line", "first-letter", "hover", "focus",
		"focus-within", "focus-visible", "active")(name)
}

// addPseudo takes in what :is() and :where() ask, when that is one thing; of :not() nothing is asked, and other pseudo-classes
// select nothing by themselves.
func (s *selector) addPseudo(name, arguments string) bool {
	switch name {
	case "is", "where", "matches", "-webkit-any", "-moz-any":
		if inner, ok := parseSelector(arguments); ok && !strings.Contains(arguments, ",") {
			s.classes, s.attributes = append(s.classes, inner.classes...), append(s.attributes, inner.attributes...)
			if inner.tag != "" {
				s.tag = inner.tag
			}
			if inner.id != "" {
				s.id = inner.id
			}
		}
		return true
	case "not":
		return true
	}
	return false
}

// find returns the declarations for an element: colors by rules that select it for certain, all else by each rule whose last
// compound does.
func (s *stylesheet) find(node *html.Node) declarations {
	all, classes := declarations{}, classesOf(node)
	for i := range s.rules {
		r := &s.rules[i]
		if !r.last.matches(node, classes) {
			continue
		}
		isCertain := r.isCertain && isAround(r.around, node.Parent)
		for name, values := range r.declarations {
			if isCertain || !isColor(name) {
				all[name] = append(all[name], values...)
			}
		}
	}
	return all
}

func classesOf(node *html.Node) []string {
	return strings.Fields(strings.ToLower(attributeOf(node, "class")))
}

// isColor reports whether a property shows text or hides it depending on another.
func isColor(name string) bool {
	return isOne("color", "background", "background-color", "-webkit-text-fill-color")(name)
}

// isAround reports whether compounds select elements around, the last of them nearest.
func isAround(compounds []selector, node *html.Node) bool {
	for node != nil && len(compounds) > 0 {
		if node.Type == html.ElementNode && compounds[len(compounds)-1].matches(node, classesOf(node)) {
			compounds = compounds[:len(compounds)-1]
		}
		node = node.Parent
	}
	return len(compounds) == 0
}

func (s *selector) matches(node *html.Node, classes []string) bool {
	if s.tag != "" && s.tag != node.Data || s.id != "" && !strings.EqualFold(s.id, attributeOf(node, "id")) {
		return false
	}
	for _, class := range s.classes {
		if !isOne(classes...)(class) {
			return false
		}
	}
	for _, name := range s.attributes {
		if _, has := findAttribute(node, name); !has {
			return false
		}
	}
	return true
}

// variablesOf returns the variables that hold in an element with declarations, inside those of the element around.
func variablesOf(outer, own declarations) declarations {
	inner, isCopied := outer, false
	for name, values := range own {
		if !strings.HasPrefix(name, "--") {
			continue
		}
		if !isCopied {
			inner, isCopied = declarations{}, true
			maps.Copy(inner, outer)
		}
		inner[name] = values
	}
	return inner
}
