package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestAnswersFollowTheSchema holds answers and events against the official schemas of both eras.
func TestAnswersFollowTheSchema(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	for revision, cases := range map[string]map[string]request{
		"2026-07-28": {
			"DiscoverResult":       {rpc: "server/discover"},
			"ListPromptsResult":    {rpc: "prompts/list"},
			"GetPromptResult":      getPrompt("support.incident-handover", map[string]any{"ticket": "7"}),
			"JSONRPCErrorResponse": getPrompt("support.nothing", nil),
		},
		"2025-11-25": {
			"InitializeResult": {rpc: "initialize", legacy: true, params: map[string]any{
				"protocolVersion": "2025-11-25", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "old", "version": "1"},
			}},
			"ListPromptsResult":    {rpc: "prompts/list", legacy: true},
			"GetPromptResult":      {rpc: "prompts/get", legacy: true, params: map[string]any{"name": "it.greeting"}},
			"JSONRPCErrorResponse": {rpc: "prompts/get", legacy: true, params: map[string]any{"name": "it.nothing"}},
		},
	} {
		raw, ok := testdata(t, "mcp-schema/"+revision+".json")
		if !ok {
			continue
		}
		compiler := jsonschema.NewCompiler()
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(revision+".json", document); err != nil {
			t.Fatal(err)
		}
		check := func(t *testing.T, definition string, instance []byte) {
			t.Helper()
			schema, err := compiler.Compile(revision + ".json#/$defs/" + definition)
			if err != nil {
				t.Fatal(err)
			}
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(instance))
			if err != nil {
				t.Fatalf("%s: %v", instance, err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s\n%v", instance, err)
			}
		}
		for definition, q := range cases {
			t.Run(revision+" "+definition, func(t *testing.T) {
				reply := replica.send(t, q)
				instance := []byte(reply.body)
				if definition != "JSONRPCErrorResponse" {
					var envelope struct{ Result json.RawMessage }
					if err := json.Unmarshal(instance, &envelope); err != nil || reply.status != http.StatusOK {
						t.Fatalf("%d %s", reply.status, reply.body)
					}
					instance = envelope.Result
				}
				check(t, definition, instance)
			})
		}
		if revision == "2026-07-28" {
			check(t, "SubscriptionsAcknowledgedNotification", []byte(acknowledged("1")))
			check(t, "PromptListChangedNotification", []byte(changed("1")))
			check(t, "SubscriptionsListenResultResponse", []byte(final("1")))
		}
	}
}
