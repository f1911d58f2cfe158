package main

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// promptCalls are the ways to a prompt that are held against each other.
var promptCalls = []struct {
	what    string
	request []byte
}{
	{"prompts/get, from the catalog", httpRequest(modernEra, promptsGet, shownName, shownParams)},
	{"get_prompt, as written, from the store", toolCall(modernEra, getTool, fmt.Sprintf(`"id":%q`, shownNamespace+"/"+shownObject))},
	{"search_prompts, one hit, from the store", toolCall(modernEra, searchTool, `"query":"handover"`)},
}

// toolCall returns the HTTP request for a call of a tool.
func toolCall(era, tool, arguments string) []byte {
	return httpRequest(era, toolsCall, tool, fmt.Sprintf(`"name":%q,"arguments":{%s}`, tool, arguments))
}

// measureCalls measures tools beside prompts/get: the processor time of the server, in rounds in which each
// and a bare server that answers the same bytes have their turns.
func (b *bench) measureCalls(ctx context.Context) error {
	if err := b.publishShown(ctx); err != nil {
		return err
	}
	var rows []row
	for i, a := range promptCalls {
		ours, err := b.lecternLoad(b.stack.Endpoints[0], a.request)
		if err != nil {
			return err
		}
		bare, err := b.startBare(ctx, fmt.Sprintf("call-%d", i), ours)
		if err != nil {
			return err
		}
		var processor, elapsed [2]series
		for n := range b.rounds {
			b.say("%s, round %d of %d.", a.what, n+1, b.rounds)
			for k, c := range []contestant{{pid: b.stack.Pid(testenv.Server1), load: ours}, bare} {
				if _, err := c.load.askFor(ctx, warmUp); err != nil {
					return err
				}
				s, err := c.load.measureLoad(ctx, c.pid, measured)
				if err != nil {
					return err
				}
				processor[k], elapsed[k] = append(processor[k], s.processor), append(elapsed[k], s.elapsed)
			}
		}
		rows = append(rows, row{
			measured: a.what, against: "bare net/http, same bytes", ratios: processor[0].over(processor[1]),
			beside: joinNotes(formatMicros(processor[0])+" : "+formatMicros(processor[1]),
				fmt.Sprintf("answers in a second %.2f ×", elapsed[1].over(elapsed[0]).median())),
		})
	}
	printTable(b.out, "tools/call beside prompts/get: processor time of the server per request", rows)
	return nil
}
