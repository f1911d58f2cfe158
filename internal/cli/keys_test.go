package cli

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// runKeys runs `lectern keys` in a folder.
func runKeys(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "DIR", dir)
	}
	cmd := KeysCommand()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.Execute()
	return out.String(), err
}

func TestKeysNew(t *testing.T) {
	dir := t.TempDir()
	out, err := runKeys(t, dir, "new", "--intake-key-file=DIR/one", "--intake-public-key-file=DIR/one.pub")
	require.NoError(t, err)
	for name, want := range map[string]fs.FileMode{"one": 0o600, "one.pub": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	private, err := os.ReadFile(filepath.Join(dir, "one"))
	require.NoError(t, err)
	value := string(private)[strings.Index(string(private), `"value":"`)+9:]
	if value = value[:20]; strings.Contains(out, value) || !strings.Contains(out, "Made key ") {
		t.Errorf("it prints:\n%s", out)
	}

	_, err = runKeys(t, dir, "new", "--rotate=DIR/one", "--intake-key-file=DIR/two", "--intake-public-key-file=DIR/two.pub")
	require.NoError(t, err)
	for _, public := range []string{"one.pub", "two.pub"} {
		seals, err := seal.OpenPublicKeys(filepath.Join(dir, public), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		sealed, err := seals.Seal([]byte("text"), nil)
		require.NoError(t, err)
		opens, err := seal.OpenPrivateKeys(filepath.Join(dir, "two"), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		if text, err := opens.Open(sealed, nil); string(text) != "text" {
			t.Errorf("what is sealed with %s opens as %q, %v", public, text, err)
		}
	}
}

// TestKeysNew_Secret prints a Secret that the private key of before goes on with.
func TestKeysNew_Secret(t *testing.T) {
	dir := t.TempDir()
	_, err := runKeys(t, dir, "new", "--intake-key-file=DIR/one", "--intake-public-key-file=DIR/one.pub")
	require.NoError(t, err)
	out, err := runKeys(t, dir, "new", "--rotate=DIR/one", "--secret=lectern-intake")
	require.NoError(t, err)
	var printed struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   map[string]string
		Data       map[string]string
	}
	require.NoError(t, yaml.Unmarshal([]byte(out), &printed))
	if printed.APIVersion != "v1" || printed.Kind != "Secret" || printed.Metadata["name"] != "lectern-intake" || len(printed.Data) != 2 {
		t.Errorf("it prints:\n%s", out)
	}
	private, err := base64.StdEncoding.DecodeString(printed.Data["private.json"])
	require.NoError(t, err)
	public, err := base64.StdEncoding.DecodeString(printed.Data["public.json"])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "two.pub"), public, 0o600))
	opens, err := seal.ParsePrivateKeys(private)
	require.NoError(t, err)
	for _, name := range []string{"one.pub", "two.pub"} {
		seals, err := seal.OpenPublicKeys(filepath.Join(dir, name), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		sealed, err := seals.Seal([]byte("text"), nil)
		require.NoError(t, err)
		if text, err := opens.Open(sealed, nil); string(text) != "text" {
			t.Errorf("what is sealed with %s opens as %q, %v", name, text, err)
		}
	}
}

func TestKeysNew_Refused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "there"), []byte("not a key"), 0o600))
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"the private file is there": {[]string{"--intake-key-file=DIR/there", "--intake-public-key-file=DIR/b"}, "is there already"},
		"the public file is there":  {[]string{"--intake-key-file=DIR/a", "--intake-public-key-file=DIR/there"}, "is there already"},
		"one file":                  {[]string{"--intake-key-file=DIR/a"}, "name both files"},
		"the same file":             {[]string{"--intake-key-file=DIR/a", "--intake-public-key-file=DIR/a"}, "the same file"},
		"a Secret and a file":       {[]string{"--secret=intake", "--intake-key-file=DIR/a"}, "set only one"},
		"no name of a Secret":       {[]string{"--secret=A: b"}, "no name of a Secret"},
		"no such file":              {[]string{"--rotate=DIR/absent", "--intake-key-file=DIR/a", "--intake-public-key-file=DIR/b"}, "--rotate: open"},
		"no key":                    {[]string{"--rotate=DIR/there", "--intake-key-file=DIR/a", "--intake-public-key-file=DIR/b"}, "not a private keyset"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := runKeys(t, dir, append([]string{"new"}, tc.args...)...); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("it says %v, want %q", err, tc.want)
			}
		})
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	if len(left) != 1 {
		t.Errorf("what was refused left %d files, want the one that was there", len(left))
	}
	text, err := os.ReadFile(filepath.Join(dir, "there"))
	require.NoError(t, err)
	if string(text) != "not a key" {
		t.Errorf("the file that was there is %q", text)
	}
}
