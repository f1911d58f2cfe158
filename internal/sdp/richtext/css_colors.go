package richtext

import (
	"math"
	"strconv"
	"strings"
)

// color is red, green and blue, each 0 to 255, and how much of it covers what is behind it, 0 to 1.
type color struct{ red, green, blue, alpha float64 }

var (
	white = color{255, 255, 255, 1}
	black = color{alpha: 1}
	// hidden is what colors count as that cannot be computed: in doubt nothing is seen.
	hidden = color{}
)

// colorNames are the names of CSS with their colors.
const colorNames = "aliceblue f0f8ff antiquewhite faebd7 aqua 00ffff aquamarine 7fffd4 azure f0ffff beige f5f5dc bisque ffe4c4 " +
	"black 000000 blanchedalmond ffebcd blue 0000ff blueviolet 8a2be2 brown a52a2a burlywood deb887 cadetblue 5f9ea0 " +
	"chartreuse 7fff00 chocolate d2691e coral ff7f50 cornflowerblue 6495ed cornsilk fff8dc crimson dc143c cyan 00ffff " +
	"darkblue 00008b darkcyan 008b8b darkgoldenrod b8860b darkgray a9a9a9 darkgreen 006400 darkgrey a9a9a9 " +
	"darkkhaki bdb76b darkmagenta 8b008b darkolivegreen 556b2f darkorange ff8c00 darkorchid 9932cc darkred 8b0000 " +
	"darksalmon e9967a darkseagreen 8fbc8f darkslateblue 483d8b darkslategray 2f4f4f darkslategrey 2f4f4f " +
	"darkturquoise 00ced1 darkviolet 9400d3 deeppink ff1493 deepskyblue 00bfff dimgray 696969 dimgrey 696969 " +
	"dodgerblue 1e90ff firebrick b22222 floralwhite fffaf0 forestgreen 228b22 fuchsia ff00ff gainsboro dcdcdc " +
	"ghostwhite f8f8ff gold ffd700 goldenrod daa520 gray 808080 green 008000 greenyellow adff2f grey 808080 " +
	"honeydew f0fff0 hotpink ff69b4 indianred cd5c5c indigo 4b0082 ivory fffff0 khaki f0e68c lavender e6e6fa " +
	"lavenderblush fff0f5 lawngreen 7cfc00 lemonchiffon fffacd lightblue add8e6 lightcoral f08080 lightcyan e0ffff " +
	"lightgoldenrodyellow fafad2 lightgray d3d3d3 lightgreen 90ee90 lightgrey d3d3d3 lightpink ffb6c1 lightsalmon ffa07a " +
	"lightseagreen 20b2aa lightskyblue 87cefa lightslategray 778899 lightslategrey 778899 lightsteelblue b0c4de " +
	"lightyellow ffffe0 lime 00ff00 limegreen 32cd32 linen faf0e6 magenta ff00ff maroon 800000 mediumaquamarine 66cdaa " +
	"mediumblue 0000cd mediumorchid ba55d3 mediumpurple 9370db mediumseagreen 3cb371 mediumslateblue 7b68ee " +
	"mediumspringgreen 00fa9a mediumturquoise 48d1cc mediumvioletred c71585 midnightblue 191970 mintcream f5fffa " +
	"mistyrose ffe4e1 moccasin ffe4b5 navajowhite ffdead navy 000080 oldlace fdf5e6 olive 808000 olivedrab 6b8e23 " +
	"orange ffa500 orangered ff4500 orchid da70d6 palegoldenrod eee8aa palegreen 98fb98 paleturquoise afeeee " +
	"palevioletred db7093 papayawhip ffefd5 peachpuff ffdab9 peru cd853f pink ffc0cb plum dda0dd powderblue b0e0e6 " +
	"purple 800080 rebeccapurple 663399 red ff0000 rosybrown bc8f8f royalblue 4169e1 saddlebrown 8b4513 salmon fa8072 " +
	"sandybrown f4a460 seagreen 2e8b57 seashell fff5ee sienna a0522d silver c0c0c0 skyblue 87ceeb slateblue 6a5acd " +
	"slategray 708090 slategrey 708090 snow fffafa springgreen 00ff7f steelblue 4682b4 tan d2b48c teal 008080 " +
	"thistle d8bfd8 tomato ff6347 turquoise 40e0d0 violet ee82ee wheat f5deb3 white ffffff whitesmoke f5f5f5 window ffffff " +
	"windowtext 000000 canvas ffffff canvastext 000000 yellow ffff00 yellowgreen 9acd32"

