package tool_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/server/tool"
)

// verifyString holds both ways of writing a string against encoding/json.
func verifyString(t *testing.T, s string) {
	t.Helper()
	html, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := tool.AppendString(nil, s, tool.HTML); string(got) != string(html) {
		t.Errorf("HTML: got %s, want %s", got, html)
	}
	plain, err := tool.IndentJSON(s, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := tool.AppendString([]byte("x"), s, tool.JavaScript); string(got) != "x"+plain {
		t.Errorf("JavaScript: got %s, want x%s", got, plain)
	}
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for c := range rune(0x3000) {
		all.WriteRune(c)
	}
	for _, s := range []string{"", "plain", all.String(), "\xff", "a\xc3", "\xe2\x80", "\u2028\u2029", `\u2028 \\u2028`, "<a href=\"b\">&</a>", "\U0001F980"} {
		verifyString(t, s)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a<b>\u2028\xff\\\n")
	f.Fuzz(verifyString)
}
