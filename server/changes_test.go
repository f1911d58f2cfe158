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

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// withTools gives a replica what tools read, withChanges what tools that write ask.
func withTools(author *catalogtest.Author) func(*Deps) {
	return func(d *Deps) { d.Library, d.DefaultNamespace = author.Store, "it" }
}

func withChanges(author *catalogtest.Author) func(*Deps) {
	return func(d *Deps) { d.Changes = author.Store }
}

// TestChangeRequest_ServerStopsWhileItWaits: the call is answered with what to ask for, and the server ends in order.
func TestChangeRequest_ServerStopsWhileItWaits(t *testing.T) {
	t.Parallel()
	author := library(t)
	prompts := catalog.New(author, catalog.Options{})
	nobody := auth.NewNone("anna")
	deps := Deps{Catalog: prompts, Authenticator: nobody, Authorizer: nobody, OutcomeTimeout: 2 * patience}
	withTools(author)(&deps)
	withChanges(author)(&deps)
	opts := Options{Addresses: []string{testenv.FreeAddress(t)}}
	endpoint := NewHandler(deps)
	running := &service{opts: &opts, endpoint: endpoint, mcp: endpoint, follow: []func(context.Context){prompts.FollowFeed}, drain: new(drain), log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- running.serveAll(ctx) }()
	r := &replica{Remote: transporttest.Remote{URL: "http://" + opts.Addresses[0], HTTP: &http.Client{Transport: &http.Transport{}}}}
	t.Cleanup(r.HTTP.CloseIdleConnections)
	require.Until(t, "it answers", func() bool {
		response, err := r.HTTP.Get(r.URL)
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil
	})
	said := make(chan string, 1)
	go func() {
		said <- r.Send(t, callTool("update_prompt", map[string]any{"id": "it/greeting", "content": "Good evening."})).Body
	}()
	require.Until(t, "the request is stored", func() bool { return author.CountOpenChanges() == 1 })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if got := <-said; !strings.Contains(got, "is accepted but not applied yet; ask get_prompt_change") {
		t.Errorf("the call was answered with %s", got)
	}
}

// TestChangeRequest_OutlivesItsCaller: closing the response ends the waiting, not the request.
func TestChangeRequest_OutlivesItsCaller(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := start(t, author, withTools(author), withChanges(author))
	ctx, leave := context.WithCancel(t.Context())
	q := callTool("update_prompt", map[string]any{"id": "it/greeting", "content": "Good evening."})
	left := make(chan struct{})
	go func() {
		defer close(left)
		if response, err := replica.HTTP.Do(replica.NewRequest(t, ctx, q)); err == nil {
			_ = response.Body.Close()
		}
	}()
	require.Until(t, "the request is stored", func() bool { return author.CountOpenChanges() == 1 })
	leave()
	<-left
	author.RunController()
	require.Until(t, "the change is published", func() bool {
		return strings.Contains(replica.Send(t, getPrompt("it.greeting@2", nil)).Body, "Good evening.")
	})
}

// TestTools_Metrics: calls are counted by name where there is such a tool, and what a tool refused apart from what the protocol
// did.
func TestTools_Metrics(t *testing.T) {
	t.Parallel()
	metrics, exporter := prometheus.NewRegistry(), tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	author := library(t)
	replica := start(t, author, withTools(author), func(d *Deps) { d.Metrics, d.Tracer = metrics, provider.Tracer("test") })
	for _, name := range []string{"get_stats", "get_prompt", "burn"} {
		replica.Send(t, callTool(name, map[string]any{}))
	}
	type count struct{ Tool, Error string }
	got := map[count]uint64{}
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if n := m.GetHistogram().GetSampleCount(); n > 0 && labels["mcp_method_name"] == "tools/call" {
				got[count{labels["gen_ai_tool_name"], labels["error_type"]}] += n
			}
		}
	}
	want := map[count]uint64{{"get_stats", ""}: 1, {"get_prompt", "tool_error"}: 1, {"", "-32602"}: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted (-want +got)\n%s", diff)
	}
	require.Until(t, "all spans", func() bool { return len(exporter.GetSpans()) == 3 })
	spans := map[string]string{}
	for _, s := range exporter.GetSpans() {
		spans[s.Name] = ""
		for _, a := range s.Attributes {
			if a.Key == "error.type" {
				spans[s.Name] = a.Value.AsString()
			}
		}
	}
	if diff := cmp.Diff(map[string]string{"tools/call get_stats": "", "tools/call get_prompt": "tool_error", "tools/call burn": "-32602"}, spans); diff != "" {
		t.Errorf("spans (-want +got)\n%s", diff)
	}
}
