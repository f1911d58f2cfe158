package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// TestOutage_ByRights: while the database is away, what is in memory is served by the rights of each caller: to who may read it,
// and to nobody else, who is told what is told of a prompt that is not there.
func TestOutage_ByRights(t *testing.T) {
	t.Parallel()
	cluster, author := startCluster(t), catalogtest.NewAuthor(t)
	for _, namespace := range []string{"team-aa", "team-bb", "team-cc"} {
		author.Publish(store.Key{Namespace: namespace, Name: "known"}, catalogtest.Text("Text of "+namespace))
	}
	some, someToken := cluster.newCaller(t, "some")
	cluster.grant(t, some, "team-bb", "get", "list")
	cluster.grant(t, some, "team-cc", "get", "list")
	all, allToken := cluster.newCaller(t, "all")
	require.NoError(t, cluster.Grant(context.WithoutCancel(t.Context()), testenv.Grant{Name: "may-all", Account: all, Verbs: []string{"get", "list"}}))

	replica := cluster.startReplica(t, author)
	send := func(token, method string, params map[string]any) string {
		t.Helper()
		return replica.Send(t, request{RPC: method, Params: params, Header: map[string]string{"Authorization": "Bearer " + token}}).Body
	}
	get := func(token, name string) string {
		t.Helper()
		body := send(token, "prompts/get", map[string]any{"name": name})
		for _, said := range []string{"Text of team-aa", "Text of team-bb", "Text of team-cc", "no such prompt, or not yours to read", "the store is away"} {
			if strings.Contains(body, said) {
				return said
			}
		}
		return body
	}
	list := func(token string) []string {
		t.Helper()
		body := send(token, "prompts/list", nil)
		return slices.DeleteFunc([]string{"team-aa.known", "team-bb.known", "team-cc.known", "the store is away"}, func(name string) bool {
			return !strings.Contains(body, name)
		})
	}
	type answers struct{ ofSome, ofAll map[string]string }
	ask := func() (got answers) {
		got = answers{map[string]string{}, map[string]string{}}
		for _, name := range []string{"team-aa.known", "team-bb.known", "team-aa.other", "team-bb.other"} {
			got.ofAll[name], got.ofSome[name] = get(allToken, name), get(someToken, name)
		}
		got.ofSome["list"], got.ofAll["list"] = fmt.Sprint(list(someToken)), fmt.Sprint(list(allToken))
		return got
	}
	const unknown, away = "no such prompt, or not yours to read", "the store is away"
	want := answers{
		ofSome: map[string]string{"team-aa.known": unknown, "team-bb.known": "Text of team-bb", "team-aa.other": unknown, "team-bb.other": unknown, "list": "[team-bb.known team-cc.known]"},
		ofAll:  map[string]string{"team-aa.known": "Text of team-aa", "team-bb.known": "Text of team-bb", "team-aa.other": unknown, "team-bb.other": unknown, "list": "[team-aa.known team-bb.known team-cc.known]"},
	}
	if diff := cmp.Diff(want, ask(), cmp.AllowUnexported(answers{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	replica.statements.cutOff()
	for _, of := range []map[string]string{want.ofSome, want.ofAll} {
		for name, said := range of {
			if said == unknown {
				of[name] = away
			}
		}
	}
	if diff := cmp.Diff(want, ask(), cmp.AllowUnexported(answers{})); diff != "" {
		t.Errorf("while the database is away (-want +got)\n%s", diff)
	}
}
