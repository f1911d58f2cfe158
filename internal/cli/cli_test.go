package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

const start = "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\n"

// folder writes files and gives where they are.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run gives what a command prints, with the folder called DIR, and its error.
func run(t *testing.T, cmd *cobra.Command, dir, in string, args ...string) (printed, failed string) {
	t.Helper()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetIn(strings.NewReader(in))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", dir)
	}
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		failed = strings.ReplaceAll(err.Error(), dir, "DIR")
	}
	return strings.ReplaceAll(out.String(), dir, "DIR"), failed
}

func TestValidateCommand(t *testing.T) {
	t.Parallel()
	good := start + "metadata: {name: good}\nspec: {text: \"{{> style}} {{x}}\"}\n"
	style := start + "metadata: {name: style}\nspec: {text: Plainly., exposure: Fragment}\n"
	connection := "apiVersion: lectern.dev/v1alpha1\nkind: SDPConnection\nmetadata: {name: desk}\nspec:\n  edition: OnPremises\n  credentials: {secretName: a}\n"
	for name, tc := range map[string]struct {
		files           map[string]string
		in              string
		args            []string
		printed, failed string
	}{
		"a valid folder, with other things in it": {
			map[string]string{"a.yaml": good, "b/style.yml": style, "c.yaml": "kind: ConfigMap\n", "chart/t.yaml": "{{ if x }}\n", ".git/x.yaml": start, "d.txt": start},
			"", []string{"DIR"}, "2 prompts in 4 files, all valid\n", "",
		},
		"problems by place": {
			map[string]string{"b.yaml": good, "a.yaml": start + "metadata: {name: a}\nspec:\n  text: x\n  titel: y\n  historyLimit: 0\n"},
			"", []string{"DIR"},
			"DIR/a.yaml:6:3: unknown field \"spec.titel\"\n" +
				"DIR/a.yaml:7:17: spec.historyLimit in body should be greater than or equal to 1\n" +
				"DIR/b.yaml:4:15: fragment style is not among the files read; correct the include, or read the folder it is in, too\n",
			"not valid: 3 problems in 2 files",
		},
		"an include beside": {
			map[string]string{"a.yaml": good, "b/style.yml": style + "---\n" + start + "metadata: {name: bad}\n"},
			"", []string{"DIR/a.yaml", "--include-dir", "DIR/b"}, "1 prompt in 1 file, all valid\n", "",
		},
		"standard input":     {nil, style, []string{"-"}, "1 prompt in 1 file, all valid\n", ""},
		"a file named twice": {map[string]string{"style.yaml": style}, "", []string{"DIR", "DIR/style.yaml"}, "1 prompt in 1 file, all valid\n", ""},
		"a name that is not there": {
			nil, "", []string{"DIR/none"}, "", "stat DIR/none: no such file or directory",
		},
		"a file of another group": {
			nil, strings.Replace(style, "lectern.dev", "letern.dev", 1), []string{"-"},
			"stdin:1:13: apiVersion \"letern.dev/v1alpha1\" is not Lectern's; write lectern.dev/v1alpha1\n", "not valid: 1 problem in 1 file",
		},
		"a file that is no YAML": {
			map[string]string{"a/a.yaml": style, "a/b.yaml": "spec: \""}, "", []string{"DIR/a", "DIR/a/b.yaml"},
			"DIR/a/b.yaml:1:1: this is not YAML: a quote is opened and never closed\n", "not valid: 1 problem in 2 files",
		},
		"no prompt at all": {
			map[string]string{"a.yaml": "kind: ConfigMap\n"}, "", []string{"DIR", "DIR/a.yaml"}, "", "no Prompt and no SDPConnection was found in DIR, DIR/a.yaml",
		},
		"a connection": {
			map[string]string{"a.yaml": connection + "  apiURL: https://desk.example.org\n"}, "", []string{"DIR"}, "1 connection in 1 file, all valid\n", "",
		},
		"a connection beside prompts": {
			map[string]string{"a.yaml": connection + "  apiURL: https://desk.example.org\n", "b.yaml": style + "---\n" + strings.Replace(style, "style", "tone", 1)}, "", []string{"DIR"},
			"2 prompts and 1 connection in 2 files, all valid\n", "",
		},
		"a connection in no time zone": {
			map[string]string{"a.yaml": connection + "  apiURL: https://desk.example.org\n  timeZone: Europe/Berln\n"}, "", []string{"DIR"},
			"DIR/a.yaml:8:13: spec.timeZone: the IANA time zone database has no \"Europe/Berln\"; write a name of it, such as Europe/Berlin, or UTC\n",
			"not valid: 1 problem in 1 file",
		},
		"a connection that is not valid": {
			map[string]string{"a.yaml": connection + "  apiURL: https://tom:secret@desk.example.org\n", "b.yaml": style}, "", []string{"DIR"},
			"DIR/a.yaml:7:11: spec.apiURL: must not contain a user name or password; they belong in the Secret that credentials.secretName names\n",
			"not valid: 1 problem in 2 files",
		},
		"nothing to read": {nil, "", nil, "", "name a folder or a file to check; - is standard input"},
		"too large for kubectl apply": {
			nil, start + "metadata: {name: large}\nspec: {syntax: Plain, text: \"" + strings.Repeat("<", 50_000) + "\"}\n", []string{"-"},
			"stdin:1:1: warning: kubectl apply would keep a copy of this object in an annotation, which with the others is 300205 bytes, and 262144 (256 KiB) are allowed; apply it with kubectl apply --server-side\n1 prompt in 1 file, all valid\n", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			printed, failed := run(t, ValidateCommand(), folder(t, tc.files), tc.in, tc.args...)
			if diff := cmp.Diff([]string{tc.printed, tc.failed}, []string{printed, failed}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRenderCommand(t *testing.T) {
	t.Parallel()
	talk := start + "metadata: {name: talk}\nspec:\n  arguments:\n  - {name: who}\n  - {name: count, type: Integer, default: \"2\"}\n" +
		"  messages:\n  - {role: user, text: \"{{who}} {{count}}\"}\n  - {role: assistant, text: \"{{> style}}\"}\n"
	style := start + "metadata: {name: style, namespace: default}\nspec: {text: Plainly.}\n"
	files := map[string]string{"talk.yaml": talk, "style/style.yaml": style, "broken.yaml": "spec: \"", "bad.yaml": start + "metadata: {name: bad}\nspec: {}\n"}
	for name, tc := range map[string]struct {
		args            []string
		printed, failed string
	}{
		"roles when there is more than one": {[]string{"DIR/talk.yaml", "--include-dir", "DIR/style", "--arg", "who=A=B"}, "--- user\nA=B 2\n\n--- assistant\nPlainly.\n", ""},
		"nothing to render":                 {nil, "", "name one folder or file with the prompt, not 0; - is standard input"},
		"one text as it is":                 {[]string{"DIR/style"}, "Plainly.", ""},
		"a name among several":              {[]string{"DIR", "--name", "default/style"}, "Plainly.", ""},
		"no name among several":             {[]string{"DIR"}, "", "more than one prompt fits; choose one with --name: default/style, default/talk"},
		"a missing argument":                {[]string{"DIR", "--name", "talk"}, "", `argument "who": is required; give it a value`},
		"an unknown argument":               {[]string{"DIR", "--name", "style", "--arg", "x=1"}, "", `argument "x": this prompt takes no arguments; leave it out`},
		"a value outside its type":          {[]string{"DIR", "--name", "talk", "--arg", "who=A", "--arg", "count=many"}, "", `argument "count": "many" is not an Integer; write a whole number, such as 5`},
		"no value":                          {[]string{"DIR", "--arg", "who"}, "", `--arg "who" is not name=value; write --arg name=value`},
		"a value twice":                     {[]string{"DIR", "--arg", "who=1", "--arg", "who=2"}, "", `--arg who is given twice; give it once`},
		"what is not valid":                 {[]string{"DIR/bad.yaml"}, "", "there is no valid prompt\nDIR/bad.yaml:4:1: spec: set exactly one of text and messages"},
		"what is no YAML":                   {[]string{"DIR/broken.yaml"}, "", "there is no valid prompt\nDIR/broken.yaml:1:1: this is not YAML: a quote is opened and never closed"},
		"what is not there":                 {[]string{"DIR/style", "--name", "other"}, "", "there is no valid prompt other; there are default/style"},
		"what cannot be included":           {[]string{"DIR/talk.yaml"}, "", "prompt default/talk cannot be rendered\nDIR/talk.yaml:10:30: fragment style is not among the files read; correct the include, or read the folder it is in, too"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			printed, failed := run(t, RenderCommand(), folder(t, files), "", tc.args...)
			if diff := cmp.Diff([]string{tc.printed, tc.failed}, []string{printed, failed}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
