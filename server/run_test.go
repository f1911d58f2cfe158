package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

var _ catalog.Source = (*postgres.Store)(nil)

// running is `lectern server` without the process.
type running struct {
	*replica
	probes string
	cancel context.CancelFunc
	ended  chan error
}

// noAuth is --auth=none, in CI that runs in a pod too.
var noAuth = parseAuth("--auth=none", "--allow-in-pod")

// parseAuth returns what flags of authentication say.
func parseAuth(flags ...string) auth.Options {
	var o auth.Options
	set := pflag.NewFlagSet("server", pflag.PanicOnError)
	o.AddFlags(set)
	_ = set.Parse(flags) // it panics
	o.Complete()
	return o
}

// serving runs a server on a database until the test ends.
func serving(t *testing.T, database postgres.Options) *running {
	t.Helper()
	return servingWith(t, database, func(*Options) {})
}

// servingWith is serving with other options.
func servingWith(t *testing.T, database postgres.Options, change func(*Options)) *running {
	t.Helper()
	opts := Options{Addresses: []string{testenv.FreeAddress(t)}, MetricsAddress: testenv.FreeAddress(t), Auth: noAuth, CatalogBytes: catalog.DefaultBytes, Database: database}
	opts.Audit.Spool = t.TempDir()
	change(&opts)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{
		replica: &replica{Remote: transporttest.Remote{URL: "http://" + opts.Addresses[0], HTTP: &http.Client{Transport: &http.Transport{}}}},
		probes:  "http://" + opts.MetricsAddress, cancel: cancel, ended: make(chan error, 1),
	}
	go func() { r.ended <- Run(ctx, opts, "v0.0.0-test", slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-r.ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		r.HTTP.CloseIdleConnections()
	})
	return r
}

