package testenv

import "context"

// Beside is a program that runs next to a stack's own and ends with it: a server on another
// database, or what Lectern is measured against.
type Beside struct {
	// Name is what Pid, Log, Terminate and the like know it by.
	Name string
	Path string
	Args []string
	// Ready is the URL that answers 200 when it is ready.
	Ready string
}

// Add starts a program and waits until it is ready.
func (s *Stack) Add(ctx context.Context, b Beside) error {
	s.members[b.Name] = &member{
		program: program{name: b.Name, path: b.Path, args: b.Args, log: s.Log(b.Name)},
		ready:   b.Ready,
	}
	if err := s.Launch(b.Name); err != nil {
		return err
	}
	return s.AwaitReady(ctx, b.Name)
}