var hexOfName = readColorNames()

func readColorNames() map[string]string {
	names := map[string]string{}
	words := strings.Fields(colorNames)
	for i := 0; i+1 < len(words); i += 2 {
		names[words[i]] = words[i+1]
	}
	return names
}

// parseColor reads the first color of a value; ok is false when there is none, such as in inherit.
func parseColor(value string) (c color, ok bool) {
	for _, part := range splitCSS(strings.ToLower(strings.TrimSpace(value)), ' ') {
		name, arguments, isFunction := strings.Cut(part, "(")
		switch {
		case isFunction:
			if c, ok = computeColor(name, arguments); ok {
				return c, true
			}
		case part == "transparent":
			return color{}, true
		case hexOfName[part] != "":
			return parseHex(hexOfName[part])
		default:
			// Attributes have it without the #.
			if c, ok = parseHex(strings.TrimPrefix(part, "#")); ok {
				return c, true
			}
		}
	}
	return c, false
}

// parseHex reads 3, 4, 6 or 8 digits.
func parseHex(digits string) (c color, ok bool) {
	each := len(digits) / 3
	if each != 1 && each != 2 || len(digits) != 3*each && len(digits) != 4*each {
		return c, false
	}
	channels := []float64{0, 0, 0, 255}
	for i := 0; i*each < len(digits); i++ {
		n, err := strconv.ParseUint(strings.Repeat(digits[i*each:(i+1)*each], 3-each), 16, 8)
		if err != nil {
			return c, false
		}
		channels[i] = float64(n)
	}
	return color{channels[0], channels[1], channels[2], channels[3] / 255}, true
}

// computeColor computes a function of CSS; of those that say a lightness, gray of that lightness.
func computeColor(name, arguments string) (c color, ok bool) {
	given := quantity.FindAllString(arguments, -1)
	at := func(i int, whole float64) float64 {
		if i >= len(given) {
			return 0
		}
		size, unit, _ := parseQuantity(given[i])
		if unit == "%" {
			return size / 100 * whole
		}
		return size
	}
	switch name {
	case "rgb", "rgba":
		c = color{at(0, 255), at(1, 255), at(2, 255), 1}
	case "hsl", "hsla":
		saturation, lightness := at(1, 1), at(2, 1)
		c = hueColor(at(0, 360), func(pure float64) float64 {
			return lightness + saturation*min(lightness, 1-lightness)*(2*pure-1)
		})
	case "hwb":
		whiteness, blackness := at(1, 1), at(2, 1)
		c = hueColor(at(0, 360), func(pure float64) float64 { return pure*(1-whiteness-blackness) + whiteness })
	case "lab", "lch", "oklab", "oklch":
		whole := 1.0
		if !strings.HasPrefix(name, "ok") {
			whole = 100
		}
		gray := at(0, whole) / whole * 255
		c = color{gray, gray, gray, 1}
	case "color", "color-mix", "light-dark", "device-cmyk", "calc":
		return hidden, true
	default:
		return c, false // url(), linear-gradient()
	}
	if len(given) > 3 {
		c.alpha = at(3, 1)
	}
	return c.clamp(), true
}

// hueColor returns a hue, in degrees, whose channels, 0 to 1, are mixed with something.
func hueColor(hue float64, mix func(pure float64) float64) color {
	channel := func(shift float64) float64 {
		k := math.Mod(math.Mod(hue+shift, 360)+360, 360) / 60
		return mix(max(0, min(1, math.Abs(k-3)-1))) * 255
	}
	return color{channel(0), channel(240), channel(120), 1}
}

func (c color) clamp() color {
	within := func(n, most float64) float64 {
		if math.IsNaN(n) {
			return 0
		}
		return max(0, min(most, n))
	}
	return color{within(c.red, 255), within(c.green, 255), within(c.blue, 255), within(c.alpha, 1)}
}

// over returns what is seen of a color in front of another.
func (c color) over(behind color) color {
	mix := func(a, b float64) float64 { return a*c.alpha + b*(1-c.alpha) }
	return color{mix(c.red, behind.red), mix(c.green, behind.green), mix(c.blue, behind.blue), 1}
}

// isSeenOn reports whether somebody tells text of a color from what is behind it.
func (c color) isSeenOn(behind color) bool {
	const same = 24
	seen := c.over(behind)
	return max(math.Abs(seen.red-behind.red), math.Abs(seen.green-behind.green), math.Abs(seen.blue-behind.blue)) > same
}
