package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

const sound = head + "  text: Hello\n"

// named is a valid manifest with another name.
func named(name string) string { return strings.Replace(sound, "{name: a}", "{name: "+name+"}", 1) }

func TestRead_FindsPromptsAmongOtherThings(t *testing.T) {
	t.Parallel()
	inList := "apiVersion: v1\nkind: List\nitems:\n- {kind: ConfigMap, apiVersion: v1}\n- apiVersion: lectern.dev/v1alpha1\n  kind: Prompt\n  metadata: {name: l, namespace: other}\n  spec: {text: x}\n"
	for name, tc := range map[string]struct {
		file string
		keys []string
		want []string
	}{
		"one document":             {named("a"), []string{"default/a"}, nil},
		"several documents":        {"# c\n---\n" + named("a") + "--- # d\n---\nkind: Service\n---\n" + named("b"), []string{"default/a", "default/b"}, nil},
		"a List":                   {inList, []string{"other/l"}, nil},
		"JSON with tabs":           {"{\n\t\"apiVersion\": \"lectern.dev/v1alpha1\",\n\t\"kind\": \"Prompt\",\n\t\"metadata\": {\"name\": \"j\"},\n\t\"spec\": {\"text\": \"\\ud83d\\ude00\"}\n}\n", []string{"default/j"}, nil},
		"faults of JSON":           {"{\n\t\"apiVersion\": \"lectern.dev/v1alpha1\",\n\t\"kind\": \"Prompt\",\n\t\"metadata\": {\"name\": \"j\"},\n\t\"spec\": {\"é\": 1, \"text\": 5}\n}\n", nil, []string{`f.yaml:5:11: unknown field "spec.é"`, `f.yaml:5:27: spec.text in body must be of type string: "integer"`}},
		"nothing":                  {"# only a comment\n", nil, nil},
		"other kinds":              {"apiVersion: apps/v1\nkind: Deployment\n---\n- a list\n---\njust a text\n", nil, nil},
		"what cannot be read":      {"{{ template }}\n---\n" + named("a"), []string{"default/a"}, []string{"f.yaml:1:1: YAML reads {{ at the start of a value as a mapping: put the value in quotes, or write it as a block after |; kubectl reads nothing of the file from here on"}},
		"another version":          {strings.Replace(sound, "v1alpha1", "v1", 1), nil, []string{`f.yaml:1:13: apiVersion "lectern.dev/v1" does not exist; write lectern.dev/v1alpha1`}},
		"another group":            {strings.Replace(sound, "lectern.dev", "letern.dev", 1), nil, []string{`f.yaml:1:13: apiVersion "letern.dev/v1alpha1" is not Lectern's; write lectern.dev/v1alpha1`}},
		"no apiVersion":            {strings.Replace(sound, "apiVersion: lectern.dev/v1alpha1\n", "", 1), nil, []string{`f.yaml:1:1: apiVersion is missing; write apiVersion: lectern.dev/v1alpha1`}},
		"another kind":             {strings.Replace(sound, "Prompt", "prompt", 1), nil, []string{`f.yaml:2:7: kind "prompt" does not exist in lectern.dev/v1alpha1; write kind: Prompt or SDPConnection`}},
		"no kind":                  {strings.Replace(sound, "kind: Prompt\n", "", 1), nil, []string{`f.yaml:1:1: kind is missing; write kind: Prompt or SDPConnection`}},
		"no name":                  {strings.Replace(sound, "name: a", "generateName: a", 1), nil, []string{`f.yaml:3:1: metadata.name: Required value: a prompt is called by its name; write name: under metadata:`}},
		"a field twice":            {sound + "  title: a\n  title: b\n", nil, []string{`f.yaml:7:3: "title" is written twice, first in line 6; remove one`}},
		"metadata of another form": {strings.Replace(sound, "name: a", "name: a, labels: {a: 5}", 1), nil, []string{`f.yaml:3:33: metadata.labels.a in body must be of type string: "integer"; YAML reads 5 as a number, and text is wanted here: write a: "5"`}},
		"a label nobody has":       {strings.Replace(sound, "name: a", "name: a, labels: {a b: c}, annotation: x", 1), nil, []string{`f.yaml:3:21: metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`, `f.yaml:3:39: unknown field "metadata.annotation"`}},
		"status is passed over":    {sound + "status: {version: 3}\n", []string{"default/a"}, nil},
		"a wrong status":           {sound + "status: {version: three}\n", []string{"default/a"}, []string{"f.yaml:6:19: status.version: expected numeric (int or float), got string; a cluster writes status itself: kubectl apply drops it, and kubectl apply --server-side refuses the file; remove status"}},
		"a status that is a text":  {sound + "status: fine\n", []string{"default/a"}, []string{"f.yaml:6:9: status: expected map; a cluster writes status itself: kubectl apply drops it, and kubectl apply --server-side refuses the file; remove status"}},
		"a status nobody has":      {sound + "status: {versoin: 3}\n", nil, []string{`f.yaml:6:10: unknown field "status.versoin"`}},
		"characters YAML lacks": {sound + "  title: \"a\\x7fb\"\n  metadata: {b: [\"\\u0080\", {\"c\\uffff\": d}]}\n  description: \"\\e\\N\\ufeff\\U0001ffff\"\n", []string{"default/a"}, []string{
			"f.yaml:6:10: spec.title has the character U+007F, which kubectl apply takes and kubectl apply --server-side refuses; remove it",
			"f.yaml:7:18: spec.metadata.b[0] has the character U+0080, which kubectl apply takes and kubectl apply --server-side refuses; remove it",
			"f.yaml:7:28: a name in spec.metadata.b[1] has the character U+FFFF, which kubectl apply takes and kubectl apply --server-side refuses; remove it",
			"f.yaml:8:16: spec.description has the character U+0085, which kubectl apply keeps and kubectl apply --server-side turns into a blank; remove it",
		}},
		"what a cluster writes":     {strings.Replace(sound, "name: a", "name: a, uid: b, managedFields: []", 1), []string{"default/a"}, []string{"f.yaml:3:26: metadata.uid is written by a cluster, and kubectl apply --server-side refuses it in a file; remove it", "f.yaml:3:29: metadata.managedFields is written by a cluster, and kubectl apply --server-side refuses it in a file; remove it"}},
		"a prompt a second time":    {named("a") + "---\n" + named("a"), []string{"default/a"}, []string{"f.yaml:7:1: prompt default/a is here a second time; the first is at f.yaml:1:1; remove or rename one"}},
		"a second document":         {sound + "...\n{a: b}\n", nil, []string{"f.yaml:6:1: this is not YAML: a second document begins here, which kubectl would pass over; separate documents by a line that holds nothing but ---"}},
		"nesting":                   {sound + "  metadata: " + strings.Repeat("{a: ", 70) + strings.Repeat("}", 70) + "\n", nil, []string{"f.yaml:6:33: more than 64 mappings and lists inside each other"}},
		"an alias of itself":        {sound + "  metadata: &m {a: *m}\n", nil, []string{"f.yaml:6:20: the alias *m contains itself; write the value out"}},
		"aliases of aliases":        {sound + "  metadata:\n    a: &a " + `"` + strings.Repeat("x", 1000) + `"` + bomb(8), nil, []string{"f.yaml:12:8: with its aliases filled in, the document has more than 16 MiB; write less, or without aliases"}},
		"aliases of aliases' depth": {sound + "  metadata:\n    a: &a {a: b}\n" + ladder(70), nil, []string{"f.yaml:7:5: more than 64 mappings and lists inside each other"}},
		"a large file":              {strings.Repeat("#", MaxFile+1), nil, []string{"f.yaml: the file has more than 16777216 bytes (16 MiB); split it"}},
		"many items":                {"kind: List # of lectern.dev/v1alpha1\nitems:\n" + strings.Repeat("- {}\n", MaxDocuments+1), nil, []string{"f.yaml:2:1: the list has 10001 items; at most 10000 are read of one, split it"}},
		"many documents":            {strings.Repeat("---\n", MaxDocuments+1), nil, []string{"f.yaml: the file has more than 10000 documents, which is the most that is read; split it"}},
		"anchors that are used":     {sound + "  title: &t Hello\n  category: *t\n", []string{"default/a"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := read(t, File{Name: "f.yaml", Content: []byte(tc.file)})
			var keys []string
			for _, m := range set.Manifests {
				keys = append(keys, m.Key().String())
			}
			if diff := cmp.Diff(tc.keys, keys); diff != "" {
				t.Errorf("prompts (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, said(set.Problems)); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRead_CapsTheProblemsOfAFile(t *testing.T) {
	t.Parallel()
	set := read(t, File{Name: "f.yaml", Content: []byte(sound + strings.Repeat("  x: y\n", 151))}, File{Name: "g.yaml", Content: []byte(named("g") + "  historyLimit: 0\n")})
	if len(set.Problems) != 102 {
		t.Fatalf("%d problems, want 100, the rest of f.yaml in one, and that of g.yaml", len(set.Problems))
	}
	want := []string{`f.yaml:106:3: "x" is written twice, first in line 6; remove one`, "f.yaml:106:3: 50 more problems in f.yaml; mend these first", "g.yaml:6:17: spec.historyLimit in body should be greater than or equal to 1"}
	if diff := cmp.Diff(want, said(set.Problems[99:])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// bomb is levels of lists, each of ten times the one before.
func bomb(levels int) string {
	var b strings.Builder
	name := "a"
	for range levels {
		next := string(name[0] + 1)
		b.WriteString("\n    " + next + ": &" + next + " [" + strings.TrimSuffix(strings.Repeat("*"+name+", ", 10), ", ") + "]")
		name = next
	}
	return b.String() + "\n"
}

// ladder is mappings each of which holds the one before.
func ladder(levels int) string {
	var b strings.Builder
	for i := range levels {
		before := "a"
		if i > 0 {
			before = "x" + strings.Repeat("i", i-1)
		}
		name := "x" + strings.Repeat("i", i)
		b.WriteString("    " + name + ": &" + name + " {a: *" + before + "}\n")
	}
	return b.String()
}

func TestCompileAll_FollowsIncludes(t *testing.T) {
	t.Parallel()
	with := func(name, text string) string { return strings.Replace(named(name), "Hello", `"`+text+`"`, 1) }
	for name, tc := range map[string]struct {
		files []string
		want  []string
	}{
		"a fragment of another file": {[]string{with("a", "{{> b}}"), with("b", "x")}, nil},
		"a fragment of another namespace": {
			[]string{with("a", "{{> b}}"), strings.Replace(with("b", "x"), "name: b", "name: b, namespace: other", 1)},
			[]string{"0:5:10: fragment b is not among the files read; correct the include, or read the folder it is in, too"},
		},
		"several that are not there":         {[]string{with("a", "x {{> b}} {{> c@2}}")}, []string{"0:5:12: fragments b, c@2 are not among the files read; correct the includes, or read the folders they are in, too"}},
		"a pinned version":                   {[]string{with("a", "{{> b@7}}"), with("b", "x")}, nil},
		"a channel the manifest has":         {[]string{with("a", "{{> b@beta}}"), with("b", "x") + "  channels: [{name: beta}]\n"}, nil},
		"a channel it has not":               {[]string{with("a", "{{> b@gamma}}"), with("b", "x") + "  channels: [{name: beta}]\n"}, []string{"0:5:10: fragment b@gamma is not among the files read; correct the include, or read the folder it is in, too"}},
		"a cycle":                            {[]string{with("a", "{{> b}}"), with("b", "{{> a}}")}, []string{"0:5:9: includes form a cycle: a → b → a; remove one of them", "1:5:9: includes form a cycle: a → b → a; remove one of them"}},
		"too deep":                           {[]string{with("a", "{{> b}}"), with("b", "{{> c}}"), with("c", "{{> d}}"), with("d", "{{> e}}"), with("e", "{{> f}}"), with("f", "{{> g}}"), with("g", "x")}, []string{"0:5:9: includes are nested 6 deep, and at most 5 are allowed"}},
		"a fault of a fragment is told once": {[]string{with("a", "{{> b}}"), with("b", "{{x")}, []string{`1:5:10: "{{" opens a tag that is never closed; write "}}" after the name, or use syntax Simple or Plain for literal braces`}},
		"a fault of the schema, too":         {[]string{with("a", "{{> b}}"), with("b", "")}, []string{`1:5:3: spec.text in body should be at least 1 chars long`}},
		"what a fragment asks for must be declared": {
			[]string{with("a", "{{x}} {{> b}}") + "  arguments: [{name: x}]\n", with("b", "Hi {{z}}")},
			[]string{"0:5:9: fragment b, line 1, column 4: {{z}} is not a declared argument; declare it under arguments, or use one of x"},
		},
		"metadata that is too large": {[]string{with("a", "x") + "  metadata: {a: " + strings.Repeat("x", 17<<10) + "}\n"}, []string{"0:6:3: metadata: has 17416 bytes as compact JSON; at most 16384 (16 KiB) are allowed; shorten its values or remove some"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files []File
			for i, content := range tc.files {
				files = append(files, File{Name: string(rune('0' + i)), Content: []byte(content)})
			}
			set := read(t, files...)
			_, more := set.CompileAll()
			if diff := cmp.Diff(tc.want, said(append(set.Problems, more...))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestCompileAll_PlacesTemplateErrors(t *testing.T) {
	t.Parallel()
	const fault = "{{a.b}} is a dotted name, which is not supported, since arguments have no fields; write an argument such as {{a_b}}"
	for name, tc := range map[string]struct{ spec, want string }{
		"a block":               {"  text: |\n    One é\n     é {{a.b}}\n", "f.yaml:7:8: " + fault},
		"a block with a header": {"  text: |2-\n      One\n\n    {{a.b}}\n", "f.yaml:8:5: " + fault},
		"quotes":                {"  text: 'é {{a.b}}'\n", "f.yaml:5:12: " + fault},
		"no quotes":             {"  text: é {{a.b}}\n", "f.yaml:5:11: " + fault},
		"quotes with escapes":   {"  text: \"\\u00e9 {{a.b}}\"\n", "f.yaml:5:9: line 1, column 3: " + fault},
		"folded":                {"  text: >\n    One\n    {{a.b}}\n", "f.yaml:5:9: line 1, column 5: " + fault},
		"a message":             {"  messages:\n  - {role: user, text: x}\n  - role: user\n    text: |\n      x {{a.b}}\n", "f.yaml:9:9: " + fault},
		"JSON":                  {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := head + tc.spec
			if tc.spec == "" {
				content = `{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"a"},"spec":{"text":"{{a.b}}"}}`
				tc.want = "f.yaml:1:93: line 1, column 1: " + fault
			}
			if diff := cmp.Diff([]string{tc.want}, judged(t, content)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// One fault of includes has one reason, whoever meets it: the whole set, or the compiler alone.
func TestCompileAll_GivesTheReasonsOfTheCluster(t *testing.T) {
	t.Parallel()
	with := func(name, text string) string { return strings.Replace(named(name), "Hello", `"`+text+`"`, 1) }
	for name, tc := range map[string]struct {
		files []string
		want  string
	}{
		"a cycle":   {[]string{with("a", "{{> b}}"), with("b", "{{> a}}")}, v1alpha1.ReasonIncludeCycle},
		"too deep":  {[]string{with("a", "{{> b}}"), with("b", "{{> c}}"), with("c", "{{> d}}"), with("d", "{{> e}}"), with("e", "{{> f}}"), with("f", "{{> g}}"), with("g", "x")}, v1alpha1.ReasonLimitExceeded},
		"not there": {[]string{with("a", "{{> b}}")}, v1alpha1.ReasonIncludeMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := read(t, File{Name: "f.yaml", Content: []byte(strings.Join(tc.files, "---\n"))})
			c := newSetCompiler(set)
			_, err := c.compileManifest(set.Manifests[0])
			if got := promptobject.ReasonFor(err); got != tc.want {
				t.Errorf("the reason for %v is %q, want %q", err, got, tc.want)
			}
		})
	}
}
