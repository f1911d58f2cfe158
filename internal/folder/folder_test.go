package folder_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/folder"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMain(m *testing.M) { leak.Main(m) }

// harness is a folder that is followed.
type harness struct {
	*testing.T
	dir    string
	store  *memory.Store
	folder *folder.Folder
	log    *logbuffer.Buffer
	asked  atomic.Int64
}

func manifest(name, text string, more ...string) string {
	return fmt.Sprintf("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: %s\nspec:\n  text: %q\n%s", name, text, strings.Join(more, ""))
}

// open writes files and follows their folder until the test ends.
func open(t *testing.T, files map[string]string) *harness {
	t.Helper()
	d := &harness{T: t, dir: t.TempDir(), store: memory.New(), log: &logbuffer.Buffer{}}
	for path, text := range files {
		d.write(path, text)
	}
	d.follow()
	return d
}

func (d *harness) follow() {
	d.Helper()
	var err error
	d.folder, err = folder.Open(d.Context(), d.dir, d.store, slog.New(slog.NewTextHandler(d.log, nil)))
	if err != nil {
		d.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(d.Context()))
	done := make(chan struct{})
	go func() { defer close(done); d.folder.Follow(ctx) }()
	d.Cleanup(func() { stop(); <-done })
}

// beside is another process on the same folder.
func (d *harness) beside() *harness {
	d.Helper()
	other := &harness{T: d.T, dir: d.dir, store: memory.New(), log: &logbuffer.Buffer{}}
	other.follow()
	return other
}

func (d *harness) path(path string) string { return filepath.Join(d.dir, filepath.FromSlash(path)) }

func (d *harness) write(path, text string) {
	d.Helper()
	require.NoError(d, os.MkdirAll(filepath.Dir(d.path(path)), 0o755))
	require.NoError(d, os.WriteFile(d.path(path), []byte(text), 0o644))
}

// writeOld writes a file that seems to have been left alone since: one scan reads all of them.
func (d *harness) writeOld(path, text string) {
	d.Helper()
	d.write(path, text)
	old := time.Now().Add(-time.Minute)
	require.NoError(d, os.Chtimes(d.path(path), old, old))
}

// save writes as many editors do: beside, and renamed over.
func (d *harness) save(path, text string) {
	d.Helper()
	d.write(path+"~", text)
	require.NoError(d, os.Rename(d.path(path+"~"), d.path(path)))
}

// remove removes a file.
func (d *harness) remove(path string) {
	d.Helper()
	require.NoError(d, os.Remove(d.path(path)))
}

func key(name string) store.Key { return store.Key{Namespace: "default", Name: name} }

// text is what is served under a key, or the error.
func (d *harness) text(k store.Key) string {
	v, err := d.store.Get(d.Context(), k, prompt.Selector{})
	if err != nil {
		return err.Error()
	}
	return v.Document.Messages[0].Text
}

// soon waits until something is so.
func (d *harness) soon(what string, is func() bool) {
	d.Helper()
	defer func() {
		if d.Failed() {
			d.Logf("log:\n%s", d.log.String())
		}
	}()
	require.Until(d, what, is)
}

func (d *harness) soonServed(name, text string) {
	d.Helper()
	var is string
	defer func() {
		if is != text {
			d.Logf("%s is served as %q", name, is)
		}
	}()
	d.soon(fmt.Sprintf("%s is served as %q", name, text), func() bool { is = d.text(key(name)); return is == text })
}

const gone = "not found"

