package testenv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// reaperScript keeps the newest complete line it read and runs it when its input ends: at Stop, and
// just as well when the process that held the other end was killed.
const reaperScript = `trap '' HUP INT TERM; todo=:; while IFS= read -r line; do todo=$line; done; eval "$todo"`

// reaper is a small shell beside this process that cleans up after it. One path serves the ordinary
// end and the crash, so the crash path is exercised by every test.
type reaper struct {
	mu       sync.Mutex
	cleanups []cleanup
	next     int
	pipe     io.WriteCloser
	shell    *exec.Cmd
}

type cleanup struct {
	id      int
	command string
}

func startReaper() (*reaper, error) {
	shell := exec.Command("/bin/sh", "-c", reaperScript)
	shell.SysProcAttr = ownSession()
	pipe, err := shell.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the reaper's pipe: %w", err)
	}
	if err := shell.Start(); err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	return &reaper{pipe: pipe, shell: shell}, nil
}

// addCleanup registers a shell command to run at the end; the newest runs first. The function returned
// takes it back.
func (r *reaper) addCleanup(command string) (remove func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	id := r.next
	r.cleanups = append(r.cleanups, cleanup{id, command})
	if err := r.sendScript(); err != nil {
		return nil, err
	}
	return func() { r.removeCleanup(id) }, nil
}

func (r *reaper) removeCleanup(id int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.cleanups {
		if c.id == id {
			r.cleanups = append(r.cleanups[:i], r.cleanups[i+1:]...)
			break
		}
	}
	// A reaper that cannot be told any more has ended, and with it what it was to clean up.
	_ = r.sendScript()
}

func (r *reaper) sendScript() error {
	var line strings.Builder
	line.WriteString(":")
	for _, c := range slices.Backward(r.cleanups) {
		line.WriteString("; " + c.command)
	}
	line.WriteString("\n")
	if _, err := io.WriteString(r.pipe, line.String()); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("tell the reaper what to clean up: %w", err)
	}
	return nil
}

// runCleanups runs what is registered and waits for it.
func (r *reaper) runCleanups() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.pipe.Close()
	// The shell's exit code is that of the last command, which may find nothing left to do.
	_ = r.shell.Wait()
}

// makeFolder makes a temporary folder that others may pass through, and registers its removal.
func (r *reaper) makeFolder(name string) (string, error) {
	dir, err := os.MkdirTemp("", "lectern-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", name, err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // user postgres has to reach its data folder inside
		return "", fmt.Errorf("open %s to user postgres: %w", dir, err)
	}
	if _, err := r.addCleanup("rm -rf -- " + quoteForShell(dir)); err != nil {
		return "", err
	}
	return dir, nil
}

// quoteForShell makes one shell word of s.
func quoteForShell(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
