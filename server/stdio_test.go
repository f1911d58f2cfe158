package server

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestServeStdio_Narrowing: the client of a pipe gets the tools that its flags leave, and is told of no others.
func TestServeStdio_Narrowing(t *testing.T) {
	t.Parallel()
	author := library(t)
	for name, tc := range map[string]struct {
		narrowing  transport.Narrowing
		has, lacks string
	}{
		"everything":      {transport.Narrowing{}, "add_prompt", "my_queue"},
		"reading":         {transport.Narrowing{ReadOnly: true}, "search_prompts", "delete_prompt"},
		"another toolset": {transport.Narrowing{Toolsets: []string{"requests"}}, `"tools":[]`, "search_prompts"},
		"one and another": {transport.Narrowing{Toolsets: []string{"requests", "prompts"}}, "add_prompt", "my_queue"},
		"reading of both": {transport.Narrowing{Toolsets: []string{"prompts"}, ReadOnly: true}, "search_prompts", "update_prompt"},
	} {
		replica := start(t, author, func(d *Deps) { d.Library, d.Changes, d.StdioNarrowing = author.Store, author.Store, tc.narrowing })
		c := transporttest.Start(t, replica.endpoint, "it")
		for _, asked := range []string{transporttest.Initialize, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`} {
			c.Say(t, asked)
			said := c.Next(t)
			if strings.Contains(said, tc.lacks) {
				t.Errorf("%s: %s is in %s", name, tc.lacks, said)
			}
			if strings.Contains(said, `"tools":[`) && !strings.Contains(said, tc.has) {
				t.Errorf("%s: %s is not in %s", name, tc.has, said)
			}
		}
	}
}

// TestServeStdio_OlderClients from the handshake to the end of the input, with news of what changed: they have a
// channel here.
func TestServeStdio_OlderClients(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := start(t, author)
	require.Until(t, "ready", func() bool { return replica.catalog.CheckReady() == nil })
	c := transporttest.Start(t, replica.endpoint, "it")
	c.Say(t, transporttest.Initialize)
	if got := c.Next(t); !strings.Contains(got, `"protocolVersion":"2025-06-18"`) || !strings.Contains(got, `"prompts":{"listChanged":true}`) {
		t.Errorf("initialize: %s", got)
	}
	c.Say(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, "", `  {"jsonrpc":"2.0","id":1,"method":"prompts/list"}  `)
	same(t, `{"jsonrpc":"2.0","id":1,"result":{"prompts":[{"name":"greeting"}]}}`, c.Next(t))
	c.Say(t, `{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":9007199254740993,"result":{}}`, c.Next(t))
	author.Publish(plainKey, catalogtest.Text("Hello again."))
	same(t, `{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`, c.Next(t))
	c.Say(t, `{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"greeting"}}`)
	if got := c.Next(t); !strings.Contains(got, `"text":"Hello again."`) {
		t.Errorf("prompts/get: %s", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, "", c.Next(t))
	same(t, "<nil>", c.Wait(t))
	require.Until(t, "no stream is open", func() bool { return replica.endpoint.OpenStreams() == 0 })
}
