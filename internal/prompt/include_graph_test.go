package prompt

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edges reads "a>b a>c" as who includes whom, and counts how often each prompt is asked about.
func edges(written string) (includes func(string) []string, asked map[string]int) {
	graph := map[string][]string{}
	for edge := range strings.FieldsSeq(written) {
		from, to, _ := strings.Cut(edge, ">")
		graph[from] = append(graph[from], to)
	}
	asked = map[string]int{}
	return func(name string) []string {
		asked[name]++
		return graph[name]
	}, asked
}

func TestCheckIncludes(t *testing.T) {
	including := func(names ...string) Spec {
		text := "x"
		for _, name := range names {
			text += "{{> " + name + "@1}}{{> " + name + "}}"
		}
		return Spec{Messages: []Message{{Role: User, Text: text}}}
	}
	others := map[string][]string{
		"leaf": nil, "back": {"own"}, "other": {"other"}, "a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"e"}, "e": {"f"},
	}
	for name, tc := range map[string]struct {
		spec Spec
		want string
	}{
		"nothing":                        {including(), ""},
		"a leaf":                         {including("leaf"), ""},
		"itself":                         {including("own"), "includes form a cycle: own → own; remove one of them"},
		"itself through another":         {including("leaf", "back"), "includes form a cycle: back → own → back; remove one of them"},
		"a cycle it is no member of":     {including("other"), ""},
		"too deep":                       {including("a"), "includes are nested 6 deep, and at most 5 are allowed"},
		"deep enough":                    {including("b"), ""},
		"what does not parse":            {Spec{Messages: []Message{{Role: User, Text: "{{> own}} {{"}}}, ""},
		"what is Plain includes nothing": {Spec{Syntax: Plain, Messages: []Message{{Role: User, Text: "{{> own}}"}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := map[string]int{}
			err := CheckIncludes("own", tc.spec, func(name string) []string { asked[name]++; return others[name] })
			if got := fmt.Sprint(err); got != tc.want && (err != nil || tc.want != "") {
				t.Errorf("got %s, want %q", got, tc.want)
			}
			for name, times := range asked {
				if times > 1 {
					t.Errorf("%s was asked for %d times", name, times)
				}
			}
		})
	}
}

func TestFindCycle(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		graph string
		want  map[string]string
	}{
		"none":                               {"a>b b>c a>c", map[string]string{"a": "", "b": "", "c": "", "unknown": ""}},
		"itself":                             {"a>a", map[string]string{"a": "a a"}},
		"two":                                {"a>b b>a", map[string]string{"a": "a b a", "b": "a b a"}},
		"three":                              {"c>b b>a a>c", map[string]string{"a": "a c b a", "b": "a c b a", "c": "a c b a"}},
		"only its members":                   {"x>a a>b b>a b>y", map[string]string{"x": "", "a": "a b a", "b": "a b a", "y": ""}},
		"the shortest":                       {"a>b b>c c>a b>a", map[string]string{"a": "a b a", "b": "a b a", "c": "a b c a"}},
		"twice the same way":                 {"a>b a>b b>a", map[string]string{"a": "a b a"}},
		"of equal length the first in order": {"a>z z>a a>b b>a", map[string]string{"a": "a b a", "z": "a z a"}},
	} {
		for from, want := range tc.want {
			includes, _ := edges(tc.graph)
			if got := strings.Join(findCycle(from, includes), " "); got != want {
				t.Errorf("%s: from %s got %q, want %q", name, from, got, want)
			}
		}
	}
}

func TestIncludeDepth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		graph string
		want  map[string]int
	}{
		"none":                        {"", map[string]int{"a": 0}},
		"the longest way":             {"a>b a>c c>b b>d", map[string]int{"a": 3, "c": 2, "b": 1, "d": 0}},
		"beyond the limit":            {"a>b b>c c>d d>e e>f f>g", map[string]int{"a": 6, "b": 5}},
		"a member of a cycle":         {"a>b b>a", map[string]int{"a": MaxDepth + 1, "b": MaxDepth + 1}},
		"itself":                      {"a>a", map[string]int{"a": MaxDepth + 1}},
		"into a cycle":                {"p>a a>b b>a b>c c>d", map[string]int{"p": 1, "c": 1}},
		"into one that includes self": {"p>q q>a a>a a>c c>d", map[string]int{"p": 2}},
		"past a cycle":                {"p>a a>b b>a p>x x>y y>z", map[string]int{"p": 3}},
		"a cycle met from its middle": {"p>b b>c c>a a>b a>z", map[string]int{"p": 1}},
	} {
		for from, want := range tc.want {
			includes, _ := edges(tc.graph)
			if got := IncludeDepth(from, includes); got != want {
				t.Errorf("%s: from %s got %d, want %d", name, from, got, want)
			}
		}
	}
}

// A ladder has 2^n ways down; each prompt is asked about once all the same.
func TestIncludeGraph_IsWalkedOnce(t *testing.T) {
	t.Parallel()
	var ladder strings.Builder
	const rungs = 2000
	for i := range rungs {
		fmt.Fprintf(&ladder, "l%d>l%d l%d>r%d r%d>l%d r%d>r%d ", i, i+1, i, i+1, i, i+1, i, i+1)
	}
	for name, walk := range map[string]func(func(string) []string){
		"Cycle": func(includes func(string) []string) {
			if got := findCycle("l0", includes); got != nil {
				t.Errorf("Cycle found %v", got)
			}
		},
		"Depth": func(includes func(string) []string) {
			if got := IncludeDepth("l0", includes); got != rungs {
				t.Errorf("Depth is %d, want %d", got, rungs)
			}
		},
	} {
		includes, asked := edges(ladder.String())
		walk(includes)
		want := map[string]int{"l0": 1}
		for i := range rungs {
			want[fmt.Sprintf("l%d", i+1)], want[fmt.Sprintf("r%d", i+1)] = 1, 1
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("%s asked (-want +got):\n%s", name, diff)
		}
	}
}
