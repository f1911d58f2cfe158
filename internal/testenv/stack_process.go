package testenv

import "context"

// Process is a program that runs next to a stack's own and ends with it: a server on another
// database, or what Lectern is measured against.
type Process struct {
	// Name is what Pid, Log, Terminate and the like know it by.
	Name string
	Path string
	Args []string
	// Env is added to the environment, as "NAME=value".
	Env []string
	// Ready is the URL that answers 200 when it is ready.
	Ready string
}

// StartProcess starts a program and waits until it is ready.
func (s *Stack) StartProcess(ctx context.Context, b Process) error {
	s.processes[b.Name] = &stackProcess{
		program: program{name: b.Name, path: b.Path, args: b.Args, log: s.LogPath(b.Name)},
		ready:   b.Ready, env: b.Env,
	}
	if err := s.Launch(b.Name); err != nil {
		return err
	}
	return s.WaitUntilReady(ctx, b.Name)
}
