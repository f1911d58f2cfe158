package server

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// cluster is a real API server, which says who callers are and what they may do.
type cluster struct {
	*testenv.Callers
	kubeconfig string
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	plane, err := testenv.StartControlPlane(ctx, testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { plane.Stop() })
	callers, err := plane.Callers()
	require.NoError(t, err)
	kubeconfig, err := plane.CreateServerAccount(ctx, callers)
	require.NoError(t, err)
	return &cluster{Callers: callers, kubeconfig: kubeconfig}
}

// newCaller makes a ServiceAccount and returns it with a token for servers.
func (c *cluster) newCaller(t *testing.T, namespace string) (testenv.Account, string) {
	t.Helper()
	account := testenv.Account{Namespace: namespace, Name: "agent"}
	require.NoError(t, c.CreateAccount(t.Context(), account))
	token, err := c.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: []string{testenv.Audience}})
	require.NoError(t, err)
	return account, token
}

// grant gives an account rights on prompts in a namespace.
func (c *cluster) grant(t *testing.T, account testenv.Account, namespace string, verbs ...string) testenv.Grant {
	t.Helper()
	right := testenv.Grant{Name: "may-" + account.Namespace, Namespace: namespace, Account: account, Verbs: verbs}
	require.NoError(t, c.CreateNamespace(t.Context(), namespace))
	require.NoError(t, c.Grant(t.Context(), right))
	return right
}

// askingReplica is a replica that asks a cluster, with counts of what it asks of it and of the database.
type askingReplica struct {
	transporttest.Remote
	catalog    *catalog.Catalog
	statements *statementCounter
	access     *access.Access
}

// startReplica starts a server with caches of its own over an author's database and the cluster.
func (c *cluster) startReplica(t *testing.T, author *catalogtest.Author) *askingReplica {
	t.Helper()
	asked, err := access.Open(t.Context(), access.Options{
		Mode: access.ModeKubernetes, Audiences: []string{testenv.Audience}, Kubeconfig: c.kubeconfig,
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(asked.Close)
	r := &askingReplica{access: asked, statements: newStatementCounter(t, databaseAddress(t, author.Owner))}
	options := pgtest.AsServerRole(t, author.Owner)
	options.URL = rerouteURL(t, options.URL, r.statements.address())
	db, err := postgres.Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	r.catalog = catalog.New(db, catalog.Options{})
	endpoint := NewHandler(Deps{
		Catalog: r.catalog, Library: db, Changes: db, Version: "v0.0.0-test",
		Authenticator: auth.NewBearer(auth.BearerOptions{Verifier: asked.Verifier}), Authorizer: auth.NewReviewed(asked.Reviewer),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { r.catalog.FollowFeed(ctx) })
	server := httptest.NewServer(endpoint)
	t.Cleanup(func() {
		cancel()
		following.Wait()
		endpoint.Stop()
		server.CloseClientConnections()
		server.Close()
	})
	r.Remote = transporttest.Remote{URL: server.URL, HTTP: server.Client()}
	require.Until(t, "the feed is read", func() bool { return r.catalog.CheckReady() == nil })
	return r
}

// countReviews returns how many SubjectAccessReviews the API server was asked for so far.
func (r *askingReplica) countReviews(t *testing.T) (n uint64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.access.Metrics()...)
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetValue() == "subject_access" {
					n += metric.GetHistogram().GetSampleCount()
				}
			}
		}
	}
	return n
}

func databaseAddress(t *testing.T, options postgres.Options) string {
	t.Helper()
	parsed, err := url.Parse(options.URL)
	require.NoError(t, err)
	return parsed.Host
}

func rerouteURL(t *testing.T, address, to string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	parsed.Host = to
	return parsed.String()
}
