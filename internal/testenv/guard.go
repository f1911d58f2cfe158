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

// guardScript keeps the newest complete line it read and runs it when its input ends: at Stop, and
// just as well when the process that held the other end was killed.
const guardScript = `trap '' HUP INT TERM; todo=:; while IFS= read -r line; do todo=$line; done; eval "$todo"`

// guard is a small shell beside this process that cleans up after it. One path serves the ordinary
// end and the crash, so the crash path is exercised by every test.
type guard struct {
	mu    sync.Mutex
	chore []chore
	next  int
	pipe  io.WriteCloser
	shell *exec.Cmd
}

type chore struct {
	id      int
	command string
}

func startGuard() (*guard, error) {
	shell := exec.Command("/bin/sh", "-c", guardScript)
	shell.SysProcAttr = ownSession()
	pipe, err := shell.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the guard's pipe: %w", err)
	}
	if err := shell.Start(); err != nil {
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	return &guard{pipe: pipe, shell: shell}, nil
}

// add registers a shell command to run at the end; the newest runs first. The function returned
// takes it back.
func (g *guard) add(command string) (remove func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next++
	id := g.next
	g.chore = append(g.chore, chore{id, command})
	if err := g.tell(); err != nil {
		return nil, err
	}
	return func() { g.remove(id) }, nil
}

func (g *guard) remove(id int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, c := range g.chore {
		if c.id == id {
			g.chore = append(g.chore[:i], g.chore[i+1:]...)
			break
		}
	}
	// A guard that cannot be told any more has ended, and with it what it was to clean up.
	_ = g.tell()
}

func (g *guard) tell() error {
	var line strings.Builder
	line.WriteString(":")
	for _, c := range slices.Backward(g.chore) {
		line.WriteString("; " + c.command)
	}
	line.WriteString("\n")
	if _, err := io.WriteString(g.pipe, line.String()); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("tell the guard what to clean up: %w", err)
	}
	return nil
}

// stop runs what is registered and waits for it.
func (g *guard) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.pipe.Close()
	// The shell's exit code is that of the last command, which may find nothing left to do.
	_ = g.shell.Wait()
}

// folder makes a temporary folder that others may pass through, and registers its removal.
func (g *guard) folder(name string) (string, error) {
	dir, err := os.MkdirTemp("", "lectern-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", name, err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // user postgres has to reach its data folder inside
		return "", fmt.Errorf("open %s to user postgres: %w", dir, err)
	}
	if _, err := g.add("rm -rf -- " + quote(dir)); err != nil {
		return "", err
	}
	return dir, nil
}

// quote makes one shell word of s.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