func TestOpen_Serves(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{
		"greet.yaml":          manifest("greet", "Hello {{name}}"),
		"deep/er/two.yml":     manifest("one", "1") + "---\n" + manifest("two", "2"),
		"other.yaml":          strings.Replace(manifest("greet", "Guten Tag"), "metadata:\n", "metadata:\n  namespace: german\n", 1),
		"json.json":           `{"apiVersion": "lectern.dev/v1alpha1", "kind": "Prompt", "metadata": {"name": "json"}, "spec": {"text": "{}"}}`,
		"notes.txt":           manifest("notes", "no"),
		".hidden/hidden.yaml": manifest("hidden", "no"),
		".hidden.yaml":        manifest("hidden", "no"),
		"deployment.yaml":     "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
	})
	for k, text := range map[store.Key]string{
		key("greet"): "Hello {{name}}", key("one"): "1", key("two"): "2", key("json"): "{}", key("notes"): gone, key("hidden"): gone,
		{Namespace: "german", Name: "greet"}: "Guten Tag",
	} {
		if got := d.text(k); got != text {
			t.Errorf("%s is %q, want %q", k, got, text)
		}
	}
	if d.log.Count("Problem") > 0 {
		t.Errorf("problems:\n%s", d.log.String())
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "one")})
	d.write("greet.yaml", manifest("greet", "written in place"))
	d.soonServed("greet", "written in place")
	d.save("greet.yaml", manifest("greet", "renamed over"))
	d.soonServed("greet", "renamed over")
	if v, err := d.store.Get(t.Context(), key("greet"), prompt.Selector{Version: 1}); err != nil || v.Document.Messages[0].Text != "one" {
		t.Errorf("version 1 is %+v, %v", v, err)
	}
	d.write("new/folder/new.yaml", manifest("new", "in a new folder"))
	d.soonServed("new", "in a new folder")
	d.write("new/folder/new.yaml", manifest("new", "and changed there"))
	d.soonServed("new", "and changed there")
	require.NoError(d, os.RemoveAll(d.path("new")))
	d.soonServed("new", gone)
	d.write("new/folder/new.yaml", manifest("new", "back"))
	d.soonServed("new", "back")
	require.NoError(d, os.Remove(d.path("greet.yaml")))
	d.soonServed("greet", gone)
}

func TestFollow_BusyFolder(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "one")})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var failed error
		pause := time.NewTicker(5 * time.Millisecond) // less than events are gathered for
		defer pause.Stop()
		for failed == nil && ctx.Err() == nil {
			failed = os.WriteFile(d.path("debug.log"), []byte("noise\n"), 0o644)
			<-pause.C
		}
		done <- failed
	}()
	defer func() {
		stop()
		require.NoError(d, <-done)
	}()
	for _, text := range []string{"two", "three", "four"} {
		d.write("greet.yaml", manifest("greet", text))
		d.soonServed("greet", text)
	}
}

func TestFollow_BadEditKeepsTheLastGood(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]string{
		"no YAML":              "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\n  metadata: [",
		"an unknown field":     manifest("greet", "two", "  colour: red\n"),
		"no template":          manifest("greet", "Hello {{name"),
		"an include of nobody": manifest("greet", "{{> nobody}}"),
		"another group":        strings.Replace(manifest("greet", "two"), "lectern.dev", "letern.dev", 1),
		"no apiVersion":        strings.Replace(manifest("greet", "two"), "apiVersion: lectern.dev/v1alpha1\n", "", 1),
		"nothing of ours":      `spec: "`,
		"no name":              strings.Replace(manifest("greet", "two"), "name: greet", "name: ''", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, map[string]string{"greet.yaml": manifest("greet", "good") + "---\n" + manifest("second", "1")})
			d.write("greet.yaml", bad+"\n---\n"+manifest("second", "2"))
			d.soon("a problem is logged", func() bool { return d.log.Count("Problem in a manifest") > 0 })
			if got := d.text(key("greet")); got != "good" {
				t.Errorf("served is %q, want the last good", got)
			}
			if !strings.Contains(d.log.String(), "greet.yaml:") {
				t.Errorf("the log does not say where:\n%s", d.log.String())
			}
			d.write("other.yaml", manifest("other", "x"))
			d.soonServed("other", "x") // by a later look, so all is told
			problems := d.log.Count("Problem in a manifest")
			d.write("another.yaml", manifest("another", "x"))
			d.soonServed("another", "x")
			if again := d.log.Count("Problem in a manifest"); again != problems {
				t.Errorf("the problem was logged again: %d, then %d", problems, again)
			}
			d.write("greet.yaml", manifest("greet", "mended"))
			d.soonServed("greet", "mended")
			d.soonServed("second", gone)
			d.soon("the end of problems is logged", func() bool { return d.log.Count("No more problems") == 1 })
		})
	}
}

