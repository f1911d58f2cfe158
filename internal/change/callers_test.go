package change

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// callers are those of Decide, in the order of the table in the package's documentation.
var callers = []struct{ name, dir string }{
	{"controller", "../../controllers/changes"},
	{"folder", "../folder"},
	{"server", "../../server/prompts"},
	{"fake", "../../server/catalog/catalogtest"},
}

// TestRules_Callers holds the table of who decides which rule against what each caller says in its views.
func TestRules_Callers(t *testing.T) {
	want := documentedTable(t)
	got := map[string][]string{}
	for _, caller := range callers {
		known := knownFields(t, caller.dir)
		for _, r := range chain {
			decides := "-"
			if Decide(restrictTo(bites[r.name], known)).Rule == r.name {
				decides = "yes"
			}
			got[r.name] = append(got[r.name], decides)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who decides which rule (-documented +found):\n%s", diff)
	}
}

// documentedTable reads the table of doc.go.
func documentedTable(t *testing.T) map[string][]string {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(doc), "//\trule ")
	if !found {
		t.Fatal("doc.go has no table of rules")
	}
	rows := map[string][]string{}
	for _, line := range strings.Split(table, "\n")[1:] {
		cells := strings.Fields(strings.TrimPrefix(line, "//"))
		if len(cells) == 0 {
			break
		}
		rows[cells[0]] = cells[1:]
	}
	return rows
}

// knownFields returns the fields of View that the package in a folder sets.
func knownFields(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, is := n.(*ast.CompositeLit)
			if !is || !isView(literal.Type) {
				return true
			}
			for _, element := range literal.Elts {
				if field, is := element.(*ast.KeyValueExpr); is {
					known[field.Key.(*ast.Ident).Name] = true
				}
			}
			return true
		})
	}
	if !known["Request"] {
		t.Errorf("%s makes no view with a request", dir)
	}
	return known
}

func isView(expr ast.Expr) bool {
	selector, is := expr.(*ast.SelectorExpr)
	if !is || selector.Sel.Name != "View" {
		return false
	}
	name, is := selector.X.(*ast.Ident)
	return is && name.Name == "change"
}

// restrictTo returns the view of a caller that knows these fields and no others.
func restrictTo(v View, known map[string]bool) View {
	fields := reflect.ValueOf(&v).Elem()
	for i := range fields.NumField() {
		if !known[fields.Type().Field(i).Name] {
			fields.Field(i).SetZero()
		}
	}
	return v
}
