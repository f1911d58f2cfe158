package scenarios

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/testenv/bulk"
	"github.com/lectern-dev/lectern/internal/testenv/metrics"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/server/catalog"
)

// promptsVariable makes the prompts as many as are promised, and the limit the usual one. Every run of the
// tests has less of both.
const promptsVariable = "LECTERN_SCENARIO_PROMPTS"

// What the heap of a server may grow to: heapFactor times its bound, which is what lives, as much garbage
// again by Go's default, and half as much for what the estimate misses; and heapOverhead for what is
// not the catalog's.
const (
	heapFactor   = 2.5
	heapOverhead = 24 << 20
)

// testCatalogLimit asks a server for many more prompts than its catalog may hold, then takes the store
// away.
func testCatalogLimit(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, largeStack(t))
	c, bound := bulk.Set{Prompts: 3_000, Words: 150}, 4.0*(1<<20)
	if given := os.Getenv(promptsVariable); given != "" {
		var err error
		c.Prompts, err = strconv.Atoi(given)
		require.NoError(t, err)
		bound = catalog.DefaultBytes
	}
	began := time.Now()
	database, err := c.CreateDatabase(ctx, s.Stack, "bulk")
	require.NoError(t, err)
	t.Logf("%d prompts in a database after %s", c.Prompts, time.Since(began).Round(time.Millisecond))
	server, endpoint := s.startThirdServer(t, database, fmt.Sprintf("--catalog-bytes=%.0f", bound))
	require.NoError(t, wait.Until(ctx, server.checkReady))
	a, err := connect(ctx, endpoint, "")
	require.NoError(t, err)
	defer a.close()
	small, err := connect(ctx, endpoint+"/ns-0", "")
	require.NoError(t, err)
	defer small.close()

	highest := server.watchHeap(t)
	began = time.Now()
	require.NoError(t, verifyPrompts(ctx, a, c, 0, c.Prompts))
	t.Logf("each fetched in %s", time.Since(began).Round(time.Millisecond))
	verifyPages(t, a, c, "")
	verifyPages(t, small, c, "ns-0")

	read, err := server.readMetrics(ctx)
	require.NoError(t, err)
	peak := highest()
	bodies, _ := read.Sum("lectern_catalog_entries", "part", "bodies")
	ofBodies, _ := read.Sum("lectern_catalog_bytes", "part", "bodies")
	ofPages, _ := read.Sum("lectern_catalog_bytes", "part", "pages")
	resident, _ := read.Sum("process_resident_memory_bytes")
	held := ofBodies + ofPages
	t.Logf("bound %.1f MiB; held %.0f of %d prompts, by the catalog's estimate %.1f MiB; heap at most %.1f MiB; resident %.1f MiB",
		bound/(1<<20), bodies, c.Prompts, held/(1<<20), peak/(1<<20), resident/(1<<20))
	if held > bound || bodies == 0 || bodies >= float64(c.Prompts) {
		t.Errorf("the catalog holds %.0f prompts and %.0f bytes in all; the bound is %.0f", bodies, held, bound)
	}
	if allowed := heapFactor*bound + heapOverhead; peak <= 0 || peak > allowed {
		t.Errorf("the heap was %.0f bytes; allowed are more than 0 and up to %.0f", peak, allowed)
	}
	if os.Getenv("LECTERN_TEST_DATABASE_URL") == "" { // else it cannot be stopped
		verifyWithoutStore(t, s, c, a, small)
	}
}

// verifyWithoutStore checks that what was asked for last is served, what had to make room is not.
func verifyWithoutStore(t *testing.T, s *scenario, c bulk.Set, a, small *agent) {
	t.Helper()
	ctx := t.Context()
	last := c.Prompts - c.Prompts/20
	require.NoError(t, verifyPrompts(ctx, a, c, last, c.Prompts))
	require.NoError(t, s.Postgres.StopServer(ctx))
	require.NoError(t, verifyPrompts(ctx, a, c, last, c.Prompts))
	verifyPages(t, small, c, "ns-0")
	got, err := a.getPrompt(ctx, qualifiedName(c, 0), ticketArguments)
	if want := "error 503: the store is away, try again in 2 s"; err != nil || got != want {
		t.Errorf("a prompt that is not held: %q, %v; want %q", got, err, want)
	}
	require.NoError(t, s.Postgres.StartServer(ctx))
	require.NoError(t, wait.Until(ctx, func(ctx context.Context) error { return verifyPrompts(ctx, a, c, 0, 1) }))
}

var ticketArguments = map[string]string{"ticket": "INC-4711"}

func qualifiedName(c bulk.Set, i int) string { return c.Key(i).Namespace + "." + c.Key(i).Name }

// verifyPrompts gets prompts from one to another, some at once, and holds every text against what it must be.
func verifyPrompts(ctx context.Context, a *agent, c bulk.Set, from, to int) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	next.Store(int64(from))
	for range 8 {
		group.Go(func() error {
			for i := int(next.Add(1) - 1); i < to; i = int(next.Add(1) - 1) {
				got, err := a.getPrompt(ctx, qualifiedName(c, i), ticketArguments)
				if want := c.Text(i, ticketArguments["ticket"]); err != nil || got != want {
					return fmt.Errorf("prompt %d: got %q, %w; want %q", i, abbreviate(got), err, abbreviate(want))
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// verifyPages holds all pages that are given out, of a namespace or of all, against the keys in order.
func verifyPages(t *testing.T, a *agent, c bulk.Set, namespace string) {
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

func (a *extraProcess) readMetrics(ctx context.Context) (metrics.Families, error) {
	return metrics.Read(ctx, "http://"+a.probe+"/metrics")
}

// watchHeap looks at the heap until the function it returns is called, which returns the most it was.
func (a *extraProcess) watchHeap(t *testing.T) (highest func() float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	most, done := 0.0, make(chan struct{})
	go func() {
		defer close(done)
		_ = wait.Until(ctx, func(ctx context.Context) error {
			read, err := a.readMetrics(ctx)
			heap, _ := read.Sum("go_memstats_heap_alloc_bytes")
			most = max(most, heap)
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
