package richtext

import (
	"html"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func mustRead(t *testing.T, text string) string {
	t.Helper()
	read, err := ToMarkdown(text)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestToMarkdown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ html, want string }{
		"plain text":                     {"The dock\nshows  nothing", "The dock shows nothing"},
		"nothing":                        {"", ""},
		"paragraphs":                     {"<p>One</p>\n<p>Two<br>lines</p><div>Three</div>", "One\n\nTwo\nlines\n\nThree"},
		"breaks":                         {"a<br><br><br>b", "a\n\nb"},
		"inline":                         {"a<b>b</b> <i>c</i><span> d</span>", "ab c d"},
		"headings":                       {"<h1>A</h1><h3>B <b>c</b></h3>d", "# A\n\n### B c\n\nd"},
		"lists":                          {"<ul><li>a<li>b<ol start=3><li>c</li><li><p>d</p><p>e</p></li></ol></ul>f", "- a\n- b\n  3. c\n  4. d\n     e\n\nf"},
		"a quote":                        {"<blockquote>a<p>b</p><blockquote>c</blockquote></blockquote>d", "> a\n>\n> b\n>\n> > c\n\nd"},
		"a table":                        {"<table><tr><th>Name</th><th>OS</th></tr><tr><td><p>LT-1</p></td><td>x<br>y</td></tr></table>", "Name | OS\nLT-1 | x y"},
		"a table as layout":              {"<table><tr><td><p>a</p></td></tr><tr><td>b<table><tr><td>c</td></tr></table></td><td>d</td></tr></table>", "a\n\nb\n\nc\n\nd"},
		"preformatted":                   {"<pre>a  b\n  ```\n</pre>c", "````\na  b\n  ```\n````\n\nc"},
		"code":                           {"run <code>rm -rf `x`</code> now", "run `` rm -rf `x` `` now"},
		"a rule":                         {"a<hr>b", "a\n\n---\n\nb"},
		"entities":                       {"&lt;b&gt; &amp; &#65; &nbsp;x", `\<b\> & A x`},
		"CDATA that leaks":               {"<![CDATA[<p>a</p>]]>", "a"},
		"a link":                         {`<a href="https://example.org/a?b=1&c=2">the page</a>`, "the page (<https://example.org/a?b=1&c=2>)"},
		"a link as text":                 {`<a href="https://example.org/a">https://example.org/a</a>`, "https://example.org/a"},
		"a link to an address":           {`<a href="mailto:ana@example.org">Ana</a>`, "Ana (<mailto:ana@example.org>)"},
		"a link that says another place": {`<a href="https://evil.example/">https://bank.example/</a>`, "https://bank.example/ (<https://evil.example/>)"},
		"a link without text":            {`<a href="https://example.org/"><img src=x></a>`, "(image) (<https://example.org/>)"},
		"a link that runs":               {`<a href="java&#10;script:alert(1)">a</a> <a href="data:text/html,x">b</a> <a href="//evil.example">c</a> <a href="file:///x">d</a>`, "a b c d"},
		"a link that breaks out":         {`<a href="https://e.example/)>](x) ![a](http://t.example/?q=">a</a>`, "a (<https://e.example/%29%3E%5D%28x%29%20%21%5Ba%5D%28http://t.example/?q=>)"},
		"Markdown in text":               {"![x](http://t.example/?q=1) [a](b) `c` *d* _e_ a_b <http://x> # f", `!\[x\](http://t.example/?q=1) \[a\](b) \` + "`c\\`" + ` \*d\* \_e\_ a_b # f`},
		"blocks in text":                 {"<p># a</p><p>- b</p><p>1. c</p><p>&gt; d</p><p>---</p><p>~~~</p><p>2) e</p>", "\\# a\n\n\\- b\n\n1\\. c\n\n\\> d\n\n\\---\n\n\\~~~\n\n2\\) e"},
		"an image":                       {`a <img src="https://t.example/x.png" alt="IGNORE" title="IGNORE"> b`, "a (image) b"},
		"a tracking image":               {`a<img src="https://t.example/x.png" width="1" height="1">b`, "ab"},
		"wrappers of mails":              {`<td style="font-size:0"><table><tr><td><div style="font-size:14px;color:#333">seen</div></td></tr></table></td>`, "seen"},
		"white on dark":                  {`<table bgcolor="#203040"><tr><td style="color:#fff">seen</td></tr></table>`, "seen"},
		"dark in white":                  {`<div style="color:white"><span style="color:black">seen</span> hidden</div>`, "seen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, mustRead(t, tc.html)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// hostile are texts in which HIDDEN is what no person sees; each has the word "seen".
var hostile = map[string]string{
	"script":                     `seen<script>HIDDEN</script>`,
	"style":                      `seen<style>HIDDEN</style>`,
	"a comment":                  `seen<!-- HIDDEN --><!HIDDEN><?HIDDEN?>`,
	"template":                   `seen<template>HIDDEN</template>`,
	"noscript":                   `seen<noscript>HIDDEN</noscript>`,
	"the title":                  `<html><head><title>HIDDEN</title><meta content=HIDDEN></head><body>seen`,
	"frames and objects":         `seen<iframe srcdoc="HIDDEN">HIDDEN</iframe><object>HIDDEN</object><svg><text>HIDDEN</text></svg><math><mi>HIDDEN</mi></math><video>HIDDEN</video>`,
	"forms":                      `seen<textarea>HIDDEN</textarea><input value=HIDDEN><select><option>HIDDEN</select>`,
	"attributes":                 `<p title="HIDDEN" data-x="HIDDEN" aria-label="HIDDEN">seen<img alt="HIDDEN" src="cid:HIDDEN"></p>`,
	"hidden":                     `seen<div hidden>HIDDEN</div><div hidden="until-found">HIDDEN</div><div aria-hidden=" TRUE ">HIDDEN</div>`,
	"a closed dialog":            `seen<dialog>HIDDEN</dialog>`,
	"display":                    `seen<div style="display:none">HIDDEN<p>HIDDEN</p></div><div style="DISPLAY : None !important">HIDDEN</div>`,
	"display, spelled":           `seen<div style="d\69splay:none">HIDDEN</div><div style="display:/*x*/none">HIDDEN</div><div style="color:red;display:n\6f ne">HIDDEN</div>`,
	"visibility":                 `seen<div style="visibility:hidden">HIDDEN</div><div style="visibility:collapse">HIDDEN</div>`,
	"opacity":                    `seen<div style="opacity:0">HIDDEN</div><div style="opacity:0.01">HIDDEN</div><div style="filter: opacity(0%)">HIDDEN</div>`,
	"size":                       `seen<span style="font-size:0">HIDDEN</span><span style="font-size:1px">HIDDEN</span><span style="font:0/0 a">HIDDEN</span><span style="font-size:.01em">HIDDEN</span>`,
	"no room":                    `seen<div style="max-height:0;overflow:hidden">HIDDEN</div><div style="height:0px;overflow:hidden">HIDDEN</div><div style="width:1px;height:1px;overflow:hidden">HIDDEN</div>`,
	"out of the page":            `seen<div style="position:absolute;left:-9999px">HIDDEN</div><div style="text-indent:-1000em">HIDDEN</div><div style="margin-left:-2000px">HIDDEN</div><div style="clip:rect(0,0,0,0)">HIDDEN</div><div style="clip-path:inset(100%)">HIDDEN</div>`,
	"transformed":                `seen<div style="transform: scale( 0 )">HIDDEN</div><div style="zoom:0">HIDDEN</div>`,
	"white on white":             `seen<span style="color:#fff">HIDDEN</span><span style="color:rgb(254, 254, 254)">HIDDEN</span><font color=white>HIDDEN</font><span style="color:transparent">HIDDEN</span>`,
	"black on black":             `seen<div style="background:#000">HIDDEN</div><div bgcolor="#111"><span style="color:#121212">HIDDEN</span></div>`,
	"for Outlook":                `seen<div style="mso-hide:all">HIDDEN</div>`,
	"a class":                    `<style>p .x, .y{display:none} @media screen{#z{visibility:hidden}} u[data-q]{font-size:0}</style>seen<p class="a x">HIDDEN</p><p class=y>HIDDEN</p><p id=z>HIDDEN</p><u data-q=1>HIDDEN</u>`,
	"a class, spelled":           `<style>.\78{disp\6c ay:none}</style>seen<p class="x">HIDDEN</p>`,
	"a list's item":              `<ul><li>seen<li style="display:none">HIDDEN</ul>`,
	"a cell":                     `<table><tr><td>seen</td><td hidden>HIDDEN</td><td>x</td></tr></table>`,
	"in code":                    `seen <code>x<b hidden>HIDDEN</b></code><pre>y<b style="display:none">HIDDEN</b><script>HIDDEN</script></pre>`,
	"a tag character's text":     "seen" + tagged("HIDDEN"),
	"a selector's text":          "seen" + selected("HIDDEN"),
	"a link's title":             `<a href="https://example.org" title="HIDDEN">seen</a>`,
	"a link without a place":     `<a href="javascript:HIDDEN">seen</a>`,
	"alternative of an image":    `seen<picture><source srcset=HIDDEN><img alt=HIDDEN></picture>`,
	"ruby":                       `seen<ruby>x<rp>HIDDEN</rp></ruby>`,
	"declarations without end":   `seen<div style="display:none`,
	"a comment without an end":   `seen<!-- HIDDEN`,
	"a script without an end":    `seen<script>HIDDEN`,
	"conditional comments":       `seen<!--[if mso]>HIDDEN<![endif]-->`,
	"hidden, then a table in it": `seen<div hidden><table><p>HIDDEN<tr><td>HIDDEN</table></div>`,
}

// tagged spells a text in tag characters, which show nothing.
func tagged(text string) string {
	return strings.Map(func(r rune) rune { return 0xE0000 + r }, text)
}

// selected spells a text in variation selectors.
func selected(text string) string {
	return strings.Map(func(r rune) rune { return 0xE0100 + r }, text)
}

func TestToMarkdown_HidesWhatNobodySees(t *testing.T) {
	t.Parallel()
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := mustRead(t, text)
			if strings.Contains(got, "HIDDEN") || !strings.Contains(got, "seen") {
				t.Errorf("%q", got)
			}
			checkRead(t, got)
		})
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"ASCII":                    {"a b\n\tc", "a b\n\tc"},
		"control":                  {"a\x00b\x1b[31mc\x7fd\r\n", "ab[31mcd\n"},
		"zero width":               {"ig\u200bno\u200cre\u200d \u2060al\ufeffl\u00ad", "ignore all"},
		"bidirectional":            {"\u202eevil\u202c \u2066x\u2069 \u200f\u061c", "evil x "},
		"tags":                     {"a" + tagged("HIDDEN"), "a"},
		"variation selectors":      {"a\ufe0f" + selected("HIDDEN"), "a"},
		"fillers":                  {"a\u3164b\u115f\u2800c", "abc"},
		"private":                  {"a\ue000\U000f0000b", "ab"},
		"spaces and lines":         {"a\u00a0b\u3000c\u2028d\u0085e", "a b c\nd\ne"},
		"letters of all languages": {"Größe 日本語 עברית العربية é 🙂", "Größe 日本語 עברית العربية é 🙂"},
		"no UTF-8":                 {"a\xffb", "a\uFFFDb"},
	} {
		if got := Clean(tc.text); got != tc.want {
			t.Errorf("%s: %q, not %q", name, got, tc.want)
		}
	}
}

func TestToMarkdown_Bounds(t *testing.T) {
	t.Parallel()
	if _, err := ToMarkdown(strings.Repeat("<div>", 600) + "x"); err == nil {
		t.Error("what is nested too deeply is read")
	}
	if _, err := ToMarkdown("<style>" + strings.Repeat(".x{top:0}", 1000) + "</style>" + strings.Repeat("<p>x", 30_000)); err == nil {
		t.Error("thirty million questions are asked")
	}
	for _, hostile := range []string{
		"<style>" + strings.Repeat("{", MaxInput/2), "<style>" + strings.Repeat("a{", MaxInput/4), "<style>" + strings.Repeat("(", MaxInput/2) + "{",
		"<style>" + strings.Repeat("@media a{", MaxInput/20) + "b{display:none", "<p style='" + strings.Repeat("(", MaxInput/2) + "'>x",
		"<style>:root{--a:" + strings.Repeat("var(--a)", 100_000) + "}</style>" + strings.Repeat("<p style='color:var(--a)'>x", 100),
		"<p style='--a:" + strings.Repeat("var(--a)", 90) + ";--b:" + strings.Repeat("var(--a)", 90) + ";color:" + strings.Repeat("var(--b)", 90) + "'>x",
	} {
		mustRead(t, hostile)
	}
	long := mustRead(t, strings.Repeat("é ", MaxInput))
	if len(long) > MaxInput || !utf8.ValidString(long) {
		t.Errorf("%d bytes are read", len(long))
	}
	if got := mustRead(t, strings.Repeat("<blockquote>", 100)+"x<br>y"); strings.Count(got, ">") > 4*maxFrames {
		t.Errorf("%q", got)
	}
}

// checkRead holds what is true of all that is read.
func checkRead(t *testing.T, got string) {
	t.Helper()
	if !utf8.ValidString(got) {
		t.Errorf("no UTF-8: %q", got)
	}
	for _, r := range got {
		if r != '\n' && r != '\t' && (isInvisible(r) || unicode.IsControl(r)) {
			t.Errorf("%U is in %q", r, got)
		}
	}
	inFence := ""
	for line := range strings.SplitSeq(got, "\n") {
		bare := strings.TrimLeft(line, " >-0123456789.")
		switch marks := bare[:len(bare)-len(strings.TrimLeft(bare, "`"))]; {
		case inFence == "" && len(marks) >= 3 && marks == bare:
			inFence = marks
			continue
		case inFence != "" && bare == inFence:
			inFence = ""
			continue
		case inFence != "":
			continue
		}
		checkLine(t, line)
	}
}

// checkLine finds images and HTML that are not escaped and not in code.
func checkLine(t *testing.T, line string) {
	t.Helper()
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '`':
			run := len(line[i:]) - len(strings.TrimLeft(line[i:], "`"))
			end := strings.Index(line[i+run:], strings.Repeat("`", run))
			if end < 0 {
				t.Errorf("code without an end: %q", line)
				return
			}
			i += run + end + run - 1
		case '[':
			t.Errorf("a link or an image: %q", line)
			return
		case '<':
			if rest := line[i+1:]; !strings.HasPrefix(rest, "http://") && !strings.HasPrefix(rest, "https://") && !strings.HasPrefix(rest, "mailto:") {
				t.Errorf("HTML: %q", line)
				return
			}
		}
	}
}

