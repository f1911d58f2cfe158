package secretsource

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const canary = "canary-5hQ"

func TestParseReference(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a/b.yaml": "", "env:A": "",
		"": "neither a path nor env:NAME", "env:": "neither a path nor env:NAME",
		`{"client_id":"` + canary + `"}`:  "looks like the credentials themselves",
		"client_id: a\nsecret: " + canary: "looks like the credentials themselves",
	} {
		got, err := ParseReference(text)
		switch {
		case want == "" && (err != nil || got.String() != text || got.IsZero()):
			t.Errorf("%q: %v %v", text, got, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary)):
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestReadValues reads each shape that a person may have the values of a Secret in.
func TestReadValues(t *testing.T) {
	want := map[string][]byte{"client_id": []byte("1000.C"), "client_secret": []byte("123456789012345678901234567890")}
	home := t.TempDir()
	t.Setenv("HOME", home)
	for name, content := range map[string]string{
		"YAML":              "client_id: 1000.C\nclient_secret: 123456789012345678901234567890\n",
		"JSON":              `{"client_id":"1000.C","client_secret":"123456789012345678901234567890"}`,
		"a Secret":          "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntype: lectern.dev/sdp-credentials\nstringData: {client_id: 1000.C}\ndata: {client_secret: MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw}\n",
		"an alias":          "client_id: &id 1000.C\nclient_secret: \"123456789012345678901234567890\"\n",
		"quotes and spaces": "client_id: '1000.C'   # of the console\nclient_secret: 123456789012345678901234567890",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(home, "c"), []byte(content), 0o600))
		t.Setenv("LECTERN_TEST_VALUES", content)
		for _, text := range []string{filepath.Join(home, "c"), "~/c", "env:LECTERN_TEST_VALUES"} {
			if diff := cmp.Diff(want, readReference(t, text)); diff != "" {
				t.Errorf("%s in %s: %s", name, text, diff)
			}
		}
	}
}

func readReference(t *testing.T, text string) map[string][]byte {
	t.Helper()
	r, err := ParseReference(text)
	require.NoError(t, err)
	values, err := r.ReadValues()
	require.NoError(t, err)
	return values
}

// TestReadValues_Folder reads a Secret as a kubelet mounts it: links to files in a folder that is a link.
func TestReadValues_Folder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "..2026"), 0o700))
	require.NoError(t, os.Symlink("..2026", filepath.Join(dir, "..data")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "..2026", "api_key"), []byte("k\n"), 0o600))
	require.NoError(t, os.Symlink("..data/api_key", filepath.Join(dir, "api_key")))
	if diff := cmp.Diff(map[string][]byte{"api_key": []byte("k\n")}, readReference(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestReadValues_Errors: no error has a value.
func TestReadValues_Errors(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LECTERN_TEST_EMPTY", "")
	t.Setenv("LECTERN_TEST_LARGE", strings.Repeat("a", maxContent+1)) // as a shell can have it, though exec takes less
	for name, tc := range map[string]struct{ content, want string }{
		"a word":            {canary, "is no map of keys and texts in YAML or JSON"},
		"broken YAML":       {"client_id: [" + canary, "is no map of keys and texts in YAML or JSON"},
		"a list":            {"- " + canary, "is no map of keys and texts in YAML or JSON"},
		"nested":            {"oauth: {client_secret: " + canary + "}", "is no map of keys and texts in YAML or JSON"},
		"a shell's":         {"CLIENT_ID=" + canary + "\nCLIENT_SECRET=" + canary, "is no map of keys and texts in YAML or JSON"},
		"an encoded Secret": {"kind: Secret\ndata: {client_secret: " + canary + "}", "key client_secret that is no base64"},
		"two bad values":    {"kind: Secret\ndata: {b: -, a: -, d: -, c: -}", "key a that is no base64"},
		"too large":         {strings.Repeat("a", maxContent+1), "is larger than 1048576 bytes"},
	} {
		path := filepath.Join(dir, "c")
		require.NoError(t, os.WriteFile(path, []byte(tc.content), 0o600))
		r, err := ParseReference(path)
		require.NoError(t, err)
		if _, err = r.ReadValues(); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
	for text, want := range map[string]string{"env:LECTERN_TEST_EMPTY": "is not set", "env:LECTERN_TEST_NONE": "is not set", dir + "/none": "cannot be read: no such file",
		"env:LECTERN_TEST_LARGE": "is larger than 1048576 bytes", "/dev/zero": "but a pipe or a device"} {
		r, err := ParseReference(text)
		require.NoError(t, err)
		if _, err = r.ReadValues(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
