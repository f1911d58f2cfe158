package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestRequestRecorder_Spans: the client's span of _meta is the parent, the one of the HTTP request a link.
func TestRequestRecorder_Spans(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	replica := start(t, library(t), func(d *Deps) { d.Tracer, d.Log = provider.Tracer("test"), slog.New(slog.DiscardHandler) })
	const noTrace = "00000000000000000000000000000000"
	inner := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	outer := "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"

	q := getPrompt("it.greeting", nil)
	q.Meta = map[string]any{"traceparent": inner}
	q.Header = map[string]string{"Traceparent": outer}
	replica.Send(t, q)
	q = getPrompt("it.nothing", nil)
	q.Meta = map[string]any{"traceparent": 3} // nobody else's concern
	q.Header = map[string]string{"Traceparent": outer}
	replica.Send(t, q)
	q = getPrompt("it.greeting", nil)
	q.Legacy, q.Header = true, map[string]string{"Mcp-Protocol-Version": "2025-06-18"}
	replica.Send(t, q)
	require.Until(t, "all spans", func() bool { return len(exporter.GetSpans()) == 3 })

	type span struct {
		Name, Parent, Version, Error string
		Links                        int
	}
	var got []span
	for _, s := range exporter.GetSpans() {
		one := span{Name: s.Name, Parent: s.Parent.TraceID().String(), Links: len(s.Links)}
		for _, a := range s.Attributes {
			switch a.Key {
			case "error.type":
				one.Error = a.Value.AsString()
			case "mcp.protocol.version":
				one.Version = a.Value.AsString()
			}
		}
		got = append(got, one)
	}
	want := []span{
		{Name: "prompts/get it.greeting", Parent: "0af7651916cd43dd8448eb211c80319c", Version: "2026-07-28", Links: 1},
		{Name: "prompts/get it.nothing", Parent: "1af7651916cd43dd8448eb211c80319c", Version: "2026-07-28", Error: "-32602"},
		{Name: "prompts/get it.greeting", Parent: noTrace, Version: "2025-06-18"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestRequestRecorder_CallerLeft counts the request as canceled, not as an error of the server.
func TestRequestRecorder_CallerLeft(t *testing.T) {
	t.Parallel()
	source := greeting()
	reached, release := make(chan struct{}), make(chan struct{})
	source.Gate(func() { close(reached); <-release })
	metrics := prometheus.NewRegistry()
	replica := start(t, source, func(d *Deps) { d.Metrics = metrics })
	t.Cleanup(func() { close(release) })
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-reached; leave() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, replica.URL+"/mcp",
		strings.NewReader(request{RPC: "prompts/get", Legacy: true, Params: map[string]any{"name": "it.greeting"}}.Message(t)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if response, err := replica.HTTP.Do(r); err == nil {
		_ = response.Body.Close()
		t.Fatalf("answered with %d", response.StatusCode)
	}
	counts := func() map[string]uint64 {
		families, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]uint64{}
		for _, family := range families {
			if family.GetName() != "mcp_server_operation_duration_seconds" {
				continue
			}
			for _, m := range family.GetMetric() {
				if n := m.GetHistogram().GetSampleCount(); n > 0 {
					found[m.GetLabel()[0].GetValue()] += n // error_type
				}
			}
		}
		return found
	}
	require.Until(t, "the request was counted", func() bool { return len(counts()) > 0 })
	if diff := cmp.Diff(map[string]uint64{"-32800": 1}, counts()); diff != "" {
		t.Errorf("requests by error_type (-want +got)\n%s", diff)
	}
}
