package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// Every baseline does the work it is measured by: it renders the prompt, in both eras.
func TestBaselines_Answer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answer")
	text := "Write a brief handover for INC-4711.\nSay what happened, what was tried, what is still open, and whom to call.\n"
	result := map[string]any{"result": map[string]any{"messages": []any{
		map[string]any{"content": map[string]any{"text": text}},
	}}}
	canned, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, canned, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{bareServer, mcpGo, goSDK} {
		for _, era := range []string{modernEra, legacyEra} {
			t.Run(kind+" "+era, func(t *testing.T) {
				handler, err := newBaseline(kind, file)
				if err != nil {
					t.Fatal(err)
				}
				srv := httptest.NewServer(handler)
				defer srv.Close()
				l := load{
					address: strings.TrimPrefix(srv.URL, "http://"), clients: 2,
					requests: [][]byte{httpRequest(era, promptsGet, shownName, shownParams)},
				}
				answer, err := l.askOnce(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var got struct {
					Result struct {
						Messages []struct{ Content struct{ Text string } }
					}
				}
				if err := json.Unmarshal(answer, &got); err != nil {
					t.Fatalf("%v in %s", err, answer)
				}
				if len(got.Result.Messages) != 1 {
					t.Fatalf("answer %s has %d messages", answer, len(got.Result.Messages))
				}
				if diff := cmp.Diff(text, got.Result.Messages[0].Content.Text); diff != "" {
					t.Error(diff)
				}
				if n, err := l.askFor(t.Context(), 50*time.Millisecond); err != nil || n == 0 {
					t.Errorf("%d answers, %v", n, err)
				}
			})
		}
	}
}

func TestConnection_RefusesErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answer")
	if err := os.WriteFile(file, []byte(`{"jsonrpc":"2.0","id":7,"error":{"code":-32602}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	handler, err := newBaseline(bareServer, file)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	defer srv.Close()
	l := load{address: strings.TrimPrefix(srv.URL, "http://"), clients: 1, requests: [][]byte{httpRequest(modernEra, promptsGet, shownName, shownParams)}}
	if _, err := l.askFor(t.Context(), time.Second); err == nil || !strings.Contains(err.Error(), "-32602") {
		t.Errorf("the error is %v; it should say what came", err)
	}
}

// TestFileStore_Tools has the eight tools do what they say.
func TestFileStore_Tools(t *testing.T) {
	s := &fileStore{folder: t.TempDir()}
	call := func(tool, arguments string) string {
		t.Helper()
		text, err := s.call(tool, json.RawMessage(arguments))
		if err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
		return text
	}
	said := call("add_prompt", `{"name":"Hello","content":"Dear {{who}}","isTemplate":true,"tags":["a"]}`)
	id := said[strings.LastIndex(said, " ")+1:]
	call("add_prompt", `{"name":"Other","content":"Text"}`)
	call("update_prompt", `{"id":"`+id+`","content":"Hello {{who}}"}`)
	for name, tc := range map[string]struct{ tool, arguments, want string }{
		"get":     {"get_prompt", `{"id":"` + id + `"}`, `"content": "Hello {{who}}"`},
		"old":     {"get_prompt", `{"id":"` + id + `","version":1}`, `"content": "Dear {{who}}"`},
		"apply":   {"apply_template", `{"id":"` + id + `","variables":{"who":"you"}}`, "Hello you"},
		"list":    {"list_prompts", `{"tags":["a"]}`, `"version": 2`},
		"search":  {"search_prompts", `{"query":"HELLO {"}`, `"name": "Hello"`},
		"nothing": {"search_prompts", `{"query":"nowhere"}`, `[]`},
		"page":    {"list_prompts", `{"offset":1,"limit":1}`, `"name": "Other"`},
		"stats":   {"get_stats", `{}`, `"total": 2`},
	} {
		if got := call(tc.tool, tc.arguments); !strings.Contains(got, tc.want) {
			t.Errorf("%s: %s, want %s in it", name, got, tc.want)
		}
	}
	call("delete_prompt", `{"id":"`+id+`"}`)
	if text, err := s.call("get_prompt", json.RawMessage(`{"id":"`+id+`"}`)); err == nil {
		t.Errorf("what is deleted is %s", text)
	}
}
