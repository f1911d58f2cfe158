package prompt

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// graphOf reads "a>b a>c" as who includes whom.
func graphOf(written string) *IncludeGraph {
	includes := map[string][]string{}
	for edge := range strings.FieldsSeq(written) {
		from, to, _ := strings.Cut(edge, ">")
		includes[from] = append(includes[from], to)
	}
	var g IncludeGraph
	for name, names := range includes {
		g.Set(name, names)
	}
	return &g
}

func TestIncludeGraph_Check(t *testing.T) {
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
			var g IncludeGraph
			for name, names := range others {
				g.Set(name, slices.Clone(names))
			}
			g.Set("own", IncludedNames(tc.spec))
			err := g.Check("own")
			if got := fmt.Sprint(err); got != tc.want && (err != nil || tc.want != "") {
				t.Errorf("got %s, want %q", got, tc.want)
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
			g := graphOf(tc.graph)
			if got := strings.Join(g.findCycle(from), " "); got != want {
				t.Errorf("%s: from %s got %q, want %q", name, from, got, want)
			}
			if err := g.Check(from); (err != nil) != (want != "") {
				t.Errorf("%s: the check of %s gives %v", name, from, err)
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
			if got := graphOf(tc.graph).Depth(from); got != want {
				t.Errorf("%s: from %s got %d, want %d", name, from, got, want)
			}
		}
	}
}

// A ladder has 2^n ways down; each prompt is walked over once all the same, and for all questions together.
func TestIncludeGraph_IsWalkedOnce(t *testing.T) {
	t.Parallel()
	var ladder strings.Builder
	const rungs = 2000
	for i := range rungs {
		fmt.Fprintf(&ladder, "l%d>l%d l%d>r%d r%d>l%d r%d>r%d ", i, i+1, i, i+1, i, i+1, i, i+1)
	}
	g := graphOf(ladder.String())
	for i := range rungs {
		for _, side := range "lr" {
			name := fmt.Sprintf("%c%d", side, i)
			if got := g.Depth(name); got != rungs-i {
				t.Fatalf("the depth of %s is %d, want %d", name, got, rungs-i)
			}
			_ = g.Check(name)
		}
	}
	if want := 2*rungs + 2; g.Visits() != want {
		t.Errorf("%d prompts were walked over, want %d", g.Visits(), want)
	}
}

// TestIncludeGraph_Changes changes a graph step by step, and holds what is remembered to a graph made anew.
func TestIncludeGraph_Changes(t *testing.T) {
	t.Parallel()
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	random := rand.New(rand.NewPCG(1, 2))
	var g IncludeGraph
	now := map[string][]string{}
	for step := range 3000 {
		name := names[random.IntN(len(names))]
		if random.IntN(4) == 0 {
			g.Remove(name)
			delete(now, name)
		} else {
			var includes []string
			for range random.IntN(3) {
				includes = append(includes, names[random.IntN(len(names))])
			}
			now[name] = slices.Clone(includes)
			g.Set(name, includes)
		}
		asked := names[random.IntN(len(names))]
		_ = g.CheckEdit(names[random.IntN(len(names))], []string{asked})
		var fresh IncludeGraph
		for name, includes := range now {
			fresh.Set(name, slices.Clone(includes))
		}
		if got, want := fmt.Sprint(g.Check(asked), g.Depth(asked)), fmt.Sprint(fresh.Check(asked), fresh.Depth(asked)); got != want {
			t.Fatalf("step %d: %s of %v gives %s, want %s", step, asked, now, got, want)
		}
	}
}

// TestIncludeGraph_KeepsWhatNobodyWalked: a prompt that is new, as when a thousand are created, changes nothing for those that
// are known.
func TestIncludeGraph_KeepsWhatNobodyWalked(t *testing.T) {
	t.Parallel()
	var g IncludeGraph
	const pages = 1000
	for i := range 50 {
		g.Set(fmt.Sprint("f", i), nil)
	}
	for i := range pages {
		name := fmt.Sprint("p", i)
		includes := make([]string, 50)
		for k := range includes {
			includes[k] = fmt.Sprint("f", k)
		}
		g.Set(name, includes)
		if err := g.Check(name); err != nil {
			t.Fatal(err)
		}
	}
	if want := pages + 50; g.Visits() != want {
		t.Errorf("%d prompts were walked over, want %d", g.Visits(), want)
	}
}
