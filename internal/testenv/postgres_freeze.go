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

// FreezeServer makes the server fall silent: connections stay open and new ones are taken, but
// nothing is answered any more, as by a machine that hangs. It needs Linux, or a server in docker.
func (p *Postgres) FreezeServer(ctx context.Context) error {
	if p.server == nil {
		return errLent
	}
	return p.server.freeze(ctx)
}

// ThawServer lets a frozen server go on where it was.
func (p *Postgres) ThawServer(ctx context.Context) error {
	if p.server == nil {
		return errLent
	}
	return p.server.thaw(ctx)
}

func (c *container) freeze(ctx context.Context) error { return docker(ctx, "pause", c.name) }

func (c *container) thaw(ctx context.Context) error { return docker(ctx, "unpause", c.name) }

// frozen are the processes of a server that were stopped.
type frozen struct {
	pids   []int
	forget func()
}

func (f *frozen) stop(pid int) error {
	f.pids = append(f.pids, pid)
	return syscall.Kill(pid, syscall.SIGSTOP)
}

// freeze stops the postmaster first: from then on there are no new children. Each of them leads a
// session of its own, so no signal reaches all at once.
func (s *installed) freeze(ctx context.Context) error {
	if s.frozen != nil {
		return nil
	}
	postmaster := s.running.cmd.Process.Pid
	f := &frozen{}
	if err := f.stop(postmaster); err != nil {
		return fmt.Errorf("freeze Postgres: %w", err)
	}
	s.frozen = f
	if err := awaitStopped(ctx, postmaster); err != nil {
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
		if err := f.stop(process.PID); err != nil {
			return fmt.Errorf("freeze a process of Postgres: %w", err)
		}
	}
	// A stopped process does not hear that it should end.
	f.forget, err = s.guard.add("kill -CONT " + strings.Trim(fmt.Sprint(f.pids), "[]") + " 2>/dev/null")
	return err
}

func awaitStopped(ctx context.Context, pid int) error {
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

func (s *installed) thaw(context.Context) error {
	if s.frozen == nil {
		return nil
	}
	for _, pid := range slices.Backward(s.frozen.pids) { // the postmaster last: it buries dead children
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			return fmt.Errorf("thaw Postgres: %w", err)
		}
	}
	if s.frozen.forget != nil {
		s.frozen.forget()
	}
	s.frozen = nil
	return nil
}
