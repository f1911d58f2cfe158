package server

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

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
