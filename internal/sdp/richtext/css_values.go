package richtext

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?(?:\*/|$)`)
	cssEscape  = regexp.MustCompile(`\\([0-9a-fA-F]{1,6})\s?|\\(.)`)
	number     = regexp.MustCompile(`^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?`)
	// quantity is a number with its unit, wherever it is.
	quantity = regexp.MustCompile(`[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?(?:[a-z]+|%)?`)
)

// decodeCSS removes comments and decodes escapes, by which a property may be spelled so that a search does not find it.
func decodeCSS(text string) string {
	return cssEscape.ReplaceAllStringFunc(cssComment.ReplaceAllString(text, ""), func(found string) string {
		parts := cssEscape.FindStringSubmatch(found)
		if parts[1] == "" {
			return parts[2]
		}
		code, err := strconv.ParseInt(parts[1], 16, 32)
		if err != nil {
			return ""
		}
		return string(rune(code))
	})
}

// splitCSS splits at a separator outside strings and brackets.
func splitCSS(text string, separator byte) []string {
	var parts []string
	begin := 0
	for i := 0; i < len(text); {
		if text[i] == separator {
			parts, begin = append(parts, text[begin:i]), i+1
		}
		i = skipCSS(text, i)
	}
	return append(parts, text[begin:])
}

// skipCSS returns what follows the character at i, or the string or the brackets that begin there. What has no end ends with the
// text.
func skipCSS(text string, i int) int {
	closing := map[byte]byte{'(': ')', '[': ']', '"': '"', '\'': '\''}[text[i]]
	if closing == 0 {
		return i + 1
	}
	isString := closing == text[i]
	for i++; i < len(text) && text[i] != closing; {
		if isString {
			i++
			continue
		}
		if text[i] == '{' || text[i] == '}' {
			return i // a bracket that is not closed
		}
		i = skipCSS(text, i)
	}
	return min(i+1, len(text))
}

// declarations are the values of properties by name, in lower case: all of a name, since a browser does not know each of them,
// and an important one beats those after it.
type declarations map[string][]string

func parseDeclarations(text string) declarations {
	found := declarations{}
	found.add(strings.ToLower(decodeCSS(text)))
	return found
}

// add reads declarations of decoded text.
func (d declarations) add(text string) {
	for _, one := range splitCSS(text, ';') {
		if name, value, ok := strings.Cut(one, ":"); ok {
			value, _, _ = strings.Cut(value, "!") // !important
			name = strings.TrimSpace(name)
			d[name] = append(d[name], strings.TrimSpace(value))
		}
	}
}

// variable is a var() with a name and what it falls back to.
var variable = regexp.MustCompile(`var\(\s*(--[\w-]+)\s*(?:,((?:[^()]|\([^()]*\))*))?\)`)

const maxValue = 1000 // in bytes, of a value with its variables in it

// resolve puts variables into values. One that is nowhere, without a fallback, makes the value one that no browser knows.
func (d declarations) resolve(variables declarations) {
	for name, values := range d {
		for i := range values {
			for range 4 { // variables of variables
				if !strings.Contains(values[i], "var(") || len(values[i]) > maxValue {
					break
				}
				values[i] = variable.ReplaceAllStringFunc(values[i], func(found string) string {
					parts := variable.FindStringSubmatch(found)
					if known := variables[parts[1]]; len(known) > 0 && len(known[len(known)-1]) <= maxValue {
						return known[len(known)-1]
					}
					return parts[2]
				})
			}
		}
		d[name] = values
	}
}

// any reports whether a value of one of several properties is what is asked for.
func (d declarations) any(is func(value string) bool, names ...string) bool {
	for _, name := range names {
		if slices.ContainsFunc(d[name], is) {
			return true
		}
	}
	return false
}

// isOne returns what reports whether a value is one of several words.
func isOne(words ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(words, value) }
}

// isBelow returns what reports whether a value, or the least of a function, is about nothing.
func isBelow(limit float64) func(string) bool {
	return func(value string) bool {
		if !strings.Contains(value, "(") {
			return isAbout(value, limit)
		}
		for _, part := range quantity.FindAllString(value, -1) {
			if isAbout(part, limit) {
				return true
			}
		}
		return false
	}
}

// isAbout reports whether a value is a number, of any unit that is not relative to something large, below a limit.
func isAbout(value string, limit float64) bool {
	size, unit, ok := parseQuantity(value)
	if !ok {
		return false
	}
	switch unit {
	case "em", "rem", "ex", "ch", "vw", "vh", "in", "cm", "pc":
		return size < 0.15
	case "%":
		return size < 10
	}
	return size < limit
}

func parseQuantity(value string) (size float64, unit string, ok bool) {
	text := number.FindString(value)
	size, err := strconv.ParseFloat(text, 64)
	return size, strings.TrimSpace(strings.TrimPrefix(value, text)), err == nil
}

// isFar reports whether a value, or one of a function's, moves what it is of out of the page.
func isFar(value string) bool {
	for _, part := range quantity.FindAllString(value, -1) {
		size, unit, ok := parseQuantity(part)
		if !ok {
			continue
		}
		switch unit {
		case "em", "rem", "ex", "ch", "in", "cm", "pc":
			size *= 16
		}
		if size <= -100 || size >= 5000 {
			return true
		}
	}
	return false
}

// hides reports whether a person sees nothing of an element with these properties: it is not displayed, has no size, is
// transparent or is moved out of the page. In doubt it does.
func (d declarations) hides() bool {
	isVisible := isOne("", "visible")
	isHidden := func(value string) bool { return !isVisible(value) }
	isClipped := d.any(isHidden, "overflow", "overflow-x", "overflow-y", "overflow-block", "overflow-inline")
	switch {
	case d.any(isOne("none"), "display"), d.any(isOne("all"), "mso-hide"):
		return true
	case d.any(isOne("hidden", "collapse"), "visibility", "content-visibility"):
		return true
	case d.any(isBelow(0.1), "opacity", "zoom", "scale"):
		return true
	case d.any(isBelow(1.5), "max-height", "max-width", "max-block-size", "max-inline-size"):
		return true
	case isClipped && d.any(isBelow(1.5), "height", "width", "block-size", "inline-size"):
		return true
	case d.any(isFar, "text-indent", "translate", "left", "right", "top", "bottom", "margin", "margin-left", "margin-top",
		"margin-block-start", "margin-inline-start", "inset", "inset-block", "inset-block-start", "inset-block-end",
		"inset-inline", "inset-inline-start", "inset-inline-end"):
		return true
	}
	return d.any(clipsAway, "clip", "clip-path") || d.any(transformsAway, "transform", "-webkit-transform") ||
		d.any(func(value string) bool { return strings.Contains(strings.ReplaceAll(value, " ", ""), "opacity(0") }, "filter")
}

// clipsAway reports whether a clip leaves nothing.
func clipsAway(value string) bool {
	value = strings.ReplaceAll(value, " ", "")
	for _, begin := range []string{"rect(0", "rect(1px", "inset(50%", "inset(100%", "circle(0", "ellipse(0"} {
		if strings.HasPrefix(value, begin) {
			return true
		}
	}
	corners, isPolygon := strings.CutPrefix(value, "polygon(")
	return isPolygon && strings.Trim(corners, "),0px%") == ""
}

var transformation = regexp.MustCompile(`([a-z0-9]+)\(([^()]*)\)`)

// transformsAway reports whether a transformation moves away, turns edgewise or shrinks to nothing.
func transformsAway(value string) bool {
	for _, found := range transformation.FindAllStringSubmatch(value, -1) {
		name, arguments := found[1], quantity.FindAllString(found[2], -1)
		switch {
		case strings.HasPrefix(name, "translate") && isFar(found[2]):
			return true
		case strings.HasPrefix(name, "scale") && isBelow(0.1)("("+found[2]):
			return true
		case name == "rotatex", name == "rotatey", name == "rotate3d":
			return true
		case !strings.HasPrefix(name, "matrix") || len(arguments) == 0:
		case isAbout(arguments[0], 0.1), len(arguments) > 4 && isFar(strings.Join(arguments[4:], " ")):
			return true
		}
	}
	return false
}

// isTiny reports whether text is too small to be seen; says is false when nothing is said of its size, which is inherited then.
func (d declarations) isTiny() (tiny, says bool) {
	for _, font := range d["font"] {
		for part := range strings.FieldsFuncSeq(font, func(r rune) bool { return r == ' ' || r == '/' }) {
			if number.MatchString(part) && strings.TrimLeft(part, "0123456789") != "" || part == "0" {
				tiny, says = tiny || isAbout(part, 2), true
				break
			}
		}
	}
	for _, size := range d["font-size"] {
		if size != "" && size != "inherit" {
			tiny, says = tiny || isBelow(2)(size), true
		}
	}
	return tiny, says
}
