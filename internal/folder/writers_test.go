package folder_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// writer puts a text into a file as some program does.
type writer func(path, text string) error

// writers are programs that save files, by the system calls they make.
var writers = map[string]writer{
	"a shell that writes piece by piece": writePieces,
	"an editor that truncates (VS Code)": func(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) },
	"an editor that renames over": func(path, text string) error {
		return errors.Join(os.WriteFile(path+".swp", []byte(text), 0o644), os.Rename(path+".swp", path))
	},
	"vim, which moves the old file away": func(path, text string) error {
		return errors.Join(os.Rename(path, path+"~"), writePieces(path, text), os.Remove(path+"~"))
	},
	"a shell, by a clock that is ahead": func(path, text string) error {
		return writePiecesWith(path, text, func() error { return setClock(path, time.Hour) })
	},
	"a shell, by a clock that is behind": func(path, text string) error {
		return writePiecesWith(path, text, func() error { return setClock(path, -time.Hour) })
	},
}

func init() {
	if runtime.GOOS == "linux" { // where it can be found out that it has the file open
		writers["an editor that overwrites, then truncates"] = overwrite
	}
}

// setClock sets the time of a file as a file server would whose clock is wrong.
func setClock(path string, by time.Duration) error {
	at := time.Now().Add(by)
	return os.Chtimes(path, at, at)
}

func writePieces(path, text string) error {
	return writePiecesWith(path, text, func() error { return nil })
}

// writePiecesWith truncates a file, writes it in pieces with pauses, and calls a function after each.
func writePiecesWith(path, text string, written func() error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	pause := time.NewTicker(15 * time.Millisecond)
	defer pause.Stop()
	err = written()
	for rest := text; rest != "" && err == nil; {
		<-pause.C
		piece := rest[:min(len(rest), len(text)/5+1)]
		rest = rest[len(piece):]
		_, err = file.WriteString(piece)
		err = errors.Join(err, written())
	}
	return errors.Join(err, file.Close(), written())
}

// overwrite opens a file without truncating it, and saves a moment later.
func overwrite(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	pause := time.NewTimer(30 * time.Millisecond)
	defer pause.Stop()
	<-pause.C
	_, err = file.WriteString(text)
	return errors.Join(err, file.Truncate(int64(len(text))), file.Close())
}

// longManifest is one whose text shows whether it is whole: cut anywhere it is valid, and lacks its end.
func longManifest(name string, save int) string {
	lines := strings.Repeat("    "+strings.Repeat("word ", 15)+"\n", 40+save%7)
	return fmt.Sprintf("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: %s\nspec:\n  description: saved in round %d\n  syntax: Plain\n  text: |\n    round %d\n%s    end %d", name, save, save, lines, save)
}

// checkWhole fails for each version of a prompt that a save was cut in, and returns how many there are.
func (d *harness) checkWhole(name string) int {
	d.Helper()
	versions, err := d.store.ListVersions(d.Context(), key(name), 0, 1000)
	require.NoError(d, err)
	for _, version := range versions {
		v, err := d.store.Get(d.Context(), key(name), prompt.Selector{Version: version.Version})
		require.NoError(d, err)
		text := strings.TrimSpace(v.Document.Messages[0].Text)
		first, _, _ := strings.Cut(text, "\n")
		if want := "end " + strings.TrimPrefix(first, "round "); !strings.HasSuffix(text, "\n"+want) {
			d.Errorf("%s was served cut: version %d has %d bytes and ends in %q", name, version.Version, len(text), text[max(0, len(text)-20):])
		}
	}
	return len(versions)
}

// TestFollow_ServesNoHalfOfASave: every state that was served is a version, and none is half of a save.
func TestFollow_ServesNoHalfOfASave(t *testing.T) {
	t.Parallel()
	const saves = 30
	for how, write := range writers {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			d := open(t, map[string]string{"p.yaml": longManifest("p", 0)})
			for save := 1; save <= saves; save++ {
				require.NoError(d, write(d.path("p.yaml"), longManifest("p", save)))
				d.soonSaved("p", save)
			}
			if got := d.checkWhole("p"); got != saves+1 {
				t.Errorf("%d saves made %d versions", saves, got-1)
			}
		})
	}
}

// TestRequestChange_KeepsSavesOfWriters lets a program save the description while an agent changes the tags: what was saved
// is in the file, each time, and the agent's change was made to whole files only.
func TestRequestChange_KeepsSavesOfWriters(t *testing.T) {
	t.Parallel()
	const saves = 40
	for how, write := range writers {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			d := open(t, map[string]string{"p.yaml": longManifest("p", 0)})
			published := 0
			for save := 1; save <= saves; save++ {
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := write(d.path("p.yaml"), longManifest("p", save)); err != nil {
						t.Error(err)
					}
				})
				tags := []string{fmt.Sprint("t", save)}
				o := d.change(update("p", store.Edit{Tags: &tags}))
				wg.Wait()
				if o.State == store.ChangePublished {
					published++
				}
				if got := d.file("p.yaml"); !strings.Contains(got, fmt.Sprintf("saved in round %d\n", save)) || !strings.Contains(got, fmt.Sprintf("    end %d", save)) {
					t.Fatalf("save %d is lost, the change %+v; the file has %d bytes:\n%.400s", save, o, len(got), got)
				}
			}
			d.checkWhole("p")
			t.Logf("%d of %d changes were made beside a save", published, saves)
		})
	}
}

