package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// writing is the namespace of the prompts that tools change.
const writing = "writing"

// The ways of a client of the API server, which the ways of tools are held against.
const (
	createWay = "create of the object, until both servers serve it"
	patchWay  = "patch of the object, until both servers serve it"
)

// toolWay is one call of a tool that writes, and what it is held against.
type toolWay struct {
	way
	against string
}

// measureWrites measures how long a call of a tool that writes takes, until it says what became of it, against the same
// change by a client of the API server, each in turns.
func (b *bench) measureWrites(ctx context.Context) error {
	t, err := newTenant(ctx, b.stack.ControlPlane, writing)
	if err != nil {
		return err
	}
	defer t.close()
	watch, err := b.newWatchers(ctx, writing)
	if err != nil {
		return err
	}
	defer watch.close()
	clients, tools, err := openWriteWays(ctx, t, watch)
	if err != nil {
		return err
	}
	ways := append([]way{}, clients...)
	for _, tool := range tools {
		ways = append(ways, tool.way)
	}
	medians := map[string]series{}
	for round := range b.rounds {
		b.say("A call that writes, round %d of %d.", round+1, b.rounds)
		samples, err := takeInTurns(ctx, ways, round)
		if err != nil {
			return err
		}
		for i, w := range ways {
			medians[w.what] = append(medians[w.what], samples[i].percentile(50))
		}
	}
	var rows []row
	for _, tool := range tools {
		ours, theirs := medians[tool.what], medians[tool.against]
		rows = append(rows, row{
			measured: tool.what + ", p50", against: tool.against + ", p50", ratios: ours.over(theirs), wanted: "≤ 2",
			beside: formatMicros(ours) + " : " + formatMicros(theirs),
		})
	}
	printTable(b.out, fmt.Sprintf("A call of a tool that writes, until it is answered: %d of each a round", changesARound), rows)
	return nil
}

// takeInTurns makes each change as often as a round has it, and returns how long each took.
func takeInTurns(ctx context.Context, ways []way, round int) ([]series, error) {
	samples := make([]series, len(ways))
	for n := range changesARound + 1 {
		for i, w := range ways {
			began := time.Now()
			if err := w.take(ctx, round*1000+n); err != nil {
				return nil, fmt.Errorf("%s: %w", w.what, err)
			}
			if n > 0 { // the first one warms
				samples[i] = append(samples[i], time.Since(began).Seconds())
			}
		}
	}
	return samples, nil
}

// openWriteWays returns the ways of a client of the API server, and those of the tools. The last one deletes what the
// first one adds.
func openWriteWays(ctx context.Context, t *tenant, watch *watchers) (clients []way, tools []toolWay, err error) {
	for _, name := range []string{"patched", "owned"} {
		if err := t.createReady(ctx, name, "Text before any change"); err != nil {
			return nil, nil, err
		}
	}
	call := func(tool, arguments string, perCall ...any) error {
		return watch.connections[0].ask(toolCall(modernEra, tool, fmt.Sprintf(arguments, perCall...)))
	}
	if err := call("add_prompt", `"namespace":%q,"name":"updated","content":"Text before any change"`, writing); err != nil {
		return nil, nil, err
	}
	if err := call("update_prompt", `"id":%q,"content":"Text of version 2"`, writing+"/updated"); err != nil {
		return nil, nil, err
	}
	clients = []way{
		{createWay, func(ctx context.Context, n int) error {
			name := fmt.Sprintf("created-%d", n)
			object := fmt.Sprintf(`{"apiVersion":%q,"kind":"Prompt","metadata":{"name":%q},"spec":{"text":%q}}`, v1alpha1.GroupVersion, name, changedText(n))
			if err := t.send(ctx, http.MethodPost, t.objectPath(""), "application/json", object, nil); err != nil {
				return err
			}
			return watch.waitUntilServed(ctx, name, n)
		}},
		{patchWay, func(ctx context.Context, n int) error {
			if err := t.editText(ctx, "patched", changedText(n)); err != nil {
				return err
			}
			return watch.waitUntilServed(ctx, "patched", n)
		}},
	}
	tools = []toolWay{
		{way{"add_prompt", func(_ context.Context, n int) error {
			return call("add_prompt", `"namespace":%q,"name":"Added %d","content":%q`, writing, n, changedText(n))
		}}, createWay},
		{way{"update_prompt", func(_ context.Context, n int) error {
			return call("update_prompt", `"id":%q,"content":%q`, writing+"/updated", changedText(n))
		}}, patchWay},
		{way{"update_prompt with the same text", func(_ context.Context, n int) error {
			return call("update_prompt", `"id":%q,"content":%q`, writing+"/updated", changedText(n))
		}}, patchWay},
		{way{"set_prompt_channel", func(_ context.Context, n int) error {
			return call("set_prompt_channel", `"id":%q,"channel":"beta","version":%d`, writing+"/updated", n%2+1)
		}}, patchWay},
		{way{"a refusal (the object is another's)", func(_ context.Context, n int) error {
			err := call("update_prompt", `"id":%q,"content":%q`, writing+"/owned", changedText(n))
			if err == nil || !strings.Contains(err.Error(), "OwnedElsewhereError") {
				return errors.Join(errors.New("it was not refused"), err)
			}
			return nil
		}}, patchWay},
		{way{"delete_prompt", func(_ context.Context, n int) error { return call("delete_prompt", `"id":"%s/added-%d"`, writing, n) }}, patchWay},
	}
	return clients, tools, nil
}