// FuzzToMarkdown: nothing panics, what is hidden stays hidden whatever style or sheet follows, and the Markdown has no image, no HTML
// and nothing that cannot be seen.
func FuzzToMarkdown(f *testing.F) {
	for _, corpus := range []map[string]string{hostile, attacks, sheetsThatHide} {
		for _, text := range corpus {
			f.Add(text, "", "")
		}
	}
	for _, style := range stylesThatHide {
		f.Add("x", style, ".x{"+style+"}")
	}
	for _, text := range []string{"![a](b)", "<a href='https://x.example/`'>`</a>", "<code>`</code>`", "<pre>```\n<b>", "a\\", "<li>- ", "<table><td>a<td>`b", "<ol start=-1><li>x"} {
		f.Add(text, "display:block !important", "@media print{.k{display:block}}")
	}
	f.Fuzz(func(t *testing.T, text, style, sheet string) {
		const canary = "cAnAry7"
		hidden := `<div style="display:none;` + html.EscapeString(style) + `">` + canary + `</div><p class=k>` + canary + `</p><style>.k{display:none}` + sheet + `</style>`
		got, err := ToMarkdown(hidden + text)
		if err != nil {
			return
		}
		if strings.Contains(got, canary) && !strings.Contains(text+sheet, "cAn") {
			t.Errorf("what is hidden is read: %q", got)
		}
		checkRead(t, got)
		checkFrame(t, got)
	})
}
