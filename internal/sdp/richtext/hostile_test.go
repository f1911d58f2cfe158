package richtext

import (
	"strings"
	"testing"
)

// stylesThatHide are style attributes under which a browser shows nothing of an element.
var stylesThatHide = map[string]string{
	"a value that nobody knows after it":  "display:none;display:bogus",
	"one that is important":               "display:none !important;display:block",
	"a size that nobody knows after it":   "font-size:0;font-size:bogus",
	"a color that nobody knows after it":  "color:#fff;color:bogus",
	"no alpha, as a function":             "color:rgba(0,0,0,0)",
	"no alpha, as percent":                "color:rgb(0 0 0 / 0%)",
	"no alpha, in four digits":            "color:#0000",
	"no alpha, in eight digits":           "color:#00000000",
	"no alpha, by hue":                    "color:hsla(120,50%,50%,0)",
	"hardly any alpha":                    "color:rgba(0,0,0,.02)",
	"white by hue":                        "color:hsl(0,0%,100%)",
	"white by whiteness":                  "color:hwb(0 100% 0%)",
	"white by a variable":                 "--c:#fff;color:var(--c)",
	"white by what a variable falls to":   "color:var(--no-such, white)",
	"a background of its own":             "background-color:#102030;color:rgb(16,32,48)",
	"fill":                                "-webkit-text-fill-color:rgba(0,0,0,0)",
	"no size, calculated":                 "font-size:calc(0px + 0em)",
	"the least of sizes":                  "font-size:min(0px, 20px)",
	"hidden by a variable":                "--d:none;display:var(--d)",
	"moved by a transformation":           "transform:translateX(-9999px)",
	"moved by two":                        "transform:translate(-200vw, 0)",
	"moved, as a property":                "translate:-9999px 0",
	"moved by an inset":                   "position:absolute;inset-inline-start:-9999px",
	"moved by insets":                     "position:fixed;inset:-9999px auto auto -9999px",
	"moved to the right":                  "position:absolute;left:99999px",
	"no scale":                            "transform:scaleX(0)",
	"no scale, as a property":             "scale:0",
	"no matrix":                           "transform:matrix(0,0,0,0,0,0)",
	"no opacity, as percent":              "opacity:0%",
	"no height, clipped":                  "height:0;overflow-y:clip",
	"no height, by the other name":        "block-size:0;overflow:hidden",
	"a clip of nothing":                   "clip-path:polygon(0 0,0 0,0 0)",
	"turned away":                         "transform:rotateY(90deg);",
	"a comment within a word, and spaces": "dis/**/play:no\\6e e",
}

// sheetsThatHide are documents in which a style element hides HIDDEN.
var sheetsThatHide = map[string]string{
	"white by a class":              `<style>.x{color:#fff}</style>seen<p class=x>HIDDEN</p>`,
	"white on the screen":           `<style>@media screen{.x{color:#fff}}</style>seen<p class=x>HIDDEN</p>`,
	"white in something":            `<style>div.o > .x{color:white}</style>seen<div class=o><p class=x>HIDDEN</p></div>`,
	"black on black by an id":       `<style>#x{background:#000;color:#010101}</style>seen<p id=x>HIDDEN</p>`,
	"white by a variable":           `<style>:root{--c:#fff}</style>seen<p style="color:var(--c)">HIDDEN</p>`,
	"white on most screens":         `<style>@media not print{@media(min-width:1px){.x{color:#fff}}}</style>seen<p class=x>HIDDEN</p>`,
	"white in daylight":             `<style>@supports (display:block){@media screen and (prefers-color-scheme: light){.x{color:#fff}}}</style>seen<p class=x>HIDDEN</p>`,
	"hidden on paper and screens":   `<style>@media print, screen{.x{display:none}}</style>seen<p class=x>HIDDEN</p>`,
	"moved by a class":              `<style>.x{position:absolute;left:-9999px}</style>seen<p class=x>HIDDEN</p>`,
	"hidden behind another rule":    `<style>@charset "x";@import url(x);.x{display:none}</style>seen<p class=x>HIDDEN</p>`,
	"hidden in a layer":             `<style>@layer a{@media all{.x{display:none}}}</style>seen<p class=x>HIDDEN</p>`,
	"hidden in a rule in a rule":    `<style>.o{color:black;.x{display:none}}</style>seen<div class=o><p class=x>HIDDEN</p></div>`,
	"hidden, without a last brace":  `<style>.x{display:none</style>seen<p class=x>HIDDEN</p>`,
	"a brace in a string before it": `<style>.a{content:"}"}.x{display:none}</style>seen<p class=x>HIDDEN</p>`,
}

