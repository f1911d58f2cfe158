package servicedesk_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// watched is all that people and programs can see of a server.
type watched struct {
	log     logbuffer.Buffer
	answers strings.Builder
	metrics *prometheus.Registry
	spans   *tracetest.InMemoryExporter
}

// watch has a house's servers tell all they can.
func (h *house) watch() *watched {
	w := &watched{metrics: prometheus.NewRegistry(), spans: tracetest.NewInMemoryExporter()}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(w.spans))
	h.Cleanup(func() { _ = provider.Shutdown(h.Context()) })
	h.adapt = func(d *server.Deps) {
		d.Log, d.Metrics, d.Tracer = logEverything(&w.log), w.metrics, provider.Tracer("test")
		d.Audit = audit.NewJSONLog(&w.log, nil)
	}
	return w
}

func (w *watched) everything(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	families, err := w.metrics.Gather()
	require.NoError(t, err)
	for _, family := range families {
		fmt.Fprintln(&all, family)
	}
	for _, span := range w.spans.GetSpans() {
		fmt.Fprintf(&all, "%s %+v %+v %+v\n", span.Name, span.Attributes, span.Events, span.Status)
	}
	return w.answers.String() + w.log.String() + all.String()
}

// formsOf returns how a secret may be written.
func formsOf(secret string) []string {
	return []string{
		secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret)),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="), strings.TrimRight(base64.RawURLEncoding.EncodeToString([]byte(secret)), "="),
	}
}

// TestSecrets_AreNowhere: a fake that repeats the token or API key in JSON, HTML and headers of whatever it refuses has a server tell it
// nobody: not in results, logs at debug, rows of the audit, metrics and spans.
func TestSecrets_AreNowhere(t *testing.T) {
	h := newHouse(t)
	w := h.watch()
	calls := 0
	fakes := map[store.Key]*sdptest.Server{}
	for name, edition := range editions {
		key := store.Key{Namespace: "support", Name: strings.ReplaceAll(name, " ", "-")}
		fakes[key] = startFake(t, sdptest.Options{Edition: edition, APIKey: "CANARY-KEY-0CANARY1-2CANARY3"})
		h.connect(key, fakes[key])
	}
	r := h.serve(func(c *servicedesk.Config) {
		c.Log, c.TokenWait, c.Audit = logEverything(&w.log), 10*time.Millisecond, audit.NewJSONLog(&w.log, nil)
	})
	for key, fake := range fakes {
		number := fmt.Sprint(fake.Record("requests", fake.IDs("requests")[0])["display_id"])
		ask := func() {
			for tool, arguments := range map[string]map[string]any{
				"list_requests": {}, "search_requests": {"query": "dock"}, "my_queue": {}, "get_request": {"request_id": number, "include": everyPart},
				"find_people": {"query": "ana"}, "search_solutions": {"query": "dock"}, "list_lookup": {"type": "modes"}, "connection_status": {},
			} {
				arguments["connection"] = key.String()
				calls++
				fmt.Fprintln(&w.answers, r.Send(t, transporttest.CallTool(tool, arguments)))
			}
			for _, path := range []string{"/requests/" + number, "/requests/" + number + "/conversations/1", "/requests/" + number + "/attachments/1", "/solutions/1", "/lookups/levels"} {
				calls++
				fmt.Fprintln(&w.answers, r.Send(t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": "sdp://" + key.String() + path}}))
			}
		}
		ask()
		ofToken := sdptest.EchoSecrets(401)
		ofToken.Body = strings.ReplaceAll(ofToken.Body, "4004", "4022")
		for _, echo := range []sdptest.Fault{
			ofToken, sdptest.EchoSecrets(400), sdptest.EchoSecretsHTML(500), sdptest.EchoSecretsHTML(200), sdptest.EchoSecrets(403), sdptest.EchoSecrets(404),
			sdptest.EchoSecretsHTML(302), sdptest.EchoSecrets(401), sdptest.EchoSecretsHTML(401),
		} {
			fake.Fail(echo.Times(-1))
			ask()
			fake.StopFailing()
			h.giveToken(key, fake)
		}
	}
	seen := w.everything(t)
	for _, shown := range []string{"lectern_sdp_calls_total", "tools/call list_requests", "UnavailableError", "TokenError", "level=",
		`{"audit":"mcp_tool_usage","row":{`, `{"audit":"api_audit_log","row":{`, `"payload":{"redacted":{"`} {
		if !strings.Contains(seen, shown) {
			t.Errorf("%s is not there: this test sees too little", shown)
		}
	}
	tokens := 0
	for _, secret := range append(h.secrets, "CANARY-KEY-0CANARY1-2CANARY3") {
		for _, form := range formsOf(secret) {
			tokens++
			if at := strings.Index(seen, form); at >= 0 {
				t.Errorf("a secret is shown: %.400q", seen[max(0, at-200):])
			}
		}
	}
	t.Logf("%d calls at two sites that repeat secrets: %d secrets, in five forms each, are in none of %d KiB of results, log, metrics and spans", calls, tokens/5, len(seen)>>10)
}
