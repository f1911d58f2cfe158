package server

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// What tests of the transport use too.
type (
	request = transporttest.Request
	stream  = transporttest.Stream
)

const patience = transporttest.Patience

var same, callTool = transporttest.Same, transporttest.CallTool

// replica is one server under test, on a real listener.
type replica struct {
	transporttest.Remote
	endpoint *Handler
	catalog  *catalog.Catalog
}

// start runs a replica over a source until the test ends. Change adapts what it is made of.
func start(tb testing.TB, source catalog.Source, change ...func(*Deps)) *replica {
	tb.Helper()
	return startOn(tb, catalog.New(source, catalog.Options{RetryEvery: 20 * time.Millisecond}), change...)
}

// startOn is start for a catalog that is made otherwise.
func startOn(tb testing.TB, from *catalog.Catalog, change ...func(*Deps)) *replica {
	tb.Helper()
	nobody := auth.NewNone("anna")
	r := &replica{catalog: from}
	deps := Deps{
		Catalog: r.catalog, Authenticator: nobody, Authorizer: nobody,
		Version: "v0.0.0-test", AnnounceDelay: 20 * time.Millisecond,
	}
	for _, c := range change {
		c(&deps)
	}
	r.endpoint = NewHandler(deps)
	ctx, cancel := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() { defer close(followed); r.catalog.FollowFeed(ctx) }()
	tb.Cleanup(func() { cancel(); <-followed })
	require.Until(tb, "the first look at the feed", func() bool {
		_, cause := r.catalog.UnavailableSince()
		return cause != nil || r.catalog.CheckReady() == nil
	})
	r.Remote = transporttest.Serve(tb, r.endpoint)
	return r
}

// The prompts of library.
var (
	handoverKey = catalogtest.HandoverKey
	plainKey    = catalogtest.GreetingKey
	hiddenKey   = catalogtest.HiddenKey
)

func library(tb testing.TB) *catalogtest.Author {
	tb.Helper()
	return catalogtest.NewLibrary(tb)
}

func greeting() *catalogtest.Source { return catalogtest.NewGreeting() }

func getPrompt(name string, arguments map[string]any) request {
	params := map[string]any{"name": name}
	if arguments != nil {
		params["arguments"] = arguments
	}
	return request{RPC: "prompts/get", Params: params}
}
