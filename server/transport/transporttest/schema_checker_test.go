package transporttest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// officialSchemas skips the test where they are not, but not in CI.
func officialSchemas(t *testing.T) *transporttest.SchemaChecker {
	t.Helper()
	folder, err := testenv.TestData("mcp-schema")
	require.NoError(t, err)
	checker := transporttest.NewSchemaChecker(folder)
	switch {
	case checker.NoSchemas() && os.Getenv("CI") == "true":
		t.Fatalf("CI needs the official schemas in %s", folder)
	case checker.NoSchemas():
		t.Skip("without the official schemas there is nothing to check; set LECTERN_TESTDATA")
	}
	return checker
}

// TestSchemaChecker_Check finds what is wrong: every other test relies on it.
func TestSchemaChecker_Check(t *testing.T) {
	t.Parallel()
	checker := officialSchemas(t)
	for name, tc := range map[string]struct {
		revision, method, message string
		wrong                     bool
	}{
		"a right answer":                     {transporttest.Older, "ping", `{"jsonrpc":"2.0","id":1,"result":{}}`, false},
		"a newer one without a type":         {transporttest.Newest, "tools/list", `{"jsonrpc":"2.0","id":1,"result":{"tools":[],"ttlMs":0,"cacheScope":"private"}}`, true},
		"a newer one without a scope":        {transporttest.Newest, "tools/list", `{"jsonrpc":"2.0","id":1,"result":{"tools":[],"ttlMs":0,"resultType":"complete"}}`, true},
		"an older one is another":            {transporttest.Older, "tools/list", `{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}`, false},
		"another method's":                   {transporttest.Older, "prompts/list", `{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}`, true},
		"a method without results":           {transporttest.Older, "prompts/burn", `{"jsonrpc":"2.0","id":1,"result":{}}`, true},
		"no id":                              {transporttest.Older, "ping", `{"jsonrpc":"2.0","result":{}}`, true},
		"an error":                           {transporttest.Older, "ping", `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x"}}`, false},
		"an error to nobody":                 {transporttest.Older, "", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`, false},
		"an error without a text":            {transporttest.Older, "ping", `{"jsonrpc":"2.0","id":1,"error":{"code":-32602}}`, true},
		"a missing capability, not named":    {transporttest.Newest, "tools/call", `{"jsonrpc":"2.0","id":1,"error":{"code":-32021,"message":"x"}}`, true},
		"a notification":                     {transporttest.Older, "", `{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`, false},
		"a notification nobody knows":        {transporttest.Older, "", `{"jsonrpc":"2.0","method":"notifications/prompts/burned"}`, true},
		"an update of no resource":           {transporttest.Older, "", `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{}}`, true},
		"a question back":                    {transporttest.Newest, "tools/call", `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":"x"}}`, false},
		"a question back of the wrong shape": {transporttest.Newest, "tools/call", `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":3}}`, true},
		"no JSON":                            {transporttest.Older, "ping", `{`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := checker.Check(tc.revision, tc.method, []byte(tc.message)); (err != nil) != tc.wrong {
				t.Error(err)
			}
		})
	}
}

// noting counts errors instead of failing.
type noting struct {
	testing.TB
	errors atomic.Int32
}

func (n *noting) Errorf(string, ...any) { n.errors.Add(1) }

// TestSchemaChecker_Wrap fails the test that asked when what is on the wire breaks the schema.
func TestSchemaChecker_Wrap(t *testing.T) {
	t.Parallel()
	checker := officialSchemas(t)
	for name, tc := range map[string]struct {
		contentType, answer string
		want                int32
	}{
		"a right answer": {"application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`, 0},
		"a wrong answer": {"application/json", `{"jsonrpc":"2.0","id":1,"result":[]}`, 1},
		"a leak":         {"application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"runtime error"}}`, 1},
		"a right event":  {"text/event-stream", ": hello\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n", 0},
		"wrong events":   {"text/event-stream", "event: message\ndata: {}\n\nretry: 3\n\n", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			note := &noting{TB: t}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", bytes.NewBufferString(`{"method":"ping"}`))
			checker.Wrap(note, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", tc.contentType)
				w.WriteHeader(http.StatusOK)
				_, _ = io.WriteString(w, tc.answer)
			})).ServeHTTP(httptest.NewRecorder(), r)
			if got := note.errors.Load(); got != tc.want {
				t.Errorf("%d errors, want %d", got, tc.want)
			}
		})
	}
}
