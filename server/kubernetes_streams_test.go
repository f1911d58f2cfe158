package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// kubernetes is a real API server with the servers' own account, and what makes callers of it.
type kubernetes struct {
	*testenv.Callers
	plane      *testenv.ControlPlane
	kubeconfig string
}

func startKubernetes(t *testing.T) *kubernetes {
	t.Helper()
	ctx := t.Context()
	plane, err := testenv.StartControlPlane(ctx, testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(plane.Stop)
	callers, err := plane.Callers()
	require.NoError(t, err)
	kubeconfig, err := plane.CreateServerAccount(ctx, callers)
	require.NoError(t, err)
	for _, namespace := range []string{"it", "support"} {
		require.NoError(t, callers.CreateNamespace(ctx, namespace))
	}
	return &kubernetes{Callers: callers, plane: plane, kubeconfig: kubeconfig}
}

// serve runs a replica that asks the API server of a kubeconfig, as `lectern server --auth=kubernetes` does.
func (k *kubernetes) serve(t *testing.T, author *catalogtest.Author, kubeconfig string) *replica {
	t.Helper()
	asked, err := access.Open(t.Context(), access.Options{
		Mode: access.ModeKubernetes, Audiences: []string{testenv.Audience}, Kubeconfig: kubeconfig,
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(asked.Close)
	return start(t, author, func(d *Deps) {
		d.Authenticator = auth.NewBearer(auth.BearerOptions{Verifier: asked.Verifier})
		d.Authorizer, d.Reprover = auth.NewReviewed(asked.Reviewer), auth.NewReprover(asked.Verifier)
		d.Library, d.Changes = author.Store, author.Store
	})
}

// agent makes an account, with rights on prompts of namespaces, and returns its token.
func (k *kubernetes) agent(t *testing.T, name string, o testenv.TokenOptions, verbs []string, namespaces ...string) string {
	t.Helper()
	account := testenv.Account{Namespace: "agents", Name: name}
	require.NoError(t, k.CreateAccount(t.Context(), account))
	for _, namespace := range namespaces {
		require.NoError(t, k.Grant(t.Context(), testenv.Grant{Name: name + namespace, Namespace: namespace, Account: account, Verbs: verbs}))
	}
	if o.Pod != "" {
		require.NoError(t, k.CreatePod(t.Context(), account, o.Pod))
	}
	o.Audiences = []string{testenv.Audience}
	token, err := k.RequestToken(t.Context(), account, o)
	require.NoError(t, err)
	return token
}

// listen opens a stream for everything a caller may follow, and returns its events as they come.
func (r *replica) listen(t *testing.T, token string, followed map[string]any) <-chan string {
	t.Helper()
	response := r.Open(t, t.Context(), request{
		RPC: "subscriptions/listen", ID: "7", Params: map[string]any{"notifications": followed},
		Header: map[string]string{"Authorization": "Bearer " + token},
	})
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != 200 {
		body, _ := io.ReadAll(response.Body)
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	events := make(chan string, 100)
	go func() {
		defer close(events)
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			if event, is := strings.CutPrefix(lines.Text(), "data: "); is {
				events <- event
			}
		}
	}()
	return events
}

// waitForEvent returns the first event that has a text in it, or how the stream ended.
func waitForEvent(t *testing.T, events <-chan string, text string, within time.Duration) string {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		select {
		case event, more := <-events:
			if !more {
				return "the end, without a result"
			}
			if strings.Contains(event, text) {
				return event
			}
		case <-late.C:
			t.Fatalf("no %s on the stream within %s", text, within)
		}
	}
}

var (
	everyList = map[string]any{"promptsListChanged": true, "toolsListChanged": true, "resourcesListChanged": true}
	readers   = []string{"get", "list"}
)

// TestKubernetes holds streams and lists of tools against a real API server.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	k, author := startKubernetes(t), library(t)
	t.Run("streams", func(t *testing.T) {
		t.Parallel()
		k.testStreams(t, author)
	})
	t.Run("tools", func(t *testing.T) {
		t.Parallel()
		k.testTools(t, author)
	})
}

// testStreams opens streams, reviewed at the interval servers have: whatever takes a caller's rights away, the stream ends with
// its result within a minute; and it hears of rights that come.
func (k *kubernetes) testStreams(t *testing.T, author *catalogtest.Author) {
	serving := k.serve(t, author, k.kubeconfig)
	agents := func(name string) testenv.Account { return testenv.Account{Namespace: "agents", Name: name} }
	ending := map[string]struct {
		agent    string
		o        testenv.TokenOptions
		lasts    time.Duration
		followed map[string]any
		change   func() error
	}{
		"RBAC removed": {
			"unbound", testenv.TokenOptions{}, 0, everyList,
			func() error {
				return k.Revoke(context.Background(), testenv.Grant{Name: "unboundit", Namespace: "it", Account: agents("unbound")})
			},
		},
		"RBAC of the resources removed": {
			"unfollowing", testenv.TokenOptions{}, 0,
			map[string]any{"resourceSubscriptions": []string{"prompt://it/greeting", "prompt://it/other"}},
			func() error {
				return k.Revoke(context.Background(), testenv.Grant{Name: "unfollowingit", Namespace: "it", Account: agents("unfollowing")})
			},
		},
		"ServiceAccount deleted": {
			"deleted", testenv.TokenOptions{}, 0, everyList,
			func() error { return k.DeleteAccount(context.Background(), agents("deleted")) },
		},
		"bound pod deleted": {
			"evicted", testenv.TokenOptions{Pod: "evicted-1"}, 0, everyList,
			func() error { return k.DeletePod(context.Background(), "agents", "evicted-1") },
		},
		"token expires in 40 s": {
			"expiring", testenv.TokenOptions{}, 40 * time.Second, everyList,
			func() error { return nil },
		},
	}
	for name, tc := range ending {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.lasts > 0 {
				tc.o.Expires = time.Now().Add(tc.lasts)
			}
			token := k.agent(t, tc.agent, tc.o, readers, "it")
			events := serving.listen(t, token, tc.followed)
			waitForEvent(t, events, "acknowledged", patience)
			require.NoError(t, tc.change())
			changed := time.Now()
			got := waitForEvent(t, events, `"id":7`, time.Minute)
			t.Logf("ended %.1f s after: %s", time.Since(changed).Seconds(), name)
			same(t, final("7"), got)
		})
	}
	t.Run("API server away", func(t *testing.T) {
		t.Parallel()
		k.testAway(t, author)
	})
	t.Run("a role is bound", func(t *testing.T) {
		t.Parallel()
		k.testBound(t, serving)
	})
}

