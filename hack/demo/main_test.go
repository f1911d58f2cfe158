package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// asDemo makes this test binary the demo.
const asDemo = "LECTERN_TEST_AS_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) != "" {
		os.Args = []string{"demo", "-once"}
		main()
		return
	}
	leak.Main(m)
}

// TestDemo_Once runs the demo as `make demo ONCE=1` does: it exits well, says what it did, and leaves
// neither a file nor a process.
func TestDemo_Once(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	for _, dir := range []string{temp, filepath.Dir(temp)} { // user postgres passes through
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	marker := "TMPDIR=" + temp
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	demo := exec.CommandContext(ctx, os.Args[0])
	demo.Env = append(os.Environ(), asDemo+"=1", marker)
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) }
	demo.WaitDelay = time.Minute // after which it is killed
	var said bytes.Buffer
	demo.Stdout, demo.Stderr = &said, &said
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	running, cease := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- demo.Wait(); cease() }()
	if runtime.GOOS == "linux" {
		if err := waitUntilAllSeen(running, marker); err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; err != nil {
		t.Fatalf("the demo failed: %v\n%s", err, said.String())
	}
	for _, want := range []string{"| Write a brief handover", "The connection is Ready.", "| Laptop will not dock", "The day is done:", "Both servers give the new text", "Nothing is left behind."} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the demo does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(said.String())
	}
	if diff := cmp.Diff([]string(nil), findProcesses(marker)); diff != "" {
		t.Errorf("processes left behind: %s", diff)
	}
	var left []string
	if err := filepath.WalkDir(temp, func(path string, _ fs.DirEntry, err error) error {
		if path != temp {
			left = append(left, path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string(nil), left); diff != "" {
		t.Errorf("files left behind: %s", diff)
	}
}

// waitUntilAllSeen waits until everything the demo starts was found once, which shows that the search for
// what is left can find it.
func waitUntilAllSeen(ctx context.Context, marker string) error {
	want := []string{"etcd", "kube-apiserver", "lectern", "fakesdp", "postgres"}
	if os.Getenv("LECTERN_TEST_DATABASE_URL") != "" {
		want = want[:4] // that Postgres is not the demo's
	}
	seen := map[string]bool{}
	return wait.Until(ctx, func(context.Context) error {
		for _, process := range findProcesses(marker) {
			name, _, _ := strings.Cut(process, " ")
			seen[name] = true
		}
		for _, name := range want {
			if !seen[name] {
				return fmt.Errorf("%s was not seen among the demo's processes", name)
			}
		}
		return nil
	})
}

// findProcesses returns those that were started with an entry in their environment, as "name pid". Only
// Linux shows them to everybody; elsewhere the files that are left have to tell.
func findProcesses(entry string) []string {
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		panic(err) // the pattern is constant
	}
	var found []string
	for _, at := range environments {
		dir := filepath.Dir(at)
		environment, err := os.ReadFile(filepath.Clean(at))
		if err != nil || !bytes.Contains(append(environment, 0), []byte(entry+"\x00")) {
			continue // of another user, or just gone
		}
		arguments, err := os.ReadFile(filepath.Join(filepath.Clean(dir), "cmdline"))
		if err != nil {
			continue
		}
		path, _, _ := strings.Cut(string(arguments), "\x00")
		found = append(found, filepath.Base(path)+" "+filepath.Base(dir))
	}
	return found
}

func TestStopAndReport(t *testing.T) {
	t.Parallel()
	before, stopping := errors.New("the answer is wrong"), errors.New("a race was found")
	for name, tc := range map[string]struct {
		failed, stop error
		want         []error
		said         []string
	}{
		"all is well":   {said: []string{"Stopping everything.", "Nothing is left behind."}},
		"failed before": {failed: before, want: []error{before}, said: []string{"Stopping everything.", "Nothing is left behind."}},
		"failed both":   {failed: before, stop: stopping, want: []error{before, stopping}, said: []string{"Stopping everything."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var said []string
			err := stopAndReport(func() error { return tc.stop }, func(format string, _ ...any) { said = append(said, format) }, tc.failed)
			if diff := cmp.Diff(tc.said, said); diff != "" {
				t.Error(diff)
			}
			if (err == nil) != (len(tc.want) == 0) {
				t.Errorf("got %v", err)
			}
			for _, want := range tc.want {
				if !errors.Is(err, want) {
					t.Errorf("got %v, which lacks %v", err, want)
				}
			}
		})
	}
}
