package server

import (
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// TestSpans: the client's span of _meta is the parent, the one of the HTTP request a link.
func TestSpans(t *testing.T) {
	t.Parallel()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	replica := start(t, library(t), func(d *Deps) { d.Tracer, d.Log = provider.Tracer("test"), slog.New(slog.DiscardHandler) })
	inner := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	outer := "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"

	q := getPrompt("it.greeting", nil)
	q.meta = map[string]any{"traceparent": inner}
	q.header = map[string]string{"Traceparent": outer}
	replica.send(t, q)
	q = getPrompt("it.nothing", nil)
	q.meta = map[string]any{"traceparent": 3} // nobody else's concern
	q.header = map[string]string{"Traceparent": outer}
	replica.send(t, q)
	until(t, "both spans", func() bool { return len(exporter.GetSpans()) == 2 })

	type span struct {
		Name, Parent, Error string
		Links               int
	}
	var got []span
	for _, s := range exporter.GetSpans() {
		one := span{Name: s.Name, Parent: s.Parent.TraceID().String(), Links: len(s.Links)}
		for _, a := range s.Attributes {
			if a.Key == "error.type" {
				one.Error = a.Value.AsString()
			}
		}
		got = append(got, one)
	}
	want := []span{
		{Name: "prompts/get it.greeting", Parent: "0af7651916cd43dd8448eb211c80319c", Links: 1},
		{Name: "prompts/get it.nothing", Parent: "1af7651916cd43dd8448eb211c80319c", Error: "-32602"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
