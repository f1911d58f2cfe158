package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// stopWait is how long a process may take over a polite signal before it is killed. Machines are shared: what a program promises of
// its end is held by its own tests.
const stopWait = 60 * time.Second

// program says how to start one process.
type program struct {
	name string
	path string
	args []string
	env  []string // nil: this process's own
	dir  string
	log  string // the file its output is appended to
	user *syscall.Credential
	// quit is the signal that ends it at once but leaves nothing behind; SIGKILL when zero.
	quit syscall.Signal
}

// runningProgram is a started process. It is killed when this process dies.
type runningProgram struct {
	program
	cmd           *exec.Cmd
	done          chan struct{}
	forget        func()
	stopRequested atomic.Bool // to end
}

func (r *reaper) startProgram(p program) (*runningProgram, error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", p.name, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.dir, log, log
	cmd.SysProcAttr = ownSession()
	cmd.SysProcAttr.Credential = p.user
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	if p.quit == 0 {
		p.quit = syscall.SIGKILL
	}
	started := &runningProgram{program: p, cmd: cmd, done: make(chan struct{})}
	started.forget, err = r.addCleanup(stopScript(cmd.Process.Pid, p.quit, stopWait))
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	go func() {
		// How it ended is in its log; who waits for it only asks whether it did.
		_ = cmd.Wait()
		started.forget()
		close(started.done)
	}()
	return started, nil
}

// stopScript returns the reaper's command to end a process. It waits, because the process may still write into a
// folder that is removed next, but not for ever: a zombie whose parent was killed stays, in a
// container whose first process buries nobody.
func stopScript(pid int, quit syscall.Signal, wait time.Duration) string {
	const step = 100 * time.Millisecond
	return fmt.Sprintf("n=%d; kill -%d %d 2>/dev/null && while kill -0 %[3]d 2>/dev/null; do "+
		"[ $n -gt 0 ] || { kill -%[4]d %[3]d; break; }; n=$((n-1)); sleep %[5]g; done",
		wait/step, quit, pid, syscall.SIGKILL, step.Seconds())
}

// ownSession keeps the terminal's Ctrl-C from the child: this process ends its children in order.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func (r *runningProgram) isAlive() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// stop sends the signal and waits; a process that does not listen is killed, and that is the error.
func (r *runningProgram) stop(polite syscall.Signal) error {
	if !r.isAlive() {
		return nil
	}
	r.stopRequested.Store(true)
	_ = r.cmd.Process.Signal(polite)
	late := time.NewTimer(stopWait)
	defer late.Stop()
	select {
	case <-r.done:
		return nil
	case <-late.C:
		_ = r.cmd.Process.Signal(r.quit)
		<-r.done
		return fmt.Errorf("%s did not end within %s of %q and was killed", r.name, stopWait, polite)
	}
}

// waitUntilReady waits until ready returns nil, the process ends, or the context does.
func (r *runningProgram) waitUntilReady(ctx context.Context, ready func(context.Context) error) error {
	err := wait.Until(ctx, func(ctx context.Context) error {
		if !r.isAlive() {
			return wait.Permanent(errEnded)
		}
		return ready(ctx)
	})
	switch {
	case errors.Is(err, errEnded):
		return fmt.Errorf("%s ended while starting; the end of its log:\n%s", r.name, readLogTail(r.log))
	case err != nil:
		return fmt.Errorf("%s did not become ready: %w; the end of its log:\n%s", r.name, err, readLogTail(r.log))
	}
	return nil
}

var errEnded = errors.New("process ended")

// tailLines is how much of a log a message has.
const tailLines = 30

// readLogTail returns the last lines of a file, for messages.
func readLogTail(path string) string {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-tailLines):], "\n")
}
