package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// auditMeasured is how many times longer than others these turns are: what is measured is a few hundredths.
const auditMeasured = 3

// measureAudit measures what the audit of prompts/get costs: the processor time of a server that keeps each call in its spool and
// loads it, over that of one whose audit is off, in rounds in which each has its turn.
func (b *bench) measureAudit(ctx context.Context) error {
	if err := b.publishShown(ctx); err != nil {
		return err
	}
	names := [2]string{"audit-off", "audit-on"}
	var loads [2]load
	for i, args := range [][]string{{"--audit=off"}, {"--audit=postgres", "--audit-spool=" + filepath.Join(b.stack.Dir, "bench-spool")}} {
		l, err := b.startAudited(ctx, names[i], args)
		if err != nil {
			return err
		}
		loads[i] = l
	}
	var processor, elapsed [2]series
	for n := range b.rounds {
		b.say("prompts/get with and without an audit, round %d of %d.", n+1, b.rounds)
		for turn := range names {
			i := (turn + n) % len(names) // who was first in one round is second in the next
			if _, err := loads[i].askFor(ctx, warmUp); err != nil {
				return fmt.Errorf("%s: %w", names[i], err)
			}
			s, err := loads[i].measureLoad(ctx, b.stack.Pid(names[i]), auditMeasured*measured)
			if err != nil {
				return fmt.Errorf("%s: %w", names[i], err)
			}
			processor[i], elapsed[i] = append(processor[i], s.processor), append(elapsed[i], s.elapsed)
		}
	}
	for _, name := range names {
		b.stack.Terminate(name)
	}
	printTable(b.out, "The audit of prompts/get: processor time of the server per request", []row{{
		measured: "audit in Postgres, spool and COPY", against: "--audit=off", ratios: processor[1].over(processor[0]), wanted: "≤ 1.05",
		beside: joinNotes(formatMicros(processor[1])+" : "+formatMicros(processor[0]),
			fmt.Sprintf("answers in a second %.2f ×", elapsed[0].over(elapsed[1]).median())),
	}})
	return nil
}

// startAudited starts a server on the stack's database.
func (b *bench) startAudited(ctx context.Context, name string, args []string) (load, error) {
	var ports [2]int
	for i := range ports {
		port, err := testenv.FreePort()
		if err != nil {
			return load{}, err
		}
		ports[i] = port
	}
	address, probes := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	err := b.stack.StartProcess(ctx, testenv.Process{
		Name: name, Path: b.stack.Binary, Ready: "http://" + probes + "/readyz", Env: []string{"LECTERN_DATABASE_URL=" + b.stack.ServerURL},
		Args: append([]string{"server", "--address=" + address, "--metrics-address=" + probes}, args...),
	})
	return load{address: address, clients: agents, requests: [][]byte{httpRequest(modernEra, promptsGet, shownName, shownParams)}}, err
}
