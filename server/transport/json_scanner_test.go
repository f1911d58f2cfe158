package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// scanAll scans a text that is one value.
func scanAll(text string) *jsonScanner {
	s := &jsonScanner{source: []byte(text)}
	s.scanValue()
	if s.peek(); s.err == nil && s.at < len(s.source) {
		s.fail(errNotJSON)
	}
	return s
}

// jsonSamples are texts around the grammar of JSON.
func jsonSamples() []string {
	samples := []string{
		``, ` `, `{}`, `[]`, `[ ]`, `{ }`, `null`, `nul`, `nulll`, `true `, `fals`, `"a`, `"a"b`, `"\`, `"\u12"`, `"\u00e9"`, `"\x"`, "\"\t\"", "\"\x7f\"",
		`[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":1}}`, `[1]]`, `[}`, `{]`, `{"a":[}`,
		`[{"a":[{"b":[]}]},{},[[]]]`, " \t\r\n[ 1 , 2 ]\n", "[1]\v", `{"a":{"b":{"c":[1,2,{"d":null}]}}}`, `"\ud83d\ude00"`, "\"\xed\xa0\x80\"",
	}
	for _, number := range []string{`0`, `-0`, `-`, `01`, `1.`, `.1`, `1.5`, `-1.5e+7`, `1e`, `1E-`, `1e5`, `+1`, `0x1`, `1.5.5`, `00`, `1-`, `NaN`, `9007199254740993`} {
		samples = append(samples, number, `[`+number+`]`, `{"a":`+number+`}`)
	}
	return append(samples, strings.Repeat(`{"a":`, 110)+`1`+strings.Repeat("}", 110))
}

// FuzzScanValue: the scanner takes what encoding/json takes, and finds a flaw in whatever a decoder would change.
func FuzzScanValue(f *testing.F) {
	for _, sample := range jsonSamples() {
		f.Add(sample)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := scanAll(text)
		if valid := json.Valid([]byte(text)); valid != (s.err == nil) {
			t.Fatalf("%q: JSON is %t, the scanner says %v", text, valid, s.err)
		}
		if s.err != nil || s.flaw != nil {
			return
		}
		if !utf8.ValidString(text) {
			t.Errorf("%q is not UTF-8, and has no flaw", text)
		}
		var decoded any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&decoded); err != nil {
			t.Fatal(err)
		}
		if strings.Count(text, "\\ufffd") == 0 && strings.Contains(fmt.Sprint(decoded), "\ufffd") && !strings.Contains(strings.ToLower(text), `\ufffd`) && !strings.Contains(text, "\ufffd") {
			t.Errorf("%q has half of a pair, and no flaw", text)
		}
		if members := countMembers(decoded); members != countNames(text) {
			t.Errorf("%q has %d names and %d members, and no flaw", text, countNames(text), members)
		}
	})
}

// TestScanValue_Depth: as deep as encoding/json goes, and no deeper.
func TestScanValue_Depth(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	if s := scanAll(nested(maxOpen)); s.err != nil || !json.Valid([]byte(nested(maxOpen))) {
		t.Errorf("%d levels: %v", maxOpen, s.err)
	}
	if s := scanAll(nested(maxOpen + 1)); s.err != errTooDeep || json.Valid([]byte(nested(maxOpen+1))) {
		t.Errorf("%d levels: %v", maxOpen+1, s.err)
	}
}

// countMembers counts the members of all objects in a decoded value.
func countMembers(value any) (members int) {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			members += 1 + countMembers(inner)
		}
	case []any:
		for _, inner := range v {
			members += countMembers(inner)
		}
	}
	return members
}

// countNames counts the names in a JSON text, those that stand twice twice.
func countNames(text string) (names int) {
	decoder := json.NewDecoder(strings.NewReader(text))
	var open []bool // whether a container is an object
	isName := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return names
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open, isName = append(open, token == json.Delim('{')), token == json.Delim('{')
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if isName {
				names++
				isName = false
				continue
			}
		}
		isName = len(open) > 0 && open[len(open)-1]
	}
}