// TestFollow_RemovalBesideOldFaults: a removal is one though the file has faults: what was at fault while a prompt was
// served is not what it became.
func TestFollow_RemovalBesideOldFaults(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]string{
		"a template of a chart":        "kind: Deployment\nspec: {{ .Values.spec }}\n",
		"another project's Prompt":     "apiVersion: other.dev/v1\nkind: Prompt\nmetadata: {name: a}\n",
		"a Prompt that was never good": manifest("never", "x", "  titel: y\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, map[string]string{"mix.yaml": old + "---\n" + manifest("a", "A") + "---\n" + manifest("b", "B")})
			problems := d.log.Count("Problem in a manifest")
			d.save("mix.yaml", manifest("a", "A")+"---\n"+old)
			d.soonServed("b", gone)
			if again := d.log.Count("Problem in a manifest"); again > problems+1 { // it is in another line now
				t.Errorf("old faults were told again:\n%s", d.log.String())
			}
			d.save("mix.yaml", strings.ReplaceAll(old, "}", "} ")+"# was a\n---\n"+old)
			d.save("other.yaml", manifest("other", "x"))
			d.soonServed("other", "x")
			if got := d.text(key("a")); got != "A" {
				t.Errorf("beside an old fault a new one leaves %q, want the last good", got)
			}
		})
	}
}

// TestFollow_LogsWhatIsServed: the log says it of each prompt, whatever stands beside it.
func TestFollow_LogsWhatIsServed(t *testing.T) {
	t.Parallel()
	bad := manifest("b", "Hello {{name")
	for name, tc := range map[string]struct{ before, after, says, not string }{
		"never good":           {"", bad, "prompt default/b is not served", "stays"},
		"never good, and read": {bad, manifest("b", "x", "  titel: y\n"), "prompt default/b is not served", "stays"},
		"beside a good one":    {manifest("a", "x"), manifest("a", "x") + "---\n" + bad, "prompt default/b is not served", "stays"},
		"no template any more": {manifest("b", "x"), bad, "the last good text of prompt default/b stays", "not served"},
		"not to be read":       {manifest("b", "x"), "lectern.dev/: [", "the last good text of prompt default/b stays", "not served"},
		"unmet":                {"", manifest("b", "x", "  channels: [{name: production, version: 3}]\n"), "production asks for version 3", "default/b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, map[string]string{"f.yaml": tc.before})
			before := d.log.String()
			d.save("f.yaml", tc.after)
			d.save("good.yaml", manifest("good", "one"))
			d.soonServed("good", "one")
			d.soon("it is told", func() bool { return strings.Contains(d.log.String()[len(before):], tc.says) })
			if said := d.log.String()[len(before):]; strings.Contains(said, tc.not) {
				t.Errorf("the log says %s:\n%s", tc.not, said)
			}
		})
	}
}

func TestFollow_MovedFile(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"a.yaml": manifest("stays", "x") + "---\n" + manifest("moves", "m"), "b.yaml": manifest("other", "o")})
	before := d.changes()
	d.save("b.yaml", manifest("other", "o")+"---\n"+manifest("moves", "m"))
	d.soon("the double is told", func() bool { return d.log.Count("here a second time") == 1 })
	d.save("a.yaml", manifest("stays", "x"))
	d.soon("it is one again", func() bool { return d.log.Count("No more problems") == 1 })
	require.NoError(d, os.Rename(d.path("b.yaml"), d.path("c.yaml")))
	d.write("sign.yaml", manifest("sign", "s"))
	d.soonServed("sign", "s")
	d.save("c.yaml", manifest("other", "o")+"---\n"+manifest("moves", "changed"))
	d.soonServed("moves", "changed")
	after := d.changes()
	if got := after[key("other")]; got != before[key("other")] {
		t.Errorf("other was touched: revision %d, before %d", got, before[key("other")])
	}
	if v, err := d.store.Get(t.Context(), key("moves"), prompt.Selector{}); err != nil || v.Version != 2 {
		t.Errorf("moved and changed once it is %+v, %v, want version 2", v, err)
	}
}

// changes are the revisions of all prompts.
func (d *harness) changes() map[store.Key]int64 {
	d.Helper()
	changes, err := d.store.ChangedSince(d.Context(), 0, 1000)
	require.NoError(d, err)
	at := map[store.Key]int64{}
	for _, c := range changes {
		at[c.Key] = c.Revision
	}
	return at
}

