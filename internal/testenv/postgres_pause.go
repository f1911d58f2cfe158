package testenv

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// PauseServer makes the server fall silent: connections stay open and new ones are taken, but
// nothing is answered any more, as by a machine that hangs. It needs Linux, or a server in docker.
func (p *Postgres) PauseServer(ctx context.Context) error {
	if p.server == nil {
		return errLent
	}
	return p.server.pause(ctx)
}

// UnpauseServer lets a paused server go on where it was.
func (p *Postgres) UnpauseServer(ctx context.Context) error {
	if p.server == nil {
		return errLent
	}
	return p.server.unpause(ctx)
}

func (c *dockerContainer) pause(ctx context.Context) error { return runDocker(ctx, "pause", c.name) }

func (c *dockerContainer) unpause(ctx context.Context) error {
	return runDocker(ctx, "unpause", c.name)
}

// pausedProcesses are the processes of a server that were stopped.
type pausedProcesses struct {
	pids   []int
	forget func()
}

func (f *pausedProcesses) pause(pid int) error {
	f.pids = append(f.pids, pid)
	return syscall.Kill(pid, syscall.SIGSTOP)
}

// pause stops the postmaster first: from then on there are no new children. Each of them leads a
// session of its own, so no signal reaches all at once.
func (s *installedServer) pause(ctx context.Context) error {
	if s.paused != nil {
		return nil
	}
	postmaster := s.running.cmd.Process.Pid
	f := &pausedProcesses{}
	if err := f.pause(postmaster); err != nil {
		return fmt.Errorf("pause Postgres: %w", err)
	}
	s.paused = f
	if err := waitForStoppedProcess(ctx, postmaster); err != nil {
		return err
	}
	processes, err := procfs.AllProcs()
	if err != nil {
		return fmt.Errorf("find the processes of Postgres (this needs Linux): %w", err)
	}
	for _, process := range processes {
		stat, err := process.Stat()
		if err != nil || stat.PPID != postmaster {
			continue // one that ended meanwhile was none of ours, or is no more
		}
		if err := f.pause(process.PID); err != nil {
			return fmt.Errorf("pause a process of Postgres: %w", err)
		}
	}
	// A stopped process does not hear that it should end.
	f.forget, err = s.reaper.addCleanup("kill -CONT " + strings.Trim(fmt.Sprint(f.pids), "[]") + " 2>/dev/null")
	return err
}

func waitForStoppedProcess(ctx context.Context, pid int) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return wait.Until(ctx, func(context.Context) error {
		process, err := procfs.NewProc(pid)
		if err != nil {
			return fmt.Errorf("find Postgres (this needs Linux): %w", err)
		}
		stat, err := process.Stat()
		if err == nil && stat.State != "T" {
			err = fmt.Errorf("process %d of Postgres is in state %s, not stopped", pid, stat.State)
		}
		return err
	})
}

func (s *installedServer) unpause(context.Context) error {
	if s.paused == nil {
		return nil
	}
	for _, pid := range slices.Backward(s.paused.pids) { // the postmaster last: it buries dead children
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			return fmt.Errorf("unpause Postgres: %w", err)
		}
	}
	if s.paused.forget != nil {
		s.paused.forget()
	}
	s.paused = nil
	return nil
}
