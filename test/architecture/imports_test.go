package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/lectern-dev/lectern"

// listed is what `go list -json` says of a package: what it imports itself, and what comes along.
type listed struct {
	ImportPath, Name string
	Imports, Deps    []string
}

// room returns the part of the path below the module: "controllers/prompt".
func (l listed) room() string { return roomOf(l.ImportPath) }

// roomOf names a package so that rules can tell ours, the standard library's and others apart:
// "internal/store", "std/internal/abi", "k8s.io/client-go/rest".
func roomOf(imported string) string {
	if ours, is := strings.CutPrefix(imported, module); is {
		return strings.TrimPrefix(ours, "/")
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return "std/" + imported
	}
	return imported
}

func isWithin(room, parent string) bool { return room == parent || strings.HasPrefix(room, parent+"/") }

// A rule allows or forbids one import of one package; indirect imports too when deep is set.
type rule struct {
	name string
	deep bool
	// applies to packages in the room.
	applies func(room string) bool
	// forbids the import, given as a room when it is ours, else as its whole path.
	forbids func(room, imported string) bool
}

func inRooms(parents ...string) func(string) bool {
	return func(room string) bool {
		return slices.ContainsFunc(parents, func(parent string) bool { return isWithin(room, parent) })
	}
}

func anyOf(parents ...string) func(string, string) bool {
	is := inRooms(parents...)
	return func(_, imported string) bool { return is(imported) }
}

// isForTests says whether a package serves tests alone, as pgtest does; rules spare it because one of
// them sees to that.
func isForTests(room string) bool {
	return strings.HasSuffix(room, "test") && !isWithin(room, "test") || isWithin(room, "internal/testenv")
}