// probe is status and body of a path of the probes; zero when nobody answers.
func (r *running) probe(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := r.HTTP.Get(r.probes + path)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func (r *running) ready(t *testing.T) bool {
	t.Helper()
	status, _ := r.probe(t, "/readyz")
	return status == http.StatusOK
}

// TestRun_OnPostgres: two servers, as the role that may only read, serve what is published, tell of
// changes, go on while the database is away, and end in order.
func TestRun_OnPostgres(t *testing.T) {
	author := catalogtest.NewAuthor(t)
	author.Publish(plainKey, catalogtest.Text("Hello."))
	author.Publish(hiddenKey, catalogtest.Text("Not asked for yet."))
	servers := []*running{serving(t, pgtest.AsServerRole(t, author.Owner)), serving(t, pgtest.AsServerRole(t, author.Owner))}
	var streams []*stream
	for _, s := range servers {
		require.Until(t, "ready", func() bool { return s.ready(t) })
		session := connect(t, s.replica, "/mcp", "2026-07-28", nil)
		if got := getThrough(t, session, "it.greeting", nil); got != "Hello." {
			t.Errorf("got %q", got)
		}
		stream := s.Listen(t, request{})
		same(t, acknowledged("1"), stream.Next(t))
		streams = append(streams, stream)
	}
	author.Publish(plainKey, catalogtest.Text("Hello again."))
	for i, s := range servers {
		same(t, changed("1"), streams[i].Next(t))
		if got := s.Send(t, getPrompt("it.greeting", nil)).Text(t); got != "Hello again." {
			t.Errorf("server %d after the change: %q", i, got)
		}
		if got := s.Send(t, getPrompt("it.greeting@1", nil)).Text(t); got != "Hello." {
			t.Errorf("server %d, version 1: %q", i, got)
		}
		list(t, s.replica, "/mcp", "")
	}
	t.Run("the database goes away", func(t *testing.T) { databaseAway(t, author.Owner, servers[0]) })

	for i, s := range servers {
		began := time.Now()
		s.cancel()
		same(t, final("1"), streams[i].Next(t))
		err := <-s.ended
		s.ended <- nil
		if took := time.Since(began); err != nil || took >= drainTimeout {
			t.Errorf("server %d ended after %s with %v", i, took, err)
		}
	}
}

var degraded = regexp.MustCompile(`^degraded for [\dhms]+, since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: only what is held is served: the store cannot be read; the log says why\n$`)

func databaseAway(t *testing.T, owner postgres.Options, s *running) {
	t.Helper()
	u, err := url.Parse(owner.URL)
	if err != nil {
		t.Fatal(err)
	}
	database := strings.TrimPrefix(u.Path, "/")
	superuser := pgtest.AsSuperuser(t, owner)
	superuser.URL = strings.Replace(superuser.URL, "/"+database, "/postgres", 1) // the owner may not refuse its own connections
	behind := pgtest.Connect(t, superuser)
	if _, err := behind.Exec(t.Context(), "alter database "+database+" allow_connections false"); err != nil {
		t.Fatal(err)
	}
	_, err = behind.Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", database)
	if err != nil {
		t.Fatal(err)
	}
	require.Until(t, "what is not held is refused", func() bool {
		return s.Send(t, getPrompt("support.hidden", nil)).Failure(t) == "200 503 the store is away, try again in 2 s"
	})
	if got := s.Send(t, getPrompt("it.greeting", nil)).Text(t); got != "Hello again." {
		t.Errorf("held: %q", got)
	}
	if got := list(t, s.replica, "/mcp", "").Result.Prompts; len(got) != 2 {
		t.Errorf("held page: %v", got)
	}
	require.Until(t, "the probe says degraded and is ready all the same", func() bool {
		status, body := s.probe(t, "/readyz")
		return status == http.StatusOK && degraded.MatchString(body)
	})
	if _, metrics := s.probe(t, "/metrics"); !strings.Contains(metrics, "\nlectern_store_up 0\n") {
		t.Error("lectern_store_up is not 0")
	}
	if _, err := behind.Exec(t.Context(), "alter database "+database+" allow_connections true"); err != nil {
		t.Fatal(err)
	}
	require.Until(t, "the database is back", func() bool {
		reply := s.Send(t, getPrompt("support.hidden", nil))
		return reply.Status == http.StatusOK && strings.Contains(reply.Body, "Not asked for yet.")
	})
	require.Until(t, "nothing is degraded any more", func() bool { _, body := s.probe(t, "/readyz"); return body == "ok\n" })
}

func TestRun_BlankDatabaseIsNotReady(t *testing.T) {
	s := serving(t, pgtest.NewBlank(t))
	require.Until(t, "the probes answer", func() bool { status, _ := s.probe(t, "/livez"); return status == http.StatusOK })
	require.Until(t, "the schema is the reason", func() bool {
		status, body := s.probe(t, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "behind")
	})
}

// TestProbes_RefuseWebPages: a page that makes a browser reach the probes does so under its own name, and learns nothing.
func TestProbes_RefuseWebPages(t *testing.T) {
	t.Parallel()
	s := serving(t, postgres.Options{URL: "postgres://mallory@127.0.0.1:1/secret"})
	require.Until(t, "the probes answer", func() bool { status, _ := s.probe(t, "/livez"); return status == http.StatusOK })
	for _, path := range []string{"/metrics", "/livez", "/readyz", "/nothing"} {
		for header, value := range map[string]string{"Host": "rebound.example", "Origin": "https://evil.example"} {
			reply := (&transporttest.Remote{URL: s.probes, HTTP: s.HTTP}).Send(t, request{
				HTTPMethod: http.MethodGet, Path: path, Body: " ", Legacy: true, Header: map[string]string{header: value},
			})
			if got := reply.Failure(t); !strings.HasPrefix(got, "403 with --auth=none the "+header+" header is ") {
				t.Errorf("%s with %s %s: %s", path, header, value, got)
			}
		}
	}
}

// TestProbes_NameNobody: neither the role nor the address of a database that cannot be reached.
func TestProbes_NameNobody(t *testing.T) {
	t.Parallel()
	s := serving(t, postgres.Options{URL: "postgres://mallory@127.0.0.1:1/secret"})
	require.Until(t, "the store is found to be away", func() bool {
		status, body := s.probe(t, "/readyz")
		return status == http.StatusServiceUnavailable && strings.HasPrefix(body, "not ready for ")
	})
	for _, path := range []string{"/readyz", "/metrics", "/livez"} {
		_, body := s.probe(t, path)
		for _, private := range []string{"mallory", "secret", "127.0.0.1"} {
			if strings.Contains(body, private) {
				t.Errorf("%s says %s", path, private)
			}
		}
	}
}

func TestMetrics(t *testing.T) {
	author := catalogtest.NewAuthor(t)
	author.Publish(plainKey, catalogtest.Text("Hello."))
	s := serving(t, pgtest.AsServerRole(t, author.Owner))
	require.Until(t, "ready", func() bool { return s.ready(t) })
	s.Send(t, getPrompt("it.greeting", nil))
	s.Send(t, getPrompt("it.nothing", nil))
	s.Send(t, request{RPC: "prompts/burn"})
	_, metrics := s.probe(t, "/metrics")
	for _, want := range []string{
		`mcp_server_operation_duration_seconds_count{error_type="",gen_ai_tool_name="",mcp_method_name="prompts/get"} 1`,
		`mcp_server_operation_duration_seconds_count{error_type="-32602",gen_ai_tool_name="",mcp_method_name="prompts/get"} 1`,
		`mcp_server_operation_duration_seconds_count{error_type="-32601",gen_ai_tool_name="",mcp_method_name="other"} 1`,
		`lectern_catalog_entries{part="bodies"} 1`,
		`lectern_catalog_misses_total{part="bodies"} 2`,
		"lectern_catalog_revision 1", "lectern_catalog_feed_age_seconds ", "lectern_catalog_ready 1", "lectern_store_up 1", "lectern_mcp_streams 0",
	} {
		if !strings.Contains(metrics, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestRun_AddressInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	const free = "127.0.0.1:0"
	for flag, tc := range map[string]struct{ address, metrics, what string }{
		"--address":         {taken.Addr().String(), free, "MCP"},
		"--metrics-address": {free, taken.Addr().String(), "metrics and probes"},
	} {
		opts := Options{
			Addresses: []string{tc.address}, MetricsAddress: tc.metrics, Auth: noAuth,
			CatalogBytes: catalog.DefaultBytes, Database: postgres.Options{URL: "postgres://nobody@127.0.0.1:1/none"},
		}
		opts.Audit.Spool = t.TempDir()
		err := Run(t.Context(), opts, "v0", slog.New(slog.DiscardHandler))
		want := fmt.Sprintf("listen for %s: listen tcp %s: bind: address already in use; give another %s", tc.what, taken.Addr(), flag)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestRun_StoppedBeforeItServes: what is stopped while it reads a folder did what it was asked to.
func TestRun_StoppedBeforeItServes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	opts := Options{Addresses: []string{testenv.FreeAddress(t)}, Auth: noAuth, CatalogBytes: catalog.DefaultBytes, Prompts: t.TempDir()}
	require.NoError(t, Run(ctx, opts, "v0.0.0-test", slog.New(slog.DiscardHandler)))
}

// runUntilEnd runs a server until the test ends.
func runUntilEnd(t *testing.T, opts Options) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, opts, "v0.0.0-test", slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
}
