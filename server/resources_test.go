package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth/authtest"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/prompts"
)

const noSuchResource = "-32602 no such resource, or not yours to read"

// notified is what an independent client was told, in order.
type notified chan string

func (c notified) options() *mcp.ClientOptions {
	return &mcp.ClientOptions{
		PromptListChangedHandler:   func(context.Context, *mcp.PromptListChangedRequest) { c <- "prompts" },
		ResourceListChangedHandler: func(context.Context, *mcp.ResourceListChangedRequest) { c <- "resources" },
		ResourceUpdatedHandler: func(_ context.Context, r *mcp.ResourceUpdatedNotificationRequest) {
			c <- r.Params.URI
		},
	}
}

// next is what the client is told next.
func (c notified) next(t *testing.T) string {
	t.Helper()
	select {
	case what := <-c:
		return what
	case <-time.After(patience):
		t.Fatal("nothing was told")
		return ""
	}
}

// collect is the first n different things that the client is told, sorted. What is gone by the time an announcement comes to it
// is told of, and again with the announcement of its own change.
func (c notified) collect(t *testing.T, n int) []string {
	t.Helper()
	told := map[string]bool{}
	for len(told) < n {
		told[c.next(t)] = true
	}
	return slices.Sorted(maps.Keys(told))
}

// stocked is a replica with a library.
func stocked(t *testing.T, author *catalogtest.Author, change ...func(*Deps)) *replica {
	t.Helper()
	return start(t, author, append([]func(*Deps){withTools(author)}, change...)...)
}

// resource is the JSON of a resource read by an independent client, or code and message of the error.
func resource(t *testing.T, session *mcp.ClientSession, uri string) string {
	t.Helper()
	result, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
	refused, is := errors.AsType[*jsonrpc.Error](err)
	switch {
	case is:
		return fmt.Sprintf("%d %s", refused.Code, refused.Message)
	case err != nil:
		t.Fatalf("%s: %v", uri, err)
	case len(result.Contents) != 1 || result.Contents[0].URI != uri || result.Contents[0].MIMEType != "application/json":
		t.Fatalf("%s: %+v", uri, result.Contents)
	}
	return result.Contents[0].Text
}

// TestResources_IndependentClient: in every era the same, on both kinds of endpoint.
func TestResources_IndependentClient(t *testing.T) {
	t.Parallel()
	replica := stocked(t, library(t))
	for _, version := range []string{"2026-07-28", "2025-11-25", "2025-06-18"} {
		for path, want := range map[string][]string{
			"/mcp":         {"prompt://it/greeting", "prompt://support/incident-handover"},
			"/mcp/support": {"prompt://support/incident-handover"},
		} {
			t.Run(version+path, func(t *testing.T) {
				t.Parallel()
				session := connect(t, replica, path, version, nil)
				var uris, templates []string
				for r, err := range session.Resources(t.Context(), nil) {
					require.NoError(t, err)
					uris = append(uris, r.URI)
				}
				for r, err := range session.ResourceTemplates(t.Context(), nil) {
					require.NoError(t, err)
					templates = append(templates, r.URITemplate)
				}
				if diff := cmp.Diff(want, uris); diff != "" {
					t.Errorf("resources (-want +got)\n%s", diff)
				}
				if diff := cmp.Diff([]string{
					"prompt://{namespace}/{name}", "prompt://{namespace}/{name}/channels/{channel}", "prompt://{namespace}/{name}/versions/{version}",
				}, templates); diff != "" {
					t.Errorf("templates (-want +got)\n%s", diff)
				}
				for uri, version := range map[string]float64{
					"prompt://support/incident-handover":                 3,
					"prompt://support/incident-handover/channels/latest": 3,
					"prompt://support/incident-handover/channels/beta":   2,
					"prompt://support/incident-handover/versions/1":      1,
					"prompt://support/hidden":                            1,
				} {
					var got struct{ Version float64 }
					require.NoError(t, json.Unmarshal([]byte(resource(t, session, uri)), &got))
					if got.Version != version {
						t.Errorf("%s is version %v, want %v", uri, got.Version, version)
					}
				}
				for uri, want := range map[string]string{
					"prompt://support/nothing":                           noSuchResource,
					"prompt://support/house-style":                       noSuchResource, // a fragment
					"prompt://support/draft-style":                       noSuchResource, // a fragment that is not resolved
					"prompt://support/incident-handover/versions/9":      noSuchResource,
					"prompt://support/incident-handover/versions/01":     noSuchResource,
					"prompt://support/incident-handover/channels/other":  noSuchResource,
					"prompt://support/incident-handover/channels/2":      noSuchResource,
					"prompt://support/incident-handover/versions/latest": noSuchResource,
					"prompt://support":                                   noSuchResource,
					"other://support/incident-handover":                  noSuchResource,
					"prompt://support/incident-handover/channels/stable": "-32602 " + store.ErrUnresolved.Error(),
				} {
					if got := resource(t, session, uri); got != want {
						t.Errorf("%s: got %q, want %q", uri, got, want)
					}
				}
				if path != "/mcp" {
					if got := resource(t, session, "prompt://it/greeting"); got != noSuchResource {
						t.Errorf("a prompt of another namespace: %s", got)
					}
				}
			})
		}
	}
}

