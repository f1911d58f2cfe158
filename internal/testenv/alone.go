package testenv

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"syscall"
)

// Alone is a program that runs without a stack.
type Alone struct {
	guard   *guard
	running *running
}

// StartAlone starts a program and waits until it is ready. None of this process's LECTERN_* reaches it.
func StartAlone(ctx context.Context, b Beside) (*Alone, error) {
	guard, err := startGuard()
	if err != nil {
		return nil, err
	}
	a := &Alone{guard: guard}
	if err := a.launch(ctx, b); err != nil {
		return nil, errors.Join(err, a.Stop())
	}
	return a, nil
}

func (a *Alone) launch(ctx context.Context, b Beside) error {
	dir, err := a.guard.folder("alone")
	if err != nil {
		return err
	}
	p := program{name: b.Name, path: b.Path, args: b.Args, env: bareEnvironment(), log: filepath.Join(dir, b.Name+".log")}
	if a.running, err = a.guard.start(p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return a.running.await(ctx, func(ctx context.Context) error { return get(ctx, client, b.Ready) })
}

// Stop asks the program to end, waits, and removes what it left. The error is that it did not heed, or a
// fault that was found in its log.
func (a *Alone) Stop() error {
	err := a.running.end(syscall.SIGTERM)
	if a.running != nil {
		err = errors.Join(err, faultsOf(a.running.name, a.running.log))
	}
	a.guard.stop()
	return err
}
