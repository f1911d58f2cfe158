package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/internal/testenv/bulk"
)

// releasePrompts is how many prompts the servers of two releases are asked for.
const releasePrompts = 5_000

// releaseCalls are what every release answers from the same database.
var releaseCalls = []struct {
	what    string
	request func(c bulk.Set, era string, i int) []byte
}{
	{promptsGet, func(c bulk.Set, era string, i int) []byte {
		name := c.Key(i).Namespace + "." + c.Key(i).Name
		return httpRequest(era, promptsGet, name, fmt.Sprintf(`"name":%q,"arguments":{"ticket":"INC-4711"}`, name))
	}},
	{getTool, func(c bulk.Set, era string, i int) []byte {
		return toolCall(era, getTool, fmt.Sprintf(`"id":%q`, c.Key(i)))
	}},
	{searchTool, func(_ bulk.Set, era string, i int) []byte {
		return toolCall(era, searchTool, fmt.Sprintf(`"query":%q`, bulk.RareWord(i)))
	}},
}

// measureReleases measures the processor time that the servers of two binaries use for the same calls on the
// same database, in rounds in which each has its turn.
func (b *bench) measureReleases(ctx context.Context) error {
	if b.old == "" {
		return errors.New("-old says which binary the old one is")
	}
	var servers [2]*library
	for i, binary := range []string{b.old, b.stack.Binary} {
		l, err := b.openLibraryOf(ctx, binary, releasePrompts, roomyCatalog)
		if err != nil {
			return err
		}
		defer b.closeLibrary(l)
		if err := l.askForAll(ctx); err != nil {
			return err
		}
		servers[i] = l
	}
	var rows []row
	for _, era := range []string{modernEra, legacyEra} {
		for _, c := range releaseCalls {
			var requests [][]byte
			for i := range releasePrompts {
				requests = append(requests, c.request(servers[0].Set, era, i))
			}
			var processor, elapsed [2]series
			for n := range b.rounds {
				b.say("%s %s, round %d of %d.", era, c.what, n+1, b.rounds)
				for turn := range servers {
					i := (turn + n) % len(servers) // who was first in one round is second in the next
					l := load{address: servers[i].address, clients: agents, requests: requests}
					if _, err := l.askFor(ctx, warmUp); err != nil {
						return err
					}
					s, err := l.measureLoad(ctx, servers[i].pid, 2*measured)
					if err != nil {
						return err
					}
					processor[i], elapsed[i] = append(processor[i], s.processor), append(elapsed[i], s.elapsed)
				}
			}
			rows = append(rows, row{
				measured: era + ", " + c.what, against: "the old binary", ratios: processor[1].over(processor[0]), wanted: "≤ 1.05",
				beside: joinNotes(formatMicros(processor[1])+" : "+formatMicros(processor[0]),
					fmt.Sprintf("answers in a second %.2f ×", elapsed[0].over(elapsed[1]).median())),
			})
		}
	}
	printTable(b.out, "The new binary against an old one: processor time of the server per request", rows)
	return nil
}
