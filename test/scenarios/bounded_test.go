package scenarios

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/testenv/bulk"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/server/catalog"
)

// crowdVariable makes the crowd as large as is promised, and the bound the usual one. Every run of the
// tests has less of both.
const crowdVariable = "LECTERN_SCENARIO_CROWD"

// What the heap of a server may grow to: heapOver times its bound, which is what lives, as much garbage
// again by Go's default, and half as much for what the estimate misses; and heapBeside for what is
// not the catalog's.
const (
	heapOver   = 2.5
	heapBeside = 24 << 20
)

// catalogBounded asks a server for many more prompts than its catalog may hold, then takes the store
// away.
func catalogBounded(t *testing.T) {
	ctx := t.Context()
	s := play(t, crowded(t))
	c, bound := bulk.Set{Prompts: 3_000, Words: 150}, 4.0*(1<<20)
	if given := os.Getenv(crowdVariable); given != "" {
		var err error
		c.Prompts, err = strconv.Atoi(given)
		require.NoError(t, err)
		bound = catalog.DefaultBytes
	}
	began := time.Now()
	database, err := c.CreateDatabase(ctx, s.Stack, "crowd")
	require.NoError(t, err)
	t.Logf("%d prompts in a database after %s", c.Prompts, time.Since(began).Round(time.Millisecond))
	server, endpoint := s.third(t, database, fmt.Sprintf("--catalog-bytes=%.0f", bound))
	require.NoError(t, wait.Until(ctx, server.isReady))
	a, err := connect(ctx, endpoint, "")
	require.NoError(t, err)
	defer a.close()
	small, err := connect(ctx, endpoint+"/ns-0", "")
	require.NoError(t, err)
	defer small.close()

	highest := server.watch(t, heap)
	began = time.Now()
	require.NoError(t, asked(ctx, a, c, 0, c.Prompts))
	t.Logf("each fetched in %s", time.Since(began).Round(time.Millisecond))
	wantPages(t, a, c, "")
	wantPages(t, small, c, "ns-0")

	figures, peak := server.figures(t), highest()
	t.Logf("bound %.1f MiB; held %.0f of %d prompts, by the catalog's estimate %.1f MiB; heap at most %.1f MiB; resident %.1f MiB",
		bound/(1<<20), figures[bodies], c.Prompts, (figures[bodyBytes]+figures[pageBytes])/(1<<20),
		peak/(1<<20), figures["process_resident_memory_bytes"]/(1<<20))
	if held := figures[bodyBytes] + figures[pageBytes]; held > bound || figures[bodies] == 0 || figures[bodies] >= float64(c.Prompts) {
		t.Errorf("the catalog holds %.0f prompts and %.0f bytes in all; the bound is %.0f", figures[bodies], held, bound)
	}
	if allowed := heapOver*bound + heapBeside; peak <= 0 || peak > allowed {
		t.Errorf("the heap was %.0f bytes; allowed are more than 0 and up to %.0f", peak, allowed)
	}
	if os.Getenv("LECTERN_TEST_DATABASE_URL") == "" { // else it cannot be stopped
		withoutStore(t, s, c, a, small)
	}
}

// withoutStore: what was asked for last is served, what had to make room is not.
func withoutStore(t *testing.T, s *scene, c bulk.Set, a, small *agent) {
	t.Helper()
	ctx := t.Context()
	last := c.Prompts - c.Prompts/20
	require.NoError(t, asked(ctx, a, c, last, c.Prompts))
	require.NoError(t, s.Postgres.StopServer(ctx))
	require.NoError(t, asked(ctx, a, c, last, c.Prompts))
	wantPages(t, small, c, "ns-0")
	got, err := a.get(ctx, mcpName(c, 0), ticket)
	if want := "error 503: the store is away, try again in 2 s"; err != nil || got != want {
		t.Errorf("a prompt that is not held: %q, %v; want %q", got, err, want)
	}
	require.NoError(t, s.Postgres.StartServer(ctx))
	require.NoError(t, wait.Until(ctx, func(ctx context.Context) error { return asked(ctx, a, c, 0, 1) }))
}

var ticket = map[string]string{"ticket": "INC-4711"}

func mcpName(c bulk.Set, i int) string { return c.Key(i).Namespace + "." + c.Key(i).Name }

// asked gets prompts from one to another, some at once, and holds every text against what it must be.
func asked(ctx context.Context, a *agent, c bulk.Set, from, to int) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	next.Store(int64(from))
	for range 8 {
		group.Go(func() error {
			for i := int(next.Add(1) - 1); i < to; i = int(next.Add(1) - 1) {
				got, err := a.get(ctx, mcpName(c, i), ticket)
				if want := c.Text(i, ticket["ticket"]); err != nil || got != want {
					return fmt.Errorf("prompt %d: got %q, %w; want %q", i, clip(got), err, clip(want))
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// wantPages holds all pages that are given out, of a namespace or of all, against the keys in order.
func wantPages(t *testing.T, a *agent, c bulk.Set, namespace string) {
	t.Helper()
	const mostListed = 60 * 500
	var want, got []string
	for in := range bulk.Namespaces {
		for i := in; i < c.Prompts && len(want) < mostListed; i += bulk.Namespaces {
			switch key := c.Key(i); namespace {
			case "":
				want = append(want, key.Namespace+"."+key.Name)
			case key.Namespace:
				want = append(want, key.Name)
			}
		}
	}
	for p, err := range a.session.Prompts(t.Context(), nil) {
		require.NoError(t, err)
		got = append(got, p.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("all pages of %q (-want +got):\n%s", namespace, diff)
	}
}

// Figures of a server.
const (
	heap      = "go_memstats_heap_alloc_bytes"
	bodies    = `lectern_catalog_entries{part="bodies"}`
	bodyBytes = `lectern_catalog_bytes{part="bodies"}`
	pageBytes = `lectern_catalog_bytes{part="pages"}`
)

// figures are the metrics of a server that have one number.
func (a *another) figures(t *testing.T) map[string]float64 {
	t.Helper()
	found, err := a.metrics(t.Context())
	require.NoError(t, err)
	return found
}

func (a *another) metrics(ctx context.Context) (map[string]float64, error) {
	status, body, err := fetch(ctx, a.client, "http://"+a.probe+"/metrics")
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("the metrics of a server: %d, %w", status, err)
	}
	found := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			found[name] = number
		}
	}
	return found, nil
}

// watch looks at a figure until the function it returns is called, which returns the highest.
func (a *another) watch(t *testing.T, figure string) (highest func() float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	most, done := 0.0, make(chan struct{})
	go func() {
		defer close(done)
		_ = wait.Until(ctx, func(ctx context.Context) error {
			figures, err := a.metrics(ctx)
			most = max(most, figures[figure])
			return fmt.Errorf("until it is stopped; %w", err)
		})
	}()
	t.Cleanup(cancel)
	return func() float64 {
		cancel()
		<-done
		return most
	}
}
