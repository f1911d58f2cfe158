package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// Command is a run of the stack's lectern beside its processes, such as `lectern migrate`, as the
// database's owner. When the context ends it is asked to end, then killed.
func (s *Stack) Command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, s.Binary, args...)
	command.Env = s.environment([]string{"LECTERN_DATABASE_URL=" + s.OwnerURL})
	command.SysProcAttr = ownSession()
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopWait
	return command
}

// Lost returns an error, with the end of the log, when a process has ended that nobody told to. wait.Until
// does not try again after it.
func (s *Stack) Lost(name string) error {
	r := s.members[name].running
	if r.alive() || r.told.Load() {
		return nil
	}
	return fmt.Errorf("%s: %w by itself (%s); the end of its log:\n%s", name, wait.Permanent(errEnded), r.cmd.ProcessState, tail(r.log))
}

// Exit waits until a process has ended, by itself or not, and says how. It is nil when the context
// ends first.
func (s *Stack) Exit(ctx context.Context, name string) *os.ProcessState {
	select {
	case <-s.Ended(name):
		return s.members[name].running.cmd.ProcessState
	case <-ctx.Done():
		return nil
	}
}

// environment is the bare one with what the options and the caller add.
func (s *Stack) environment(extra []string) []string {
	return append(append(bareEnvironment(), s.options.Env...), extra...)
}

// bareEnvironment is this process's own without LECTERN_*, which would reach into what is started.
func bareEnvironment() []string {
	var env []string
	for _, entry := range cleanEnvironment() {
		if !strings.HasPrefix(entry, "LECTERN_") && !strings.HasPrefix(entry, "KUBERNETES_SERVICE_") {
			env = append(env, entry)
		}
	}
	return env
}
