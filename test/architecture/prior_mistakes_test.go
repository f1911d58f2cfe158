package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namedTest is a test as docs/prior-mistakes.md names it: the folder of its package, and the function.
var namedTest = regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9_]+)`")

// TestPriorMistakes: each row of docs/prior-mistakes.md names the tests that hold it, and they exist.
func TestPriorMistakes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs", "prior-mistakes.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, tests := 0, map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| What w") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		named := namedTest.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 3 || len(named) == 0 || len(named) != strings.Count(cells[2], "`")/2 {
			t.Errorf("a row does not end with the tests that hold it: %s", line)
		}
		for _, test := range named {
			tests[test[1]+"."+test[2]] = true
		}
	}
	for test := range tests {
		folder, name, _ := strings.Cut(test, ".")
		if !hasTest(t, folder, name) {
			t.Errorf("there is no %s in %s", name, folder)
		}
	}
	if rows < 35 {
		t.Errorf("the page has %d rows", rows)
	}
	t.Logf("%d rows, held by %d tests", rows, len(tests))
}

// hasTest reports whether a test file of a folder declares a function.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

// credentials are what looks like one: tokens of Zoho, keys of clouds and of code hosts, and private keys.
var credentials = map[string]*regexp.Regexp{
	"a token of Zoho":       regexp.MustCompile(`\b1000\.[0-9a-f]{32}\.[0-9a-f]{32}\b`),
	"a key of AWS":          regexp.MustCompile(`\bAKIA[0-9A-Z]{16}\b`),
	"a key of Google":       regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}\b`),
	"a token of GitHub":     regexp.MustCompile(`\bgh[pousr]_[0-9A-Za-z]{36}\b`),
	"a token of Slack":      regexp.MustCompile(`\bxox[abprs]-[0-9A-Za-z-]{20,}`),
	"a private key":         regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}`),
	"a password in an URL":  regexp.MustCompile(`\b[a-z]+://[a-z0-9_]+:[A-Za-z0-9]{16,}@`),
	"a JSON Web Token":      regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}`),
	"a file of environment": regexp.MustCompile(`(?m)^SDP_[A-Z_]*(SECRET|TOKEN)=[0-9A-Za-z.]{20,}$`),
}

// TestTree_HasNoCredentials: no file of the repository has what looks like a credential.
func TestTree_HasNoCredentials(t *testing.T) {
	t.Parallel()
	read := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "node_modules", "bin"}, entry.Name()):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			return err
		}
		read++
		for what, looks := range credentials {
			if found := looks.Find(text); found != nil {
				t.Errorf("%s has %s: %.12s…", path, what, found)
			}
		}
		return nil
	})
	if err != nil || read < 500 {
		t.Errorf("%d files were read: %v", read, err)
	}
}

// TestCredentials: what looks like a credential is found.
func TestCredentials(t *testing.T) {
	t.Parallel()
	hex, letters := strings.Repeat("0a1b2c3d", 4), strings.Repeat("A1B2C3D4E5", 4)
	for what, text := range map[string]string{
		"a token of Zoho": "1000." + hex + "." + hex, "a key of AWS": "AKIA" + letters[:16],
		"a key of Google": "AIza" + letters[:35], "a token of GitHub": "ghp_" + letters[:36], "a token of Slack": "xoxb-" + letters[:24],
		"a private key": "-----BEGIN " + "PRIVATE KEY-----\n" + letters, "a password in an URL": "postgres://lectern:" + hex + "@db",
		"a JSON Web Token": "eyJ" + letters + ".eyJ" + letters + "." + letters, "a file of environment": "SDP_CLIENT_SECRET=" + hex,
	} {
		if !credentials[what].MatchString(text) {
			t.Errorf("%s is not found in %s", what, text)
		}
	}
	if credentials["a token of Zoho"].MatchString("1000.fake.fake") {
		t.Error("an example is taken for a token")
	}
}