var rules = []rule{
	{
		name: "the controller knows no server", deep: true,
		applies: inRooms("controllers"), forbids: anyOf("server"),
	},
	{
		name: "the program has nothing of tests and hack", deep: true,
		applies: func(room string) bool {
			return room == "" || inRooms("api", "config", "controllers", "server", "internal")(room) && !isForTests(room)
		},
		forbids: anyOf("internal/testenv", "test", "hack"),
	},
	{
		name: "nothing imports upward from what tests start", deep: true,
		applies: func(room string) bool { return isForTests(room) },
		forbids: anyOf("test", "hack"),
	},
	{
		name: "tests need nothing of hack", deep: true,
		applies: inRooms("test"), forbids: anyOf("hack"),
	},
	{
		name: "a server knows no controller", deep: true,
		applies: func(room string) bool { return inRooms("server")(room) && !isForTests(room) },
		forbids: anyOf("controllers", "sigs.k8s.io/controller-runtime"),
	},
	{
		name:    "a server asks Kubernetes through internal/access",
		applies: func(room string) bool { return inRooms("server")(room) && !isForTests(room) },
		forbids: anyOf("k8s.io/client-go"),
	},
	{
		name:    "a server reads objects through internal/promptobject",
		applies: func(room string) bool { return inRooms("server")(room) && !isForTests(room) }, forbids: anyOf("api"),
	},
	{
		name: "what reads no files has no code of the API server", deep: true,
		applies: inRooms("controllers", "server/prompts", "internal/promptobject", "internal/connectionobject"),
		forbids: anyOf("internal/manifest", "github.com/google/cel-go", "k8s.io/apiserver", "k8s.io/apiextensions-apiserver/pkg/apiserver"),
	},
	{
		name:    "a room of a program knows nothing of the program",
		applies: inRooms("controllers", "server"),
		forbids: func(room, imported string) bool {
			program, _, _ := strings.Cut(room, "/")
			return room != program && imported == program && !isForTests(room)
		},
	},
	{
		name: "what tools stand on knows no tool", deep: true,
		applies: inRooms("server/tool"),
		forbids: func(_, imported string) bool {
			return inRooms("api", "config", "controllers", "internal", "server")(imported) && imported != "internal/excerpt"
		},
	},
	{
		name:    "a caller is known by server/auth alone",
		applies: func(room string) bool { return inRooms("server")(room) && !isWithin(room, "server/auth") },
		forbids: anyOf("internal/access"),
	},
	{
		name:    "commands are for the program's root",
		applies: func(room string) bool { return room != "" && !isWithin(room, "internal/cli") && !isForTests(room) },
		forbids: anyOf("internal/cli"),
	},
	{
		name: "the controller and access alone speak to the API server",
		applies: func(room string) bool {
			return inRooms("api", "config", "internal")(room) && !isWithin(room, "internal/access") && !isForTests(room)
		},
		forbids: anyOf("k8s.io/client-go", "sigs.k8s.io/controller-runtime"),
	},
	{
		name: "the server alone speaks MCP", deep: true,
		applies: func(room string) bool {
			return inRooms("api", "config", "controllers", "internal")(room) && !isForTests(room)
		},
		forbids: anyOf("github.com/mark3labs/mcp-go", "github.com/modelcontextprotocol/go-sdk"),
	},
	{
		name: "requests are dispatched by a table of our own", deep: true,
		applies: func(room string) bool { return inRooms("server")(room) && !isForTests(room) || room == "" },
		forbids: anyOf("github.com/mark3labs/mcp-go/server"),
	},
	{
		name: "decisions are pure", deep: true,
		applies: inRooms("internal/prompt", "internal/promptobject", "internal/connectionobject", "internal/change", "internal/store/plan"),
		forbids: anyOf("internal/store/memory", "internal/store/postgres", "internal/folder", "k8s.io/client-go",
			"sigs.k8s.io/controller-runtime", "github.com/jackc/pgx", "std/database/sql"),
	},
	{
		name:    "change requests are decided on what stores know",
		applies: func(room string) bool { return room == "internal/change" },
		forbids: func(_, imported string) bool {
			return !isWithin(imported, "std") && imported != "internal/store" && imported != "internal/excerpt"
		},
	},
	{
		name:    "commands ask a cluster through internal/access",
		applies: inRooms("internal/cli"), forbids: anyOf("k8s.io/client-go", "sigs.k8s.io/controller-runtime"),
	},
	{
		name: "internal is below the programs", deep: true,
		applies: inRooms("internal"), forbids: anyOf("controllers", "server"),
	},
	{
		name:    "what is for tests is imported by tests",
		applies: func(room string) bool { return !isForTests(room) },
		forbids: func(room, imported string) bool {
			started := inRooms("hack")(room) && isWithin(imported, "internal/testenv")
			return inRooms("api", "controllers", "server", "internal", "test", "hack")(imported) && isForTests(imported) && !started
		},
	},
	{
		name: "api is inert", deep: true,
		applies: inRooms("api"), forbids: anyOf("controllers", "server", "internal", "k8s.io/client-go"),
	},
	{
		name: "what is installed is files", deep: true,
		applies: inRooms("config"),
		forbids: func(_, imported string) bool { return !isWithin(imported, "std") },
	},
	{
		name:    "prompts are pure",
		applies: func(room string) bool { return room == "internal/prompt" },
		forbids: func(_, imported string) bool {
			allowed := []string{"internal/excerpt", "github.com/gowebpki/jcs", "github.com/aymanbagabas/go-udiff"}
			return !isWithin(imported, "std") && !slices.Contains(allowed, imported)
		},
	},
	{
		name:    "one package speaks Postgres",
		applies: func(room string) bool { return !inRooms("internal/store/postgres", "internal/testenv", "hack")(room) },
		forbids: anyOf("github.com/jackc/pgx", "std/database/sql"),
	},
	{
		name:    "reconcilers know each other only through status",
		applies: func(room string) bool { return strings.HasPrefix(room, "controllers/") },
		forbids: func(room, imported string) bool {
			return strings.HasPrefix(imported, "controllers/") && !isWithin(imported, "controllers/status") &&
				!isWithin(imported, strings.Join(strings.Split(room, "/")[:2], "/"))
		},
	},
}

// forbiddenNames names say nothing of what is inside.
var forbiddenNames = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "errors", "misc", "base", "shared"}

