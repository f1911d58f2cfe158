package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// connect is an independent client: the official SDK, in the newest revision or an older one.
func connect(t *testing.T, r *replica, path, version string, changed func()) *mcp.ClientSession {
	t.Helper()
	var opts mcp.ClientOptions
	if changed != nil {
		opts.PromptListChangedHandler = func(context.Context, *mcp.PromptListChangedRequest) { changed() }
	}
	return connectWith(t, r, path, version, &opts)
}

func connectWith(t *testing.T, r *replica, path, version string, opts *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "independent", Version: "1"}, opts)
	session, err := client.Connect(t.Context(),
		&mcp.StreamableClientTransport{Endpoint: r.URL + path, HTTPClient: r.HTTP, MaxRetries: -1},
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

func TestIndependentClient(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2026-07-28", "2025-11-25", "2025-06-18"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			replica := start(t, library(t))
			session := connect(t, replica, "/mcp", version, nil)
			if got := session.InitializeResult().ProtocolVersion; version != "2026-07-28" && got != version {
				t.Errorf("negotiated %s", got)
			}
			var names []string
			for p, err := range session.Prompts(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, p.Name)
			}
			if diff := cmp.Diff([]string{"it.greeting", "support.incident-handover"}, names); diff != "" {
				t.Errorf("prompts (-want +got)\n%s", diff)
			}
			for name, want := range map[string]string{
				"support.incident-handover":      "Write a brief handover for 7 & <friends>.\nBe kind.",
				"support.incident-handover@2":    "Second for 7.",
				"support.incident-handover@beta": "Second for 7.",
				"support.nothing":                "-32602 no such prompt, or not yours to read",
				"support.house-style":            "-32602 no such prompt, or not yours to read",
			} {
				if got := getThrough(t, session, name, map[string]string{"ticket": "7"}); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			if got, want := getThrough(t, session, "support.incident-handover", nil), `-32602 argument "ticket": is required; give it a value`; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// getThrough is the text of a prompt's only message, or code and message of the error.
func getThrough(t *testing.T, session *mcp.ClientSession, name string, arguments map[string]string) string {
	t.Helper()
	result, err := session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: name, Arguments: arguments})
	var refused *jsonrpc.Error
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("%d %s", refused.Code, refused.Message)
	case err != nil:
		t.Fatalf("%s: %v", name, err)
	}
	if _, ok := result.Meta["dev.lectern/receipt"]; !ok || len(result.Messages) != 1 {
		raw, _ := json.Marshal(result)
		t.Fatalf("%s: %s", name, raw)
	}
	text, ok := result.Messages[0].Content.(*mcp.TextContent)
	if !ok {
		t.Fatalf("%s: content is a %T", name, result.Messages[0].Content)
	}
	return text.Text
}

// TestIndependentClientSeesChanges on two replicas of one database.
func TestIndependentClientSeesChanges(t *testing.T) {
	t.Parallel()
	author := library(t)
	told := make(chan int, 2)
	var sessions []*mcp.ClientSession
	for i := range 2 {
		replica := start(t, author)
		require.Until(t, "ready", func() bool { return replica.catalog.CheckReady() == nil })
		sessions = append(sessions, connect(t, replica, "/mcp/it", "2026-07-28", func() { told <- i }))
	}
	for _, session := range sessions {
		if got := getThrough(t, session, "greeting", nil); got != "Hello." {
			t.Errorf("before: %q", got)
		}
	}
	author.Publish(plainKey, catalogtest.Text("Good morning."))
	for range sessions {
		select {
		case i := <-told:
			if got := getThrough(t, sessions[i], "greeting", nil); got != "Good morning." {
				t.Errorf("after: %q", got)
			}
		case <-time.After(patience):
			t.Fatal("a replica did not tell")
		}
	}
}
