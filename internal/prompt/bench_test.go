package prompt_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/lectern-dev/lectern/internal/prompt"
)

func BenchmarkCompile(b *testing.B) {
	small := text("Write a {{tone}} handover for {{ticket}}{{#next}} to {{next}}{{/next}}.\n\n{{> house-style}}\n")
	large := text(strings.Repeat("A line of text that is as long as lines are, with {{a}} value.\n", MaxText/64))
	tags := text(strings.Repeat("{{a}}", MaxText/5))
	stored := fragments(b, map[string]string{"house-style": "Short sentences. No slang.\n"})
	for _, bench := range []struct {
		name string
		spec Spec
	}{{"small", small}, {"256KiB", large}, {"256KiB-of-tags", tags}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.spec.Messages[0].Text)))
			for b.Loop() {
				if _, err := Compile(bench.spec, stored); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewTemplate(b *testing.B) {
	compiled := compile(b, text(strings.Repeat("A line of text with {{a}} value.\n", 60)), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewTemplate(&compiled.Document); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	two := "Write a {{tone}} handover for {{ticket}}{{#next}} to {{next}}{{/next}}.\n" + strings.Repeat("Some more text. ", 60)
	for _, bench := range []struct {
		name     string
		messages []Message
	}{
		{"one message", text(two).Messages},
		{"four messages", append(append(append(text(two).Messages, text(two).Messages...), text(two).Messages...), text(two).Messages...)},
		{"no placeholders", text(strings.Repeat("Some more text. ", 60)).Messages},
	} {
		b.Run(strings.ReplaceAll(bench.name, " ", "-"), func(b *testing.B) {
			ready := prepare(b, Spec{Messages: bench.messages}, nil)
			values := map[string]string{}
			if bench.name != "no placeholders" {
				values = map[string]string{"tone": "brief", "ticket": "INC-4711", "next": "Ann"}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ready.Render(values); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkIncludeGraph(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var g IncludeGraph
		for i := range 1000 {
			g.Set(fmt.Sprint(i), []string{fmt.Sprint(i + 1), fmt.Sprint(i + 2)})
		}
		if g.Depth("0") != 1000 {
			b.Fatal(g.Depth("0"))
		}
	}
}
