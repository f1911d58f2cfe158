package testenv

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"syscall"
)

// Standalone is a program that runs without a stack.
type Standalone struct {
	reaper  *reaper
	running *runningProgram
}

// StartStandalone starts a program and waits until it is ready. None of this process's LECTERN_* reaches it.
func StartStandalone(ctx context.Context, b Process) (*Standalone, error) {
	reaper, err := startReaper()
	if err != nil {
		return nil, err
	}
	a := &Standalone{reaper: reaper}
	if err := a.launch(ctx, b); err != nil {
		return nil, errors.Join(err, a.Stop())
	}
	return a, nil
}

func (a *Standalone) launch(ctx context.Context, b Process) error {
	dir, err := a.reaper.makeFolder("alone")
	if err != nil {
		return err
	}
	p := program{name: b.Name, path: b.Path, args: b.Args, env: environmentWithoutLectern(), log: filepath.Join(dir, b.Name+".log")}
	if a.running, err = a.reaper.startProgram(p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return a.running.waitUntilReady(ctx, func(ctx context.Context) error { return probeURL(ctx, client, b.Ready) })
}

// Stop asks the program to end, waits, and removes what it left. The error is that it did not heed, or a
// crash that was found in its log.
func (a *Standalone) Stop() error {
	err := a.running.stop(syscall.SIGTERM)
	if a.running != nil {
		err = errors.Join(err, findCrashInFile(a.running.name, a.running.log))
	}
	a.reaper.runCleanups()
	return err
}
