package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// Command returns a run of the stack's lectern beside its processes, such as `lectern migrate`, as the
// database's owner. When the context ends it is asked to end, then killed.
func (s *Stack) Command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, s.Binary, args...)
	command.Env = s.processEnvironment([]string{"LECTERN_DATABASE_URL=" + s.OwnerURL})
	command.SysProcAttr = ownSession()
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopWait
	return command
}

// CheckRunning returns an error, with the end of the log, when a process has ended that nobody told to. wait.Until
// does not try again after it.
func (s *Stack) CheckRunning(name string) error {
	r := s.processes[name].running
	if r.isAlive() || r.stopRequested.Load() {
		return nil
	}
	return fmt.Errorf("%s: %w by itself (%s); the end of its log:\n%s", name, wait.Permanent(errEnded), r.cmd.ProcessState, readLogTail(r.log))
}

// WaitForExit waits until a process has ended, by itself or not, and says how. It is nil when the context
// ends first.
func (s *Stack) WaitForExit(ctx context.Context, name string) *os.ProcessState {
	select {
	case <-s.Ended(name):
		return s.processes[name].running.cmd.ProcessState
	case <-ctx.Done():
		return nil
	}
}

// processEnvironment returns the environment without Lectern's variables, with what the options and the caller add.
func (s *Stack) processEnvironment(extra []string) []string {
	env := append(environmentWithoutLectern(), "XDG_STATE_HOME="+filepath.Join(s.Dir, "state"))
	return append(append(env, s.options.Env...), extra...)
}

// environmentWithoutLectern returns this process's own environment without LECTERN_*, which would reach into what is started.
func environmentWithoutLectern() []string {
	var env []string
	for _, entry := range environmentWithoutPostgres() {
		if !strings.HasPrefix(entry, "LECTERN_") && !strings.HasPrefix(entry, "KUBERNETES_SERVICE_") {
			env = append(env, entry)
		}
	}
	return env
}