func findViolations(packages []listed) []string {
	var found []string
	for _, l := range packages {
		if slices.Contains(forbiddenNames, l.Name) || slices.Contains(forbiddenNames, path.Base(l.ImportPath)) {
			found = append(found, fmt.Sprintf("%s: the name says nothing of what is inside", l.room()))
		}
		for _, r := range rules {
			if !r.applies(l.room()) {
				continue
			}
			imports := l.Imports
			if r.deep {
				imports = l.Deps
			}
			for _, imported := range imports {
				if name := roomOf(imported); r.forbids(l.room(), name) {
					found = append(found, fmt.Sprintf("%s: %s imports %s", r.name, l.room(), name))
				}
			}
		}
	}
	return found
}

func TestImports(t *testing.T) {
	t.Parallel()
	packages := listPackages(t)
	if len(packages) < 10 {
		t.Fatalf("go list found only %d packages", len(packages))
	}
	if diff := cmp.Diff([]string(nil), findViolations(packages)); diff != "" {
		t.Error(diff)
	}
}

// listPackages lists the packages of the product, and of the bench, which is a module of its own.
func listPackages(t *testing.T) []listed {
	t.Helper()
	return append(listModule(t, root), listModule(t, root+"/hack/bench")...)
}

func listModule(t *testing.T, folder string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "-C", folder, "list", "-json=ImportPath,Name,Imports,Deps", "./...")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, complaint.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		err := decoder.Decode(&l)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatalf("read the answer of go list: %v", err)
		}
		packages = append(packages, l)
	}
}