// TestResources_SourceAndMetadata: includes are as they were written, and a version says nothing that
// changes later.
func TestResources_SourceAndMetadata(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := stocked(t, author)
	session := connect(t, replica, "/mcp", "2026-07-28", nil)
	record, err := author.GetView(t.Context(), handoverKey, prompt.Selector{})
	require.NoError(t, err)
	version := map[string]any{
		"id": "support/incident-handover", "version": 3.0, "digest": string(record.Digest),
		"name": "Incident handover", "description": "Hand an incident over", "isTemplate": true, "syntax": "Mustache",
		"content":   "Write a {{tone}} handover for {{ticket}} & <friends>.\n{{> house-style}}",
		"variables": []any{"ticket", "tone"}, "tags": []any{},
		"arguments": []any{
			map[string]any{"name": "ticket", "description": "Ticket number", "type": "String", "required": true},
			map[string]any{"name": "tone", "type": "String", "enum": []any{"brief", "detailed"}, "default": "brief"},
		},
		"messages": []any{map[string]any{
			"role": "user", "text": "Write a {{tone}} handover for {{ticket}} & <friends>.\n{{> house-style}}",
		}},
		"createdAt": moment(record.CreatedAt), "updatedAt": moment(record.PublishedAt),
	}
	served := map[string]any{"latestVersion": 3.0, "servedVersion": 3.0, "channels": []any{"latest"}}
	maps.Copy(served, version)
	for uri, want := range map[string]map[string]any{
		"prompt://support/incident-handover":            served,
		"prompt://support/incident-handover/versions/3": version,
	} {
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(resource(t, session, uri)), &got))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", uri, diff)
		}
	}
}