func TestFollow_Includes(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{
		"a.yaml": manifest("a", "a{{> b}}"), "b.yaml": manifest("b", "b{{> c}}"), "c.yaml": manifest("c", "c", "  exposure: Fragment\n"),
	})
	d.soonServed("a", "abc")
	d.save("c.yaml", manifest("c", "C", "  exposure: Fragment\n"))
	d.soonServed("a", "abC")
	d.save("c.yaml", manifest("c", "C{{> a}}"))
	d.soon("each of the cycle is told", func() bool { return d.log.Count("a → b → c → a") >= 3 })
	for name, text := range map[string]string{"a": "abC", "b": "bC", "c": "C"} {
		if got := d.text(key(name)); got != text {
			t.Errorf("in a cycle %s is %q, want the last good %q", name, got, text)
		}
	}
	d.save("b.yaml", manifest("b", "B"))
	d.soonServed("c", "CaB")
	d.soonServed("a", "aB")
}

func TestFollow_LinksOfConfigMaps(t *testing.T) {
	t.Parallel()
	d := &harness{T: t, dir: t.TempDir(), store: memory.New(), log: &logbuffer.Buffer{}}
	d.write("..1/greet.yaml", manifest("greet", "one"))
	d.write("..1/sub/deep.yaml", manifest("deep", "deep one"))
	require.NoError(d, os.Symlink("..1", d.path("..data")))
	require.NoError(d, os.Symlink("..data/greet.yaml", d.path("greet.yaml")))
	require.NoError(d, os.Symlink("..data/sub", d.path("sub")))
	require.NoError(d, os.Symlink(".", d.path("loop")))
	require.NoError(d, os.Symlink("nothing.yaml", d.path("dangling.yaml")))
	d.follow()
	d.soonServed("greet", "one")
	d.soonServed("deep", "deep one")
	d.write("..2/greet.yaml", manifest("greet", "two"))
	d.write("..2/sub/deep.yaml", manifest("deep", "deep two"))
	require.NoError(d, os.Symlink("..2", d.path("..data_tmp")))
	require.NoError(d, os.Rename(d.path("..data_tmp"), d.path("..data")))
	require.NoError(d, os.RemoveAll(d.path("..1")))
	d.soonServed("greet", "two")
	d.soonServed("deep", "deep two")
	if d.log.Count("Problem") > 0 {
		t.Errorf("problems:\n%s", d.log.String())
	}
}

func TestFollow_MissingFolder(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "one")})
	require.NoError(d, os.Rename(d.dir, d.dir+".away"))
	d.soon("it is told", func() bool { return d.log.Count("the folder cannot be read") == 1 })
	if got := d.text(key("greet")); got != "one" {
		t.Errorf("served is %q", got)
	}
	require.NoError(d, os.Rename(d.dir+".away", d.dir))
	d.save("greet.yaml", manifest("greet", "two"))
	d.soonServed("greet", "two")
}

func TestFollow_ExpiredVersion(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "one", "  channels: [{name: production, version: 3}]\n")})
	_, err := d.store.Get(t.Context(), key("greet"), prompt.Selector{Version: 3})
	var forgotten *store.VersionExpiredError
	if !errors.As(err, &forgotten) || !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("got %v, want a *store.VersionExpiredError", err)
	}
	if got := d.text(key("greet")); got != store.ErrUnresolved.Error() {
		t.Errorf("by the bare name: %s, want that production points nowhere", got)
	}
	if d.log.Count("channel production asks for version 3") != 1 {
		t.Errorf("the log does not say so:\n%s", d.log.String())
	}
}

func TestOpen_NotAFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + ".not"} {
		if _, err := folder.Open(t.Context(), path, memory.New(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "give a folder that is there") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestOpen_FoldersThatLinkToEachOther: each is read once.
func TestOpen_FoldersThatLinkToEachOther(t *testing.T) {
	t.Parallel()
	d := &harness{T: t, dir: t.TempDir(), store: memory.New(), log: &logbuffer.Buffer{}}
	const folders = 12
	name := func(i int) string { return fmt.Sprintf("p%02d", i) }
	for i := range folders {
		d.write(name(i)+"/f.yaml", manifest(name(i), "x"))
		for j := range folders {
			if j != i {
				require.NoError(d, os.Symlink("../"+name(j), d.path(name(i)+"/"+name(j))))
			}
		}
	}
	begun := time.Now()
	d.follow()
	t.Logf("%d folders that link to each other were read in %s", folders, time.Since(begun).Round(time.Millisecond))
	for i := range folders {
		d.soonServed(name(i), "x")
	}
	d.save("p07/f.yaml", manifest("p07", "y"))
	d.soonServed("p07", "y")
	if d.log.Count("Problem") > 0 {
		t.Errorf("problems:\n%s", d.log.String())
	}
}
