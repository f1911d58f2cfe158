package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const (
	promptsGet = "prompts/get"
	// agents is how many clients ask at once.
	agents  = 8
	lectern = "lectern server"
	// alone is mcp-go's HandleMessage in a process without HTTP.
	alone            = "HandleMessage"
	warmUp, measured = 300 * time.Millisecond, 1500 * time.Millisecond
)

// contestant is a server process in one era.
type contestant struct {
	pid  int
	load load
}

// measureGets measures prompts/get: the processor time of each server, in rounds in which each has its turn.
func (b *bench) measureGets(ctx context.Context) error {
	if err := b.publishShown(ctx); err != nil {
		return err
	}
	var rows []row
	for _, era := range []string{modernEra, legacyEra} {
		contestants, err := b.startContestants(ctx, era)
		if err != nil {
			return err
		}
		processor, elapsed := map[string]series{}, map[string]series{}
		for n := range b.rounds {
			b.say("prompts/get %s, round %d of %d.", era, n+1, b.rounds)
			for _, name := range []string{lectern, bareServer, mcpGo, goSDK} {
				c := contestants[name]
				if _, err := c.load.askFor(ctx, warmUp); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				s, err := c.load.measureLoad(ctx, c.pid, measured)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				processor[name] = append(processor[name], s.processor)
				elapsed[name] = append(elapsed[name], s.elapsed)
			}
			call, err := b.measureHandleMessage(ctx, era)
			if err != nil {
				return err
			}
			processor[alone] = append(processor[alone], call)
		}
		rows = append(rows, getRows(era, processor, elapsed)...)
	}
	printTable(b.out, "prompts/get: processor time of the server per request", rows)
	return nil
}

func getRows(era string, processor, elapsed map[string]series) []row {
	var rows []row
	for _, subject := range []struct{ name, measured, wanted string }{
		{lectern, "`lectern server`, catalog warm", "≤ 2.6, goal 2.0, record 1.5"},
		{mcpGo, "mcp-go `StreamableHTTPServer`, its registry", ""},
		{goSDK, "go-sdk, stateless JSON", ""},
		{alone, "mcp-go `HandleMessage` alone, no HTTP", ""},
	} {
		r := row{
			measured: era + ", " + subject.measured, against: "bare net/http, same bytes",
			ratios: processor[subject.name].over(processor[bareServer]),
			beside: formatMicros(processor[subject.name]) + " : " + formatMicros(processor[bareServer]),
		}
		if era == modernEra {
			r.wanted = subject.wanted
		}
		if subject.name != alone {
			r.beside = joinNotes(r.beside, fmt.Sprintf("answers in a second %.2f ×", elapsed[bareServer].over(elapsed[subject.name]).median()))
		}
		rows = append(rows, r)
	}
	return rows
}

// publishShown has the prompt come into the database as any prompt does, once a run.
func (b *bench) publishShown(ctx context.Context) error {
	if b.shown {
		return nil
	}
	b.shown = true
	p := v1alpha1.Prompt{Spec: v1alpha1.PromptSpec{Title: shownTitle, Description: shownDescription, Text: shownText}}
	p.APIVersion, p.Kind, p.Name = v1alpha1.GroupVersion.String(), "Prompt", shownObject
	dir := filepath.Join(b.stack.Dir, shownNamespace)
	if err := writeFiles(dir, []v1alpha1.Prompt{p}); err != nil {
		return err
	}
	t, err := newTenant(ctx, b.stack.ControlPlane, shownNamespace)
	if err != nil {
		return err
	}
	defer t.close()
	if err := errors.Join(t.applyFolder(ctx, dir), t.waitUntilAllReady(ctx, p.Name)); err != nil {
		return err
	}
	l, err := b.lecternLoad(b.stack.Endpoints[0], httpRequest(modernEra, promptsGet, shownName, shownParams))
	if err != nil {
		return err
	}
	return wait.Until(ctx, func(ctx context.Context) error {
		_, err := l.askOnce(ctx)
		return err
	})
}

func (b *bench) lecternLoad(endpoint string, request []byte) (load, error) {
	at, err := url.Parse(endpoint)
	if err != nil {
		return load{}, fmt.Errorf("read an endpoint of the stack: %w", err)
	}
	return load{address: at.Host, clients: agents, requests: [][]byte{request}}, nil
}

// startContestants starts the baselines and returns them with Lectern's server, each in a process of its own. The bare one
// answers what Lectern does.
func (b *bench) startContestants(ctx context.Context, era string) (map[string]contestant, error) {
	ours, err := b.lecternLoad(b.stack.Endpoints[0], httpRequest(era, promptsGet, shownName, shownParams))
	if err != nil {
		return nil, err
	}
	found := map[string]contestant{lectern: {pid: b.stack.Pid(testenv.Server1), load: ours}}
	if found[bareServer], err = b.startBare(ctx, bareServer+" "+era, ours); err != nil {
		return nil, err
	}
	for _, kind := range []string{mcpGo, goSDK} {
		if found[kind], err = b.startContestant(ctx, kind, kind+" "+era, "", ours); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// startBare starts a bare server that answers what Lectern does.
func (b *bench) startBare(ctx context.Context, name string, ours load) (contestant, error) {
	answer, err := ours.askOnce(ctx)
	if err != nil {
		return contestant{}, err
	}
	file := filepath.Join(b.stack.Dir, name+".answer")
	if err := os.WriteFile(file, answer, 0o600); err != nil {
		return contestant{}, err
	}
	return b.startContestant(ctx, bareServer, name, file, ours)
}

// startContestant starts a server in a process of its own, which is asked as Lectern is.
func (b *bench) startContestant(ctx context.Context, kind, name, answer string, ours load) (contestant, error) {
	port, err := testenv.FreePort()
	if err != nil {
		return contestant{}, err
	}
	ready, err := testenv.FreePort()
	if err != nil {
		return contestant{}, err
	}
	l := ours
	l.address = fmt.Sprintf("127.0.0.1:%d", port)
	readyAddress := fmt.Sprintf("127.0.0.1:%d", ready)
	if err := b.stack.StartProcess(ctx, testenv.Process{
		Name: name, Path: b.self, Ready: "http://" + readyAddress,
		Args: []string{"serve", "-kind=" + kind, "-address=" + l.address, "-ready=" + readyAddress, "-answer=" + answer},
	}); err != nil {
		return contestant{}, err
	}
	return contestant{pid: b.stack.Pid(name), load: l}, nil
}

// measureHandleMessage measures the processor time of one call, in seconds.
func (b *bench) measureHandleMessage(ctx context.Context, era string) (float64, error) {
	out, err := exec.CommandContext(ctx, b.self, "handle-message", "-era="+era).Output()
	if err != nil {
		return 0, fmt.Errorf("measure HandleMessage: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}
