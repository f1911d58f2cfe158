package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// How many of a hundred names in product code may be one word.
const (
	oneWordFunctions = 20
	oneWordMethods   = 45
)

// oneWord is a run of lower-case letters with at most a capital before it.
var oneWord = regexp.MustCompile(`^[A-Z]?[a-z]+$`)

// share counts names, and those of one word among them.
type share struct{ all, oneWord int }

func (s *share) count(name string) {
	s.all++
	if oneWord.MatchString(name) {
		s.oneWord++
	}
}

func (s share) over(percent int) bool { return s.oneWord*100 > s.all*percent }

func (s share) String() string {
	return fmt.Sprintf("%d of %d (%d %%)", s.oneWord, s.all, s.oneWord*100/max(s.all, 1))
}

// names are those that files declare.
type names struct {
	functions, methods share
	// declared are the functions, methods and types of a package by their lower-case spelling.
	declared  map[string]map[string][]string
	toolFiles []string
}

// isProduct says whether a file is code that is released, and written by hand.
func isProduct(name string, content []byte) bool {
	room := path.Dir(name)
	if name != "main.go" && !inRooms("api", "config", "controllers", "internal", "server")(room) {
		return false
	}
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !isForTests(room) && !isGenerated(content)
}

func (n *names) read(name string, content []byte) error {
	if !isProduct(name, content) {
		return nil
	}
	if strings.HasPrefix(path.Base(name), "tool_") {
		n.toolFiles = append(n.toolFiles, name)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, declaration := range parsed.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			switch name := d.Name.Name; {
			case d.Recv != nil:
				n.methods.count(name)
			case name != "main" && name != "init":
				n.functions.count(name)
			}
			n.declare(path.Dir(name), d.Name.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if s, is := spec.(*ast.TypeSpec); is {
					n.declare(path.Dir(name), s.Name.Name)
				}
			}
		}
	}
	return nil
}

func (n *names) declare(room, name string) {
	if n.declared == nil {
		n.declared = map[string]map[string][]string{}
	}
	if n.declared[room] == nil {
		n.declared[room] = map[string][]string{}
	}
	spellings, lower := n.declared[room], strings.ToLower(name)
	if !slices.Contains(spellings[lower], name) {
		spellings[lower] = append(spellings[lower], name)
	}
}

// twins returns the names of a package that differ by case alone.
func (n *names) twins() []string {
	var found []string
	for _, room := range slices.Sorted(maps.Keys(n.declared)) {
		for _, lower := range slices.Sorted(maps.Keys(n.declared[room])) {
			if spellings := n.declared[room][lower]; len(spellings) > 1 {
				found = append(found, room+": "+strings.Join(slices.Sorted(slices.Values(spellings)), ", "))
			}
		}
	}
	return found
}

// TestNames prints and holds how much of the product a stranger can guess by its names.
func TestNames(t *testing.T) {
	t.Parallel()
	var n names
	if err := eachFile(n.read); err != nil {
		t.Fatal(err)
	}
	if n.functions.all < 100 || n.methods.all < 100 {
		t.Fatalf("only %d functions and %d methods were read", n.functions.all, n.methods.all)
	}
	t.Logf("names of one word: functions %s, methods %s", n.functions, n.methods)
	if n.functions.over(oneWordFunctions) || n.methods.over(oneWordMethods) {
		t.Errorf("names of one word: functions %s, methods %s; at most %d %% and %d %% may be",
			n.functions, n.methods, oneWordFunctions, oneWordMethods)
	}
	if twins := n.twins(); len(twins) > 0 {
		t.Errorf("%d names differ by case alone:\n%s", len(twins), strings.Join(twins, "\n"))
	}
	if len(n.toolFiles) > 0 {
		t.Errorf("%d files are named tool_*, which is the folder's name: %v", len(n.toolFiles), n.toolFiles)
	}
}

// TestNames_EachRuleBites breaks every rule of names once.
func TestNames_EachRuleBites(t *testing.T) {
	t.Parallel()
	read := func(files map[string]string) (n names) {
		for name, content := range files {
			if err := n.read(name, []byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	for name, tc := range map[string]struct {
		files              map[string]string
		functions, methods share
		twins, toolFiles   []string
	}{
		"one word is a run of lower-case letters after at most one capital": {
			files: map[string]string{"internal/store/row.go": `package store
				func load() {}
				func Load2() {}
				func loadRow() {}
				func (r row) Close() {}
				func (r row) isNew() {}
				func (r *row) ID() {}`},
			functions: share{3, 1}, methods: share{3, 1},
		},
		"main and init are not named by choice": {
			files: map[string]string{"main.go": "package main\nfunc main() {}\nfunc init() {}\nfunc run() {}"}, functions: share{1, 1},
		},
		"names that differ by case alone in a package": {
			files: map[string]string{
				"server/auth/who.go":   "package auth\ntype Caller struct{}\nfunc Read() {}",
				"server/auth/who2.go":  "package auth\nfunc (Caller) read() {}\nfunc caller() {}",
				"server/catalog/at.go": "package catalog\nfunc READ() {}",
			},
			functions: share{3, 1 + 1}, methods: share{1, 1}, twins: []string{"server/auth: Caller, caller", "server/auth: Read, read"},
		},
		"files named after their folder": {
			files: map[string]string{"server/prompts/tool_find.go": "package prompts"}, toolFiles: []string{"server/prompts/tool_find.go"},
		},
		"only what is released and written by hand counts": {
			files: map[string]string{
				"internal/store/row_test.go":         "package store\nfunc load() {}",
				"internal/store/storetest/run.go":    "package storetest\nfunc load() {}",
				"internal/testenv/stack.go":          "package testenv\nfunc load() {}",
				"hack/demo/main.go":                  "package main\nfunc load() {}",
				"main_other.go":                      "package main\nfunc load() {}",
				"api/v1alpha1/zz_generated.go":       "// Code generated by x. DO NOT EDIT.\n\npackage v1alpha1\nfunc load() {}",
				"controllers/config/samples/say.txt": "func load() {}",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := read(tc.files)
			got := []any{n.functions, n.methods, n.twins(), n.toolFiles}
			want := []any{tc.functions, tc.methods, tc.twins, tc.toolFiles}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(share{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestShareOver(t *testing.T) {
	t.Parallel()
	if (share{all: 10, oneWord: 2}).over(20) || !(share{all: 10, oneWord: 3}).over(20) || !(share{all: 249, oneWord: 50}).over(20) {
		t.Error("20 of 100 are the limit, and no more")
	}
}