// TestRules_EachBites breaks every rule once.
func TestRules_EachBites(t *testing.T) {
	t.Parallel()
	at := func(room string, imports ...string) listed {
		for i, imported := range imports {
			if inRooms("api", "config", "controllers", "server", "internal", "test", "hack")(imported) {
				imports[i] = module + "/" + imported
			}
		}
		return listed{ImportPath: module + "/" + room, Name: path.Base(room), Imports: imports, Deps: imports}
	}
	cases := map[string]struct {
		given listed
		want  []string
	}{
		"controller to server":           {at("controllers/prompt", "server/auth"), []string{"the controller knows no server: controllers/prompt imports server/auth"}},
		"the program to tests":           {listed{ImportPath: module, Name: "main", Deps: []string{module + "/test/conformance/fixtures"}}, []string{"the program has nothing of tests and hack:  imports test/conformance/fixtures"}},
		"the program to testenv":         {at("internal/store", "internal/testenv"), []string{"the program has nothing of tests and hack: internal/store imports internal/testenv", "what is for tests is imported by tests: internal/store imports internal/testenv"}},
		"testenv to hack":                {at("internal/testenv", "hack/demo"), []string{"nothing imports upward from what tests start: internal/testenv imports hack/demo"}},
		"tests to hack":                  {at("test/scenarios", "hack/bench"), []string{"tests need nothing of hack: test/scenarios imports hack/bench"}},
		"server to client-go":            {at("server", "k8s.io/client-go/rest"), []string{"a server asks Kubernetes through internal/access: server imports k8s.io/client-go/rest"}},
		"server to controllers' library": {at("server", "sigs.k8s.io/controller-runtime/pkg/client"), []string{"a server knows no controller: server imports sigs.k8s.io/controller-runtime/pkg/client"}},
		"server to the types of objects": {at("server/prompts", "api/v1alpha1"), []string{"a server reads objects through internal/promptobject: server/prompts imports api/v1alpha1"}},
		"tools to prompts":               {at("server/tool", "internal/prompt", "encoding/json"), []string{"what tools stand on knows no tool: server/tool imports internal/prompt"}},
		"controller to CEL":              {at("controllers/prompt", "github.com/google/cel-go/cel"), []string{"what reads no files has no code of the API server: controllers/prompt imports github.com/google/cel-go/cel"}},
		"prompts to the schema":          {at("server/prompts", "k8s.io/apiextensions-apiserver/pkg/apiserver/schema", "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"), []string{"what reads no files has no code of the API server: server/prompts imports k8s.io/apiextensions-apiserver/pkg/apiserver/schema"}},
		"objects to manifests":           {at("internal/promptobject", "internal/manifest"), []string{"what reads no files has no code of the API server: internal/promptobject imports internal/manifest"}},
		"files to the server":            {at("internal/cli", "server"), []string{"internal is below the programs: internal/cli imports server"}},
		"files to a cluster":             {at("internal/cli", "k8s.io/client-go/rest"), []string{"the controller and access alone speak to the API server: internal/cli imports k8s.io/client-go/rest", "commands ask a cluster through internal/access: internal/cli imports k8s.io/client-go/rest"}},
		"internal to controllers":        {at("internal/store", "controllers"), []string{"internal is below the programs: internal/store imports controllers"}},
		"api to internal":                {at("api/v1alpha1", "internal/prompt"), []string{"api is inert: api/v1alpha1 imports internal/prompt"}},
		"config to api":                  {at("config/crd", "embed", "api/v1alpha1"), []string{"what is installed is files: config/crd imports api/v1alpha1"}},
		"prompt to store":                {at("internal/prompt", "internal/store", "fmt", "github.com/gowebpki/jcs"), []string{"prompts are pure: internal/prompt imports internal/store"}},
		"pgx elsewhere":                  {at("server/catalog", "github.com/jackc/pgx/v5"), []string{"one package speaks Postgres: server/catalog imports github.com/jackc/pgx/v5"}},
		"pgx at home":                    {at("internal/store/postgres/pgtest", "github.com/jackc/pgx/v5"), nil},
		"reconciler to reconciler":       {at("controllers/upkeep", "controllers/prompt"), []string{"reconcilers know each other only through status: controllers/upkeep imports controllers/prompt"}},
		"reconciler to status":           {at("controllers/upkeep", "controllers/status"), nil},
		"server for tests to testenv":    {at("server/catalog/catalogtest", "internal/testenv"), nil},
		"server to what is for tests":    {at("server/catalog", "server/catalog/catalogtest"), []string{"what is for tests is imported by tests: server/catalog imports server/catalog/catalogtest"}},
		"room to its program":            {at("server/prompts", "server"), []string{"a room of a program knows nothing of the program: server/prompts imports server"}},
		"reconciler to its program":      {at("controllers/prompt", "controllers"), []string{"a room of a program knows nothing of the program: controllers/prompt imports controllers"}},
		"tool to the prompts' tools":     {at("server/tool", "server/prompts"), []string{"what tools stand on knows no tool: server/tool imports server/prompts"}},
		"prompts to access":              {at("server/prompts", "internal/access"), []string{"a caller is known by server/auth alone: server/prompts imports internal/access"}},
		"auth to access":                 {at("server/auth", "internal/access"), nil},
		"folder to commands":             {at("internal/folder", "internal/cli"), []string{"commands are for the program's root: internal/folder imports internal/cli"}},
		"folder to a cluster":            {at("internal/folder", "sigs.k8s.io/controller-runtime/pkg/client"), []string{"the controller and access alone speak to the API server: internal/folder imports sigs.k8s.io/controller-runtime/pkg/client"}},
		"access to a cluster":            {at("internal/access", "k8s.io/client-go/rest"), nil},
		"controller to MCP":              {at("controllers/changes", "github.com/mark3labs/mcp-go/mcp"), []string{"the server alone speaks MCP: controllers/changes imports github.com/mark3labs/mcp-go/mcp"}},
		"transport to mcp-go's server":   {at("server/transport", "github.com/mark3labs/mcp-go/mcp", "github.com/mark3labs/mcp-go/server"), []string{"requests are dispatched by a table of our own: server/transport imports github.com/mark3labs/mcp-go/server"}},
		"decider to a store":             {at("internal/change", "internal/store", "internal/store/memory"), []string{"decisions are pure: internal/change imports internal/store/memory", "change requests are decided on what stores know: internal/change imports internal/store/memory"}},
		"decider to objects":             {at("internal/change", "fmt", "internal/store", "api/v1alpha1"), []string{"change requests are decided on what stores know: internal/change imports api/v1alpha1"}},
		"a name that says nothing":       {at("internal/util"), []string{"internal/util: the name says nothing of what is inside"}},
		"similar, but another path":      {at("controllers/prompt", "serverless.example/x"), nil},
	}
	var broken []string
	for name, tc := range cases {
		broken = append(broken, tc.want...)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, findViolations([]listed{tc.given})); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, r := range rules {
		if !slices.ContainsFunc(broken, func(found string) bool { return strings.HasPrefix(found, r.name+": ") }) {
			t.Errorf("no case breaks the rule that %s", r.name)
		}
	}
}