// TestToMarkdown_HidesByStyle holds that what a browser does not show is not read, and that the same text without it is.
func TestToMarkdown_HidesByStyle(t *testing.T) {
	t.Parallel()
	documents := map[string]string{}
	for name, style := range stylesThatHide {
		documents[name] = `seen<div style="` + style + `">HIDDEN<p>HIDDEN</p></div>`
	}
	for name, document := range sheetsThatHide {
		documents["a sheet: "+name] = document
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mustRead(t, document); strings.Contains(got, "HIDDEN") || !strings.Contains(got, "seen") {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestToMarkdown_ReadsWhatIsSeen holds mails as programs write them, in which an element is easily taken for a hidden one.
func TestToMarkdown_ReadsWhatIsSeen(t *testing.T) {
	t.Parallel()
	for name, document := range map[string]string{
		"colors of a dark mode":      `<style>@media (prefers-color-scheme: dark){p{color:#fff}}[data-ogsc] p{color:#fff}</style><p>seen</p>`,
		"clearing floats":            `<style>.clearfix:after{content:".";visibility:hidden;height:0;display:block}.x::before{display:none}</style><div class="clearfix x">seen</div>`,
		"what is pointed at":         `<style>.x:hover{opacity:0}</style><p class=x>seen</p>`,
		"what is printed":            `<style>@media print{body *{display:none}}</style><style media="print">p{display:none}</style><p>seen</p>`,
		"a dark mode of variables":   `<style>:root{--t:#000}@media (prefers-color-scheme: dark){:root{--t:#fff}}</style><p style="color:var(--t)">seen</p>`,
		"rules in a list of rules":   `<style>p, .x{color:#000;b{display:none}}</style><p>seen</p>`,
		"colors of paper":            `<style media="print">p{color:#fff}</style><p>seen</p>`,
		"sizes of small screens":     `<style>@media (max-width:600px){.x{color:#fff}}</style><p class=x>seen</p>`,
		"a palette with what it is":  `<span style="color:rgba(var(--palette-neutral-100,0, 0, 0),1);background-color:rgba(var(--palette-neutral-0,255,255,255),1)">seen</span>`,
		"a variable of nowhere":      `<span style="color:var(--themePrimary)">seen</span>`,
		"white on a colored button":  `<style>.b{background-color:#0066cc}.b a{color:#fff}</style><table><tr><td class=b><a href="https://example.org">seen</a></td></tr></table>`,
		"black by hue":               `<span style="color:hsl(0, 0%, 0%)">seen</span>`,
		"half transparent":           `<span style="color:rgba(0,0,0,.54)">seen</span>`,
		"a size that is calculated":  `<span style="font-size:calc(12px + 1vw)">seen</span>`,
		"between two sizes":          `<span style="font-size:clamp(14px, 2vw, 18px)">seen</span>`,
		"a small shift":              `<span style="position:relative;left:-3px;top:1px;transform:translateY(-2px)">seen</span>`,
		"the page's white":           `<body style="background:#fff"><div style="background-color:white;color:#222">seen</div>`,
		"an outer margin of a table": `<table style="margin-left:-5.4pt;border-collapse:collapse"><tr><td>seen</td></tr></table>`,
		"a background image":         `<div style="background:url(https://t.example/x.png) #fff;color:#000">seen</div>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mustRead(t, document); !strings.Contains(got, "seen") || strings.Contains(got, "t.example") {
				t.Errorf("%q", got)
			}
		})
	}
}
