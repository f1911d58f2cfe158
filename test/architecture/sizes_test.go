package architecture

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// lineLimit returns how long a file may be before a reviewer asks.
func lineLimit(name string) int {
	switch {
	case name == "main.go":
		return 100
	case name == "Makefile":
		return 150
	case strings.HasPrefix(name, "controllers/") && filepath.Base(name) == "reconciler.go":
		return 300
	case strings.HasSuffix(name, "_test.go"):
		return 800
	}
	return 400
}

const functionLimit = 60

func findTooLong(name string, content []byte) ([]string, error) {
	var found []string
	if lines := bytes.Count(content, []byte("\n")); lines > lineLimit(name) {
		found = append(found, fmt.Sprintf("%s has %d lines; %d are enough", name, lines, lineLimit(name)))
	}
	if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
		return found, nil
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, content, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, declaration := range parsed.Decls {
		function, is := declaration.(*ast.FuncDecl)
		if !is || function.Body == nil {
			continue
		}
		if lines := files.Position(function.Body.Rbrace).Line - files.Position(function.Body.Lbrace).Line - 1; lines > functionLimit {
			found = append(found, fmt.Sprintf("%s: %s has %d lines; %d are enough", name, function.Name.Name, lines, functionLimit))
		}
	}
	return found, nil
}

func isGenerated(content []byte) bool {
	head, _, _ := bytes.Cut(content, []byte("\npackage "))
	return bytes.Contains(head, []byte("Code generated ")) && bytes.Contains(head, []byte(" DO NOT EDIT."))
}

// eachFile calls visit with each Go file and the Makefile, by the path below the root.
func eachFile(visit func(name string, content []byte) error) error {
	return filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), ".") && at != root || entry.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(root, at)
		if err != nil || (!strings.HasSuffix(name, ".go") && name != "Makefile") {
			return err
		}
		content, err := os.ReadFile(filepath.Clean(at))
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(name), content)
	})
}

func TestSizes(t *testing.T) {
	t.Parallel()
	var found []string
	measured := 0
	err := eachFile(func(name string, content []byte) error {
		if isGenerated(content) {
			return nil
		}
		measured++
		long, err := findTooLong(name, content)
		found = append(found, long...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if measured < 20 {
		t.Fatalf("only %d files were measured", measured)
	}
	if diff := cmp.Diff([]string(nil), found); diff != "" {
		t.Error(diff)
	}
}

func TestFindTooLong(t *testing.T) {
	t.Parallel()
	source := "package x\n\nfunc f() {\n" + strings.Repeat("\t_ = 1\n", 61) + "}\n" + strings.Repeat("\n", 50)
	got, err := findTooLong("main.go", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"main.go has 115 lines; 100 are enough", "main.go: f has 61 lines; 60 are enough"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