// testAway: a stream lives on what is known until that runs out, and hears of what it may meanwhile.
func (k *kubernetes) testAway(t *testing.T, author *catalogtest.Author) {
	forwarder, err := testenv.StartForwarder(k.plane.Config.Host)
	require.NoError(t, err)
	content, err := os.ReadFile(k.kubeconfig)
	require.NoError(t, err)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(kubeconfig, []byte(strings.ReplaceAll(string(content), k.plane.Config.Host, forwarder.Route(k.plane.Config.Host))), 0o600))
	serving := k.serve(t, author, kubeconfig)
	token := k.agent(t, "forsaken", testenv.TokenOptions{}, readers, "support")
	events := serving.listen(t, token, everyList)
	waitForEvent(t, events, "acknowledged", patience)
	require.NoError(t, forwarder.Stop())
	away := time.Now()
	author.Publish(handoverKey, catalogtest.Text("Published while nobody answers."))
	waitForEvent(t, events, "prompts/list_changed", patience)
	got := waitForEvent(t, events, `"id":7`, time.Minute)
	t.Logf("ended %.1f s after the API server went away; a change at its beginning was told", time.Since(away).Seconds())
	same(t, final("7"), got)
	refused := serving.Send(t, request{RPC: "tools/list", Header: map[string]string{"Authorization": "Bearer " + token}})
	if refused.Status != 503 {
		t.Errorf("a request is answered %d %s", refused.Status, refused.Body)
	}
}