func TestScanValue_NamesFlaws(t *testing.T) {
	t.Parallel()
	many := func(names ...string) string {
		var b strings.Builder
		for i := range 40 {
			fmt.Fprintf(&b, `"n%d":1,`, i)
		}
		for _, name := range names {
			fmt.Fprintf(&b, `%q:1,`, name)
		}
		return "{" + strings.TrimSuffix(b.String(), ",") + "}"
	}
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":                        {`{"Ticket":1,"ticket":2,"":[{"a":1},{"a":1}],"x":{"x":{"x":"\ud83d\ude00\u0000"}}}`, ""},
		"bytes that are not UTF-8":       {"{\"a\":[0,{\"b c\":\"xy\xffz\"}]}", `a[1]["b c"] is not UTF-8: its byte 3 is 0xff; send text as UTF-8`},
		"a byte too few":                 {"[\"\xe2\x82\"]", `[0] is not UTF-8: its byte 1 is 0xe2; send text as UTF-8`},
		"a surrogate as bytes":           {"\"\xed\xa0\x80\"", `the message is not UTF-8: its byte 1 is 0xed; send text as UTF-8`},
		"a name that is not UTF-8":       {"{\"a\":{\"\xff\":1}}", `a name in a is not UTF-8: its byte 1 is 0xff; send text as UTF-8`},
		"the first half":                 {`{"a":"\ud83d"}`, `a has half of a surrogate pair, \ud83d, as its byte 1: write both halves, or the character itself`},
		"the first half twice":           {`{"a":"\ud83d\uD83d\ude00"}`, `a has half of a surrogate pair, \ud83d, as its byte 1: write both halves, or the character itself`},
		"the second half":                {`{"a":"é\uDE00"}`, `a has half of a surrogate pair, \uDE00, as its byte 3: write both halves, or the character itself`},
		"half a pair in a name":          {`[{"\ud800":1}]`, `a name in [0] has half of a surrogate pair, \ud800, as its byte 1: write both halves, or the character itself`},
		"a name twice":                   {`{"a":{"b":1,"c":2,"b":3}}`, `a has "b" twice; leave one out`},
		"a name twice, once escaped":     {`{"a":{"b":1,"\u0062":3}}`, `a has "b" twice; leave one out`},
		"a name twice among many":        {many("n7"), `the message has "n7" twice; leave one out`},
		"other cases among many":         {many("N7"), ""},
		"the first of several":           {`{"a":"\ud800","a":"\ud801"}`, `a has half of a surrogate pair, \ud800, as its byte 1: write both halves, or the character itself`},
		"as many values as there may be": {"[" + strings.Repeat("0,", maxValues-2) + "0]", ""},
		"one value more":                 {"[" + strings.Repeat("0,", maxValues-1) + "0]", `[16383] brings the message to more than 16384 values; send fewer`},
		"as deep as it may be":           {strings.Repeat("[", maxDepth+2) + strings.Repeat("]", maxDepth+2), ""},
		"one deeper":                     {strings.Repeat(`{"a":`, maxDepth+3) + "0" + strings.Repeat("}", maxDepth+3), `a.a is nested more than 100 levels deep`},
		"a flaw that is deep": {
			strings.Repeat(`{"a":`, 50) + `"\ud800"` + strings.Repeat("}", 50),
			`a.a.a.a.a.a….a.a.a has half of a surrogate pair, \ud800, as its byte 1: write both halves, or the character itself`,
		},
		"a name that is long": {
			`{"` + strings.Repeat("é", 1<<20) + `":"\ud800"}`,
			`["` + strings.Repeat("é", 20) + `"…] has half of a surrogate pair, \ud800, as its byte 1: write both halves, or the character itself`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scanAll(tc.text)
			got := ""
			if s.flaw != nil {
				got = s.flaw.problem
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || s.err != nil {
				t.Errorf("%v (-want +got)\n%s", s.err, diff)
			}
		})
	}
}

// TestFindDoubledName_FoldsCase as the decoders do that fold it, with few names and with many.
func TestFindDoubledName_FoldsCase(t *testing.T) {
	t.Parallel()
	const kelvin, longS = "\u212a", "\u017f"
	for name, tc := range map[string]struct{ names, want string }{
		"different":       {"name namespace Nam names", ""},
		"upper and lower": {"uri name NAME", ` has both "name" and "NAME", which differ by case alone; leave one out`},
		"the same":        {"name uri name", ` has "name" twice; leave one out`},
		"a Kelvin sign":   {"key " + kelvin + "ey", ` has both "key" and "` + kelvin + `ey", which differ by case alone; leave one out`},
		"a long s":        {"args arg" + longS, ` has both "args" and "arg` + longS + `", which differ by case alone; leave one out`},
		"beyond ASCII":    {"É é", ` has both "É" and "é", which differ by case alone; leave one out`},
	} {
		var few, many [][]byte
		for i := range 2 * fewNames {
			many = append(many, fmt.Appendf(nil, "other-%d", i))
		}
		for written := range strings.FieldsSeq(tc.names) {
			few, many = append(few, []byte(written)), append(many, []byte(written))
		}
		if got := findDoubledName(few, true); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
		if got := findDoubledName(many, true); (got == "") != (tc.want == "") {
			t.Errorf("%s, among many: %q", name, got)
		}
		if got := findDoubledName(few, false); got != "" && !strings.Contains(tc.want, "twice") {
			t.Errorf("%s, where case counts: %q", name, got)
		}
	}
}

// TestScanValue_FlawsCostNothingTwice: a message full of flaws is scanned as one of that size without any.
func TestScanValue_FlawsCostNothingTwice(t *testing.T) {
	for name, unit := range map[string]string{"no encoding": "\"\xff\",", "half a pair": `"\ud800",`, "doubled names": `{"a":0,"a":0},`, "depth": strings.Repeat("[", 120) + strings.Repeat("]", 120) + ","} {
		text := "[" + strings.Repeat(unit, 1<<20/len(unit)) + "0]"
		if allocated := testing.AllocsPerRun(1, func() { scanAll(text) }); allocated > 200 {
			t.Errorf("%s: %.0f allocations", name, allocated)
		}
	}
}

// TestDecodeMessage_CopiesNothing: what is read of a message are slices of it, however large it is.
func TestDecodeMessage_CopiesNothing(t *testing.T) {
	message := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add_prompt","arguments":{"content":"` +
		strings.Repeat(`\u0041x`, 300<<10) + `","metadata":{"a":[{},{}]}},"_meta":{"a":"b"}}}`)
	measured := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var e envelope
			if f := decodeMessage(message, &e); f != nil || len(e.Params.Arguments) < 2<<20 || !bytes.Contains(e.Params.Meta.written, []byte(`"b"`)) {
				b.Fatal(f)
			}
		}
	})
	if bytes := measured.AllocedBytesPerOp(); bytes > 4<<10 {
		t.Errorf("%d bytes are allocated for a message of %d", bytes, len(message))
	}
}
