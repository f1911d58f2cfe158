package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// FakeSDP is a fake ServiceDesk Plus that runs as a program.
type FakeSDP struct {
	// The addresses of its API, of its accounts server, and of what a test does with it; see sdptest's ControlHandler.
	URL, AccountsURL, ControlURL string

	reaper  *reaper
	running *runningProgram
}

// StartFakeSDP starts the program that serves a fake ServiceDesk Plus, with flags of its own, and waits until it listens.
func StartFakeSDP(ctx context.Context, args ...string) (*FakeSDP, error) {
	binary, err := BuildFakeSDP(ctx)
	if err != nil {
		return nil, err
	}
	reaper, err := startReaper()
	if err != nil {
		return nil, err
	}
	f := &FakeSDP{reaper: reaper}
	if err := f.launch(ctx, binary, args); err != nil {
		return nil, errors.Join(err, f.Stop())
	}
	return f, nil
}

func (f *FakeSDP) launch(ctx context.Context, binary string, args []string) error {
	dir, err := f.reaper.makeFolder("fakesdp")
	if err != nil {
		return err
	}
	log := filepath.Join(dir, "log")
	if f.running, err = f.reaper.startProgram(program{name: "fakesdp", path: binary, args: args, log: log}); err != nil {
		return err
	}
	return wait.Until(ctx, func(context.Context) error {
		printed, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		line, _, isWhole := bytes.Cut(printed, []byte("\n"))
		if isWhole && json.Unmarshal(line, f) == nil {
			return nil
		}
		if err := fmt.Errorf("fakesdp does not listen: %s", printed); f.running.isAlive() {
			return err
		}
		return wait.Permanent(fmt.Errorf("fakesdp has ended: %s", printed))
	})
}

// Stop ends it. The error is that it did not heed its end.
func (f *FakeSDP) Stop() error {
	var err error
	if f.running != nil {
		err = f.running.stop(syscall.SIGTERM)
	}
	f.reaper.runCleanups()
	return err
}

// Control sends a request to the control address, with a body as JSON unless it is nil, and reads the answer into a value.
func (f *FakeSDP) Control(ctx context.Context, method, path string, body, into any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return fmt.Errorf("write a request to fakesdp: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, f.ControlURL+path, &sent)
	if err != nil {
		return fmt.Errorf("make a request to fakesdp: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("control fakesdp: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		var failed struct{ Error string }
		_ = json.NewDecoder(answer.Body).Decode(&failed)
		return fmt.Errorf("control fakesdp: %s %s: HTTP %d: %s", method, path, answer.StatusCode, failed.Error)
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of fakesdp to %s %s: %w", method, path, err)
	}
	return nil
}

// IssueGrantCode has the accounts server issue a code, as an API console does.
func (f *FakeSDP) IssueGrantCode(ctx context.Context) (string, error) {
	var issued struct{ Token string }
	err := f.Control(ctx, http.MethodPost, "/grant-codes", nil, &issued)
	return issued.Token, err
}
