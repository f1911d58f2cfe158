package server

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestServiceDesk_KubernetesRights: a real API server decides who may use a connection, by its name; a right that is taken away is gone.
func TestServiceDesk_KubernetesRights(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	keys, file := newSealKeys(t)
	owner := pgtest.New(t)
	fake := sdptest.Start(t, sdptest.Options{})
	storeTestConnection(t, owner, fake, keys)
	require.NoError(t, c.CreateNamespace(t.Context(), "support"))
	tokens := map[string]string{}
	grants := map[string]testenv.Grant{}
	for name, grant := range map[string]testenv.Grant{
		"named":     {Namespace: "support", Verbs: []string{"use"}, Objects: []string{"helpdesk"}},
		"namespace": {Namespace: "support", Verbs: []string{"use"}},
		"all":       {Verbs: []string{"use"}},
		"another":   {Namespace: "support", Verbs: []string{"use"}, Objects: []string{"other"}},
		"get":       {Namespace: "support", Verbs: []string{"get", "list", "operate"}},
	} {
		var account testenv.Account
		account, tokens[name] = c.newCaller(t, "callers-"+name)
		grant.Name, grant.Account, grant.Resource = "use-"+name, account, "sdpconnections"
		require.NoError(t, c.Grant(t.Context(), grant))
		grants[name] = grant
	}
	r := servingWith(t, pgtest.AsServerRole(t, owner), func(o *Options) {
		o.SealKeyFile, o.Egress = file, egressTo(t, fake.URL())
		o.Auth = parseAuth("--auth=kubernetes", "--audience="+testenv.Audience, "--kubeconfig="+c.kubeconfig)
	})
	require.Until(t, "ready", func() bool { return r.ready(t) })
	list := func(name string, arguments map[string]any) string {
		call := callTool("list_requests", arguments)
		call.Header = map[string]string{"Authorization": "Bearer " + tokens[name]}
		return r.Send(t, call).Body
	}
	named := map[string]any{"connection": "support/helpdesk", "view": "all"}
	for name, isAllowed := range map[string]bool{"named": true, "namespace": true, "all": true, "another": false, "get": false} {
		for _, arguments := range []map[string]any{named, {"view": "all"}} {
			got := list(name, arguments)
			if isAllowed != strings.Contains(got, "10 of 10 requests") || !isAllowed && !strings.Contains(got, "no such tool") {
				t.Errorf("who has the right %q, with %v: %s", name, arguments, got)
			}
		}
	}
	require.NoError(t, c.Revoke(t.Context(), grants["named"]))
	require.Until(t, "a right that was taken away is gone", func() bool { return strings.Contains(list("named", named), "no such tool") })
}