// testBound: a caller who may read one namespace is told of tools when it may change prompts, and of prompts when it may list
// more.
func (k *kubernetes) testBound(t *testing.T, serving *replica) {
	token := k.agent(t, "promoted", testenv.TokenOptions{}, readers, "it")
	events := serving.listen(t, token, everyList)
	waitForEvent(t, events, "acknowledged", patience)
	if before := serving.tools(t, token, "/mcp"); strings.Contains(before, "add_prompt") {
		t.Errorf("listed before: %s", before)
	}
	require.NoError(t, k.Grant(t.Context(), testenv.Grant{
		Name: "promoted-writes", Namespace: "it", Account: testenv.Account{Namespace: "agents", Name: "promoted"}, Verbs: []string{"create"},
	}))
	bound := time.Now()
	waitForEvent(t, events, "tools/list_changed", time.Minute)
	t.Logf("told of tools %.1f s after a role was bound", time.Since(bound).Seconds())
	if after := serving.tools(t, token, "/mcp"); !strings.Contains(after, "add_prompt") {
		t.Errorf("listed after: %s", after)
	}
	require.NoError(t, k.Grant(t.Context(), testenv.Grant{
		Name: "promoted-reads", Namespace: "support", Account: testenv.Account{Namespace: "agents", Name: "promoted"}, Verbs: readers,
	}))
	bound = time.Now()
	waitForEvent(t, events, "prompts/list_changed", time.Minute)
	t.Logf("told of prompts %.1f s after another namespace may be listed", time.Since(bound).Seconds())
}

// tools returns the names of the tools that are listed for the caller with a token, or the failure.
func (r *replica) tools(t *testing.T, token, path string) string {
	t.Helper()
	reply := r.Send(t, request{RPC: "tools/list", Path: path, Header: map[string]string{"Authorization": "Bearer " + token}})
	var answer struct {
		Result *struct{ Tools []struct{ Name string } }
	}
	require.NoError(t, json.Unmarshal([]byte(reply.Body), &answer))
	if answer.Result == nil {
		return reply.Failure(t)
	}
	names := make([]string, len(answer.Result.Tools))
	for i, tool := range answer.Result.Tools {
		names[i] = tool.Name
	}
	return strings.Join(names, " ")
}

// testTools lists the tools of callers with the rights of roles, at both endpoints and by two replicas, and calls what
// is not listed.
func (k *kubernetes) testTools(t *testing.T, author *catalogtest.Author) {
	replicas := []*replica{k.serve(t, author, k.kubeconfig), k.serve(t, author, k.kubeconfig)}
	const (
		reading = "apply_template diff_prompt_versions find_similar_prompts get_prompt get_stats list_prompt_versions list_prompts search_prompts"
		all     = "add_prompt apply_template delete_prompt diff_prompt_versions find_similar_prompts get_prompt get_prompt_change get_stats " +
			"list_prompt_versions list_prompts search_prompts set_prompt_channel update_prompt"
		promoting = "apply_template diff_prompt_versions find_similar_prompts get_prompt get_prompt_change get_stats list_prompt_versions list_prompts " +
			"search_prompts set_prompt_channel"
	)
	editing := strings.Replace(all, "set_prompt_channel ", "", 1)
	for name, tc := range map[string]struct {
		verbs      []string
		namespaces []string
		// at are the tools at /mcp, /mcp/it and /mcp/support.
		at [3]string
	}{
		"viewer everywhere": {readers, []string{""}, [3]string{reading, reading, reading}},
		"viewer":            {readers, []string{"support"}, [3]string{reading, "", reading}},
		"editor":            {[]string{"get", "list", "create", "patch", "delete"}, []string{"it"}, [3]string{editing, editing, ""}},
		"promoter":          {[]string{"get", "list", "promote"}, []string{"support"}, [3]string{promoting, "", promoting}},
		"admin":             {[]string{"*"}, []string{""}, [3]string{all, all, all}},
		"nobody":            {nil, nil, [3]string{"", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token := k.agent(t, "shown-"+strings.ReplaceAll(name, " ", "-"), testenv.TokenOptions{}, tc.verbs, tc.namespaces...)
			for i, path := range []string{"/mcp", "/mcp/it", "/mcp/support"} {
				for n, replica := range replicas {
					if diff := cmp.Diff(tc.at[i], replica.tools(t, token, path)); diff != "" {
						t.Errorf("replica %d at %s (-want +got)\n%s", n, path, diff)
					}
				}
				for tool := range strings.FieldsSeq(all + " no_such_tool") {
					if strings.Contains(tc.at[i], tool) {
						continue
					}
					q := callTool(tool, map[string]any{"id": "it/greeting"})
					q.Path, q.Header = path, map[string]string{"Authorization": "Bearer " + token}
					want := fmt.Sprintf(`400 -32602 no such tool as %q; tools/list has those there are for you`, tool)
					same(t, want, replicas[0].Send(t, q).Failure(t))
				}
			}
		})
	}
}