// TestFollow_SlowWriter: a program that pauses for longer than a file must be left alone is waited for, while it has the file
// open and where the system says so.
func TestFollow_SlowWriter(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("what has a file open is known on Linux only")
	}
	d := open(t, map[string]string{"p.yaml": longManifest("p", 0), "q.yaml": longManifest("q", 0)})
	for save := 1; save <= 3; save++ {
		pause := time.NewTicker(250 * time.Millisecond)
		require.NoError(d, writePiecesWith(d.path("p.yaml"), longManifest("p", save), func() error { <-pause.C; return nil }))
		pause.Stop()
		d.soonSaved("p", save)
	}
	if got := d.checkWhole("p"); got != 4 {
		t.Errorf("3 saves made %d versions", got-1)
	}
	file, err := os.OpenFile(d.path("q.yaml"), os.O_WRONLY, 0)
	require.NoError(d, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	_, err = file.WriteString(longManifest("q", 7)) // as long as what was there
	require.NoError(d, err)
	d.soonSaved("q", 7) // though it stays open
}

// soonSaved waits until a save is served.
func (d *harness) soonSaved(name string, save int) {
	d.Helper()
	d.soon(fmt.Sprintf("save %d of %s is served", save, name), func() bool {
		return strings.HasSuffix(strings.TrimSpace(d.text(key(name))), fmt.Sprintf("end %d", save))
	})
}

// TestFollow_Programs saves with the programs themselves.
func TestFollow_Programs(t *testing.T) {
	t.Parallel()
	for how, command := range map[string]string{
		"sed -i":     `sed -i "s/$1/$2/" p.yaml`,
		"cp":         `sed "s/$1/$2/" p.yaml > ../new && cp ../new p.yaml`,
		"cat":        `sed "s/$1/$2/" p.yaml > ../new && cat ../new > p.yaml`,
		"mv":         `sed "s/$1/$2/" p.yaml > ../new && mv ../new p.yaml`,
		"cp -p":      `sed "s/$1/$2/" p.yaml > ../new && touch -d '2001-01-01' ../new && cp -p ../new p.yaml`,
		"git commit": `sed -i "s/$1/$2/" p.yaml && git commit -qam "$2" && git checkout -q HEAD~1 && git checkout -q -`,
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			program, _, _ := strings.Cut(how, " ")
			if _, err := exec.LookPath(program); err != nil {
				t.Fatalf("%v; install %s", err, program)
			}
			d := &harness{T: t, dir: filepath.Join(t.TempDir(), "prompts"), store: memory.New(), log: &logbuffer.Buffer{}}
			d.write("p.yaml", longManifest("p", 0))
			d.run("git init -q && git add . && git commit -qm 0")
			d.follow()
			for save := 1; save <= 8; save++ {
				d.run(command, fmt.Sprintf("\\(round\\|end\\) %d$", save-1), fmt.Sprintf("\\1 %d", save))
				d.soonSaved("p", save)
			}
			d.checkWhole("p")
		})
	}
}

// run runs a command of the shell in the folder.
func (d *harness) run(command string, args ...string) {
	d.Helper()
	shell := exec.CommandContext(d.Context(), "sh", append([]string{"-ec", command, "sh"}, args...)...)
	shell.Dir = d.dir
	shell.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := shell.CombinedOutput(); err != nil {
		d.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// TestFollow_BranchCheckout: a checkout of another branch, many files at once, is served whole, and what is not on the branch
// is gone.
func TestFollow_BranchCheckout(t *testing.T) {
	t.Parallel()
	const prompts = 200
	d := &harness{T: t, dir: t.TempDir(), store: memory.New(), log: &logbuffer.Buffer{}}
	name := func(i int) string { return fmt.Sprintf("p%03d", i) }
	for i := range prompts {
		d.write(name(i)+".yaml", longManifest(name(i), 1))
	}
	d.run("git init -q -b one && git add . && git commit -qm one && git checkout -qb two")
	for i := range prompts {
		d.write(name(i)+".yaml", longManifest(name(i), 2))
	}
	d.write("only.yaml", longManifest("only", 2))
	d.run("git add . && git commit -qm two && git checkout -q one")
	d.follow()
	for round, branch := range []string{"two", "one", "two", "one"} {
		save := 2 - round%2
		d.run("git checkout -q " + branch)
		begun := time.Now()
		d.soon("branch "+branch+" is served", func() bool {
			for i := range prompts {
				if !strings.HasSuffix(strings.TrimSpace(d.text(key(name(i)))), fmt.Sprintf("end %d", save)) {
					return false
				}
			}
			return (d.text(key("only")) == gone) == (branch == "one")
		})
		t.Logf("%d files of branch %s were served %s after git ended", prompts, branch, time.Since(begun).Round(time.Millisecond))
	}
	for i := range prompts {
		d.checkWhole(name(i))
	}
}
