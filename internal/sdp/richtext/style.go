package richtext

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// declarations are the properties of a style by name, in lower case; the last of a name counts, as in browsers.
type declarations map[string]string

var (
	cssComment = regexp.MustCompile(`(?s)/\*.*?(?:\*/|$)`)
	cssEscape  = regexp.MustCompile(`\\([0-9a-fA-F]{1,6})\s?|\\(.)`)
	cssRule    = regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`)
	number     = regexp.MustCompile(`^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)`)
)

// decodeCSS removes comments and decodes escapes, by which a property may be spelled so that a search does not find it.
func decodeCSS(text string) string {
	return cssEscape.ReplaceAllStringFunc(cssComment.ReplaceAllString(text, ""), func(found string) string {
		parts := cssEscape.FindStringSubmatch(found)
		if parts[1] == "" {
			return parts[2]
		}
		var code rune
		for _, digit := range strings.ToLower(parts[1]) {
			if code *= 16; digit <= '9' {
				code += digit - '0'
			} else {
				code += digit - 'a' + 10
			}
		}
		return string(code)
	})
}

func parseDeclarations(text string) declarations {
	found := declarations{}
	for one := range strings.SplitSeq(strings.ToLower(decodeCSS(text)), ";") {
		if name, value, ok := strings.Cut(one, ":"); ok {
			value, _, _ = strings.Cut(value, "!") // !important
			found[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return found
}

// hides reports whether a person sees nothing of an element with these properties: it is not displayed, has no size, is transparent
// or is moved out of the page.
func (d declarations) hides() bool {
	switch {
	case d["display"] == "none", d["visibility"] == "hidden", d["visibility"] == "collapse", d["mso-hide"] == "all", d["content-visibility"] == "hidden":
		return true
	case isAbout(d["opacity"], 0.1), isAbout(d["zoom"], 0.1), d["color"] == "transparent", d["-webkit-text-fill-color"] == "transparent":
		return true
	case isAbout(d["max-height"], 1.5), isAbout(d["max-width"], 1.5):
		return true
	case (isAbout(d["height"], 1.5) || isAbout(d["width"], 1.5)) && d["overflow"] != "" && d["overflow"] != "visible":
		return true
	case strings.HasPrefix(d["clip"], "rect(0"), strings.HasPrefix(d["clip"], "rect(1px"), strings.HasPrefix(d["clip-path"], "inset(50%"), strings.HasPrefix(d["clip-path"], "inset(100%"), strings.HasPrefix(d["clip-path"], "circle(0"):
		return true
	case strings.Contains(strings.ReplaceAll(d["filter"], " ", ""), "opacity(0"), strings.Contains(strings.ReplaceAll(d["transform"], " ", ""), "scale(0"):
		return true
	}
	for _, name := range []string{"text-indent", "left", "right", "top", "bottom", "margin-left", "margin-top", "margin"} {
		if size, err := strconv.ParseFloat(number.FindString(d[name]), 64); err == nil && size <= -100 {
			return true
		}
	}
	return false
}

// isTiny reports whether text is too small to be seen; says is false when nothing is said of its size, which is inherited then.
func (d declarations) isTiny() (tiny, says bool) {
	for part := range strings.FieldsFuncSeq(d["font"], func(r rune) bool { return r == ' ' || r == '/' }) {
		if number.MatchString(part) && strings.TrimLeft(part, "0123456789") != "" || part == "0" {
			tiny, says = isAbout(part, 2), true
			break
		}
	}
	if size := d["font-size"]; size != "" && size != "inherit" {
		tiny, says = isAbout(size, 2), true
	}
	return tiny, says
}

// isAbout reports whether a value is a number, of any unit that is not relative to something large, below a limit.
func isAbout(value string, limit float64) bool {
	text := number.FindString(value)
	size, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return false
	}
	switch unit := strings.TrimSpace(strings.TrimPrefix(value, text)); unit {
	case "em", "rem", "ex", "ch", "vw", "vh", "in", "cm", "pc":
		return size < 0.15
	case "%":
		return size < 10
	}
	return size < limit
}

// stylesheet is what style elements say of elements by tag, class and id: only the rules that hide.
type stylesheet []selector

// selector is the last compound of a selector: what it is asked of an element. What stands before it, and pseudo-classes, are not
// asked: in doubt an element counts as hidden.
type selector struct {
	tag, id    string
	classes    []string
	attributes []string
}

var compound = regexp.MustCompile(`([.#]?)([\w-]+|\*)|\[\s*([\w-]+)[^\]]*\]|::?[\w-]+(?:\([^)]*\))?`)

// parseStylesheet reads the rules that hide, also those inside @media.
func parseStylesheet(text string) stylesheet {
	var sheet stylesheet
	for _, rule := range cssRule.FindAllStringSubmatch(decodeCSS(text), -1) {
		d := parseDeclarations(rule[2])
		if isTiny, _ := d.isTiny(); !isTiny && !d.hides() {
			continue
		}
		for each := range strings.SplitSeq(rule[1], ",") {
			parts := strings.FieldsFunc(each, func(r rune) bool { return strings.ContainsRune(" \t\r\n\f>+~", r) })
			if len(parts) == 0 || strings.HasPrefix(parts[0], "@") {
				continue
			}
			if s, ok := parseSelector(parts[len(parts)-1]); ok {
				sheet = append(sheet, s)
			}
		}
	}
	return sheet
}

func parseSelector(text string) (s selector, ok bool) {
	for _, part := range compound.FindAllStringSubmatch(text, -1) {
		switch {
		case part[3] != "":
			s.attributes, ok = append(s.attributes, strings.ToLower(part[3])), true
		case part[2] == "":
			continue
		case part[1] == ".":
			s.classes, ok = append(s.classes, part[2]), true
		case part[1] == "#":
			s.id, ok = part[2], true
		case part[2] != "*":
			s.tag, ok = strings.ToLower(part[2]), true
		default:
			ok = true
		}
	}
	return s, ok
}

// color is red, green and blue.
type color [3]int

var (
	white      = color{255, 255, 255}
	colorNames = map[string]color{
		"white": white, "snow": {255, 250, 250}, "ivory": {255, 255, 240}, "ghostwhite": {248, 248, 255}, "whitesmoke": {245, 245, 245}, "floralwhite": {255, 250, 240},
		"black": {}, "red": {255, 0, 0}, "blue": {0, 0, 255}, "green": {0, 128, 0}, "gray": {128, 128, 128}, "grey": {128, 128, 128}, "yellow": {255, 255, 0}, "navy": {0, 0, 128},
	}
	rgb = regexp.MustCompile(`^rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})`)
)

// parseColor reads the first color of a value.
func parseColor(value string) (c color, ok bool) {
	value, _, _ = strings.Cut(strings.TrimSpace(strings.ToLower(value)), " url")
	if digits, isHex := strings.CutPrefix(value, "#"); isHex {
		digits, _, _ = strings.Cut(digits, " ")
		if len(digits) == 3 || len(digits) == 4 {
			digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
		}
		if len(digits) < 6 {
			return c, false
		}
		parts, err := hex.DecodeString(digits[:6])
		if err != nil {
			return c, false
		}
		return color{int(parts[0]), int(parts[1]), int(parts[2])}, true
	}
	if parts := rgb.FindStringSubmatch(value); parts != nil {
		for i := range c {
			n, err := strconv.Atoi(parts[i+1])
			if err != nil {
				return color{}, false
			}
			c[i] = min(n, 255)
		}
		return c, true
	}
	word, _, _ := strings.Cut(value, " ")
	c, ok = colorNames[word]
	return c, ok
}

// isNear reports whether nobody tells two colors apart.
func (c color) isNear(other color) bool {
	const same = 24
	for i := range c {
		if max(c[i], other[i])-min(c[i], other[i]) > same {
			return false
		}
	}
	return true
}