func moment(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// TestResources_CacheHints: resources may be cached as long as they cannot change, by the caller alone.
func TestResources_CacheHints(t *testing.T) {
	t.Parallel()
	replica := stocked(t, library(t))
	for rpc, uris := range map[string]map[string]int64{
		"resources/list":           {"": 5000},
		"resources/templates/list": {"": 60_000},
		"resources/read": {
			"prompt://it/greeting": 5000, "prompt://it/greeting/channels/latest": 5000, "prompt://it/greeting/versions/1": 86_400_000,
		},
	} {
		for uri, want := range uris {
			q := request{RPC: rpc}
			if uri != "" {
				q.Params = map[string]any{"uri": uri}
			}
			var got struct {
				Result struct {
					TTLMs      int64
					CacheScope string
				}
			}
			require.NoError(t, json.Unmarshal([]byte(replica.Send(t, q).Body), &got))
			q.Legacy = true
			if old := replica.Send(t, q).Body; strings.Contains(old, "ttlMs") || !strings.Contains(old, `"result"`) {
				t.Errorf("%s %s: an older client is told %s", rpc, uri, old)
			}
			if got.Result.TTLMs != want || got.Result.CacheScope != "private" {
				t.Errorf("%s %s may be kept for %d ms, %s; want %d, private", rpc, uri, got.Result.TTLMs, got.Result.CacheScope, want)
			}
		}
	}
}

// noRealKeys is a library in which nothing may be looked up that there can be.
type noRealKeys struct {
	prompts.Library
	t *testing.T
}

func (l noRealKeys) GetView(ctx context.Context, key store.Key, selector prompt.Selector) (store.PromptView, error) {
	if !strings.HasPrefix(key.Name, "_") {
		l.t.Errorf("%s was looked up", key)
	}
	return l.Library.GetView(ctx, key, selector)
}

// TestResources_Denied: what a caller may not get is denied in the words of what does not exist, without
// a look at it, and not acknowledged; what they may get is acknowledged, there or not.
func TestResources_Denied(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := start(t, author, func(d *Deps) {
		d.Authorizer = authtest.OnlyNamespace{Namespace: "it"}
		d.Library = noRealKeys{author, t}
	})
	session := connect(t, replica, "/mcp", "2026-07-28", nil)
	for _, uri := range []string{"prompt://support/incident-handover", "prompt://support/nothing", "prompt://nowhere/at-all"} {
		if got := resource(t, session, uri); got != noSuchResource {
			t.Errorf("%s: %s", uri, got)
		}
	}
	var listed []string
	for r, err := range session.Resources(t.Context(), nil) {
		require.NoError(t, err)
		listed = append(listed, r.URI)
	}
	if diff := cmp.Diff([]string{"prompt://it/greeting"}, listed); diff != "" {
		t.Errorf("resources (-want +got)\n%s", diff)
	}
	for path, granted := range map[string]string{
		"/mcp":         `["prompt://it/greeting","prompt://it/nothing/channels/beta"]`,
		"/mcp/it":      `["prompt://it/greeting","prompt://it/nothing/channels/beta"]`,
		"/mcp/support": ``,
	} {
		stream := replica.OpenStream(t, request{Path: path, RPC: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{
			"promptsListChanged": true,
			"resourceSubscriptions": []string{
				"prompt://it/greeting", "prompt://support/incident-handover", "prompt://it/nothing/channels/beta", "prompt://it", "other://it/greeting",
			},
		}}})
		want := `"notifications":{"promptsListChanged":true}`
		if granted != "" {
			want = `"notifications":{"promptsListChanged":true,"resourceSubscriptions":` + granted + `}`
		}
		if got := stream.Next(t); !strings.Contains(got, want) {
			t.Errorf("%s: %s is not in %s", path, want, got)
		}
	}
}

// away is a library whose store cannot be reached.
type away struct{ prompts.Library }

func (away) GetView(context.Context, store.Key, prompt.Selector) (store.PromptView, error) {
	return store.PromptView{}, fmt.Errorf("dial secret-host: %w", store.ErrUnavailable)
}

// TestResources_StoreUnavailable: the error says when to come back.
func TestResources_StoreUnavailable(t *testing.T) {
	t.Parallel()
	replica := stocked(t, library(t), func(d *Deps) { d.Library = away{} })
	session := connect(t, replica, "/mcp", "2026-07-28", nil)
	same(t, "503 the store is away, try again in 1 s", resource(t, session, "prompt://it/greeting"))
}

// TestResources_Notifications: clients are notified on two replicas of one database: of the list, of what they follow, and of a
// version only that it is gone.
func TestResources_Notifications(t *testing.T) {
	t.Parallel()
	author := library(t)
	const uri, channel, version = "prompt://it/greeting", "prompt://it/greeting/channels/latest", "prompt://it/greeting/versions/1"
	var clients []notified
	for _, path := range []string{"/mcp", "/mcp/it"} {
		heard := make(notified, 100)
		clients = append(clients, heard)
		replica := stocked(t, author)
		require.Until(t, "ready", func() bool { return replica.catalog.CheckReady() == nil })
		session := connectWith(t, replica, path, "2026-07-28", heard.options())
		for _, followed := range []string{uri, channel, version, "prompt://support/incident-handover"} {
			require.NoError(t, session.Subscribe(t.Context(), &mcp.SubscribeParams{URI: followed}))
		}
	}
	for _, change := range []struct {
		make func()
		want []string
	}{
		{
			func() { author.Publish(plainKey, catalogtest.Text("Good morning.")) },
			[]string{uri, channel, "prompts", "resources"},
		},
		{
			func() {
				author.Publish(plainKey, catalogtest.Text("Good morning."), func(p *store.Publication) { p.Withdrawn = []int64{1} })
			},
			[]string{uri, channel, version, "prompts", "resources"},
		},
	} {
		change.make()
		for i, client := range clients {
			if diff := cmp.Diff(change.want, client.collect(t, len(change.want))); diff != "" {
				t.Errorf("client %d was told (-want +got)\n%s", i, diff)
			}
		}
	}
}
