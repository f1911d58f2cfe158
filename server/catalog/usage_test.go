package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// fresh is a source that gives every version and page anew, as a database does: nothing is shared
// between two of them.
type fresh struct {
	*catalogtest.Source
	document []byte
}

func (f fresh) Get(_ context.Context, key store.Key, _ prompt.Selector) (store.Version, error) {
	v := store.Version{Key: key, Version: 1, Digest: "sha256:" + prompt.Digest(strings.Repeat("0", 64)), Exposure: store.Listed}
	return v, json.Unmarshal(f.document, &v.Document)
}

func (f fresh) List(_ context.Context, q store.ListQuery) (store.ListPage, error) {
	page := store.ListPage{Prompts: make([]store.Summary, q.Limit)}
	for i := range page.Prompts {
		var d prompt.Document
		if err := json.Unmarshal(f.document, &d); err != nil {
			return store.ListPage{}, err
		}
		key := store.Key{Namespace: strings.Clone("support"), Name: fmt.Sprintf("prompt-%06d", i)}
		page.Prompts[i] = store.Summary{Key: key, Title: d.Title, Description: d.Description, Arguments: d.Arguments}
	}
	return page, nil
}

// TestStats_BytesAreThoseOfTheHeap holds the estimate of what a body or a page takes against what it does.
func TestStats_BytesAreThoseOfTheHeap(t *testing.T) {
	brief := "brief"
	declared := func(n int) []prompt.Declaration {
		all := make([]prompt.Declaration, n)
		for i := range all {
			all[i] = prompt.Declaration{Name: fmt.Sprintf("argument_%d", i), Description: "What it is for, at some length", Enum: []string{"brief", "detailed"}, Default: &brief}
		}
		return all
	}
	placeholders := func(n int, between string) string {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "%s{{argument_%d}}", between, i)
		}
		return text.String()
	}
	for name, spec := range map[string]prompt.Spec{
		"a short text":      catalogtest.Text("Say hello."),
		"a usual text":      {Arguments: declared(2), Messages: []prompt.Message{{Role: prompt.User, Text: placeholders(2, strings.Repeat("Plainly put. ", 40))}}},
		"many placeholders": {Arguments: declared(30), Messages: []prompt.Message{{Role: prompt.User, Text: placeholders(30, "and ")}}},
		"many includes of one argument": {
			Arguments: declared(1), Messages: []prompt.Message{{Role: prompt.User, Text: strings.Repeat("so {{argument_0}} {{#argument_0}}or{{/argument_0}} ", 200)}},
		},
		"a long text": catalogtest.Text(strings.Repeat("At great length. ", 2000)),
	} {
		t.Run(name, func(t *testing.T) {
			compiled, err := prompt.Compile(spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			document, err := json.Marshal(compiled.Document)
			if err != nil {
				t.Fatal(err)
			}
			count := max(50, min(1000, (2<<20)/len(document)))
			c := New(fresh{catalogtest.New(), document}, Options{Bytes: 1 << 34})
			before := liveHeap()
			for i := range count {
				if _, err := c.Get(t.Context(), store.Key{Namespace: "support", Name: fmt.Sprintf("prompt-%06d", i)}, prompt.Selector{}); err != nil {
					t.Fatal(err)
				}
			}
			requireNear(t, "bodies", c.Stats().Bodies.Bytes, liveHeap()-before)

			before = liveHeap()
			for i := range 3 {
				if _, err := c.List(t.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 100 + i}); err != nil {
					t.Fatal(err)
				}
			}
			requireNear(t, "pages", c.Stats().Pages.Bytes, liveHeap()-before)
			runtime.KeepAlive(c)
		})
	}
}

// liveHeap is the heap without garbage.
func liveHeap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one freed of finalizers' and pools'
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// requireNear allows for what an estimate must leave open.
func requireNear(t *testing.T, what string, estimate, heap int64) {
	t.Helper()
	ratio := float64(heap) / float64(estimate)
	t.Logf("%s: estimated %d, on the heap %d: %.2f of it", what, estimate, heap, ratio)
	if ratio > 1.25 || ratio < 0.75 {
		t.Errorf("%s take %d bytes; the estimate says %d", what, heap, estimate)
	}
}
