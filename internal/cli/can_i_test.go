package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/access/accesstest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// canI asks a real API server.
type canI struct {
	*testenv.Callers
	plane *testenv.ControlPlane
	// tokens are all that files of this test hold.
	tokens []string
}

func startCanI(t *testing.T) *canI {
	t.Helper()
	plane, err := testenv.StartControlPlane(t.Context(), testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(plane.Stop)
	callers, err := plane.Callers()
	require.NoError(t, err)
	root, err := testenv.Root()
	require.NoError(t, err)
	for _, role := range []string{"agent", "edit", "promoter", "technician"} {
		_, err = plane.Kubectl(t.Context(), "create", "--filename", filepath.Join(root, "config", "rbac", role+"_role.yaml"))
		require.NoError(t, err)
	}
	return &canI{Callers: callers, plane: plane}
}

// run gives what the command prints, and its error. No token may be in either, in any part.
func (c *canI) run(t *testing.T, args ...string) (printed, failed string) {
	t.Helper()
	printed, failed = run(t, CanICommand(), "/none", "", append(args, "--kubeconfig="+c.plane.Kubeconfig)...)
	for _, token := range c.tokens {
		for at := 0; at+12 <= len(token); at++ {
			if strings.Contains(printed+failed, token[at:at+12]) {
				t.Fatalf("%s of a token is printed by can-i %v", token[at:at+12], args)
			}
		}
	}
	return printed, failed
}

// write writes a token to a file.
func (c *canI) write(t *testing.T, token string) string {
	t.Helper()
	c.tokens = append(c.tokens, token)
	name := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(name, []byte(token+"\n"), 0o600))
	return name
}

const canIAudience = "http://lectern.test/mcp"

func TestCanICommand(t *testing.T) {
	t.Parallel()
	c := startCanI(t)
	t.Run("one question", c.testOneQuestion)
	t.Run("everything", c.testEverything)
	t.Run("refused", c.testRefused)
}

// testOneQuestion asks about a ServiceAccount, by its token and by its name.
func (c *canI) testOneQuestion(t *testing.T) {
	account := testenv.Account{Namespace: "agents", Name: "triage"}
	require.NoError(t, c.CreateAccount(t.Context(), account))
	for _, namespace := range []string{"support", "legal"} {
		require.NoError(t, c.CreateNamespace(t.Context(), namespace))
	}
	require.NoError(t, c.Grant(t.Context(), testenv.Grant{Name: "readers", Namespace: "support", Account: account, Verbs: []string{"get", "list"}}))
	require.NoError(t, c.Grant(t.Context(), testenv.Grant{Name: "blind", Namespace: "agents", Account: account, Verbs: []string{"patch"}}))
	require.NoError(t, c.Grant(t.Context(), testenv.Grant{Name: "one", Namespace: "legal", Account: account, Verbs: []string{"get"}, Objects: []string{"terms"}}))
	token, err := c.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: []string{canIAudience}})
	require.NoError(t, err)
	for _, granted := range [][]string{{"list", "-n=support"}, {"get", "legal/terms"}, {"patch", "agents/any"}} {
		require.Eventually(t, func() error { // RBAC follows its objects by a watch
			if printed, _ := c.run(t, append(granted, "--as="+account.Subject())...); strings.HasPrefix(printed, "no\n") {
				return fmt.Errorf("%v is not granted yet: %s", granted, printed)
			}
			return nil
		})
	}
	proven := []string{"--token-file=" + c.write(t, token), "--audience=" + canIAudience}
	named := []string{"--as=" + account.Subject()}
	const allowed = `RBAC: allowed by RoleBinding "readers/support" of Role "readers" to ServiceAccount "triage/agents"`
	const getSurfaces = "get is asked for by: prompts/get, resources/read, subscriptions/listen to one prompt, completion of values and versions, get_prompt, apply_template, list_prompt_versions, diff_prompt_versions\n"
	const notes = "note: promote guards channels that name a version. What follows the newest version changes with every patch: latest, " +
		"a channel without a version, and an include that is not pinned ({{> name}} instead of {{> name@3}}).\n" +
		"note: a right to write is no promise: objects that kubectl, Helm, Argo CD or Flux own are changed over MCP only where their annotation lectern.dev/agents allows it.\n"
	for name, tc := range map[string]struct {
		args            []string
		printed, failed string
	}{
		"yes, with the binding": {[]string{"get", "support/handover"}, "yes - " + allowed + "\n" + getSurfaces, ""},
		"yes, of one prompt":    {[]string{"get", "legal/terms"}, "yes - RBAC: allowed by RoleBinding \"one/legal\" of Role \"one\" to ServiceAccount \"triage/agents\"\n" + getSurfaces, ""},
		"no, of another": {
			[]string{"get", "legal/contract"},
			"no\nto allow it: kubectl create rolebinding NAME --namespace=legal --clusterrole=lectern-agent --serviceaccount=agents:triage\n" + getSurfaces,
			"the caller may not",
		},
		"no, everywhere": {
			[]string{"get"}, "no\nto allow it: kubectl create clusterrolebinding NAME --clusterrole=lectern-agent --serviceaccount=agents:triage\n" + getSurfaces,
			"the caller may not",
		},
		"no, without get": {
			[]string{"patch", "agents/any"},
			"no - patch is allowed, but get is not, and what a caller may not get does not exist for them\n" +
				"to allow it: kubectl create rolebinding NAME --namespace=agents --clusterrole=lectern-agent --serviceaccount=agents:triage\n" +
				"patch is asked for by: update_prompt\n" + notes,
			"the caller may not",
		},
		"two namespaces": {
			[]string{"get", "-n", "support,legal"},
			"support: yes - " + allowed + "\nlegal: no\nto allow it: kubectl create rolebinding NAME --namespace=legal --clusterrole=lectern-agent --serviceaccount=agents:triage\n" + getSurfaces,
			"the caller may not",
		},
		"a name of 300 bytes": {
			[]string{"get", "legal/" + strings.Repeat("a", 300)},
			"no - no name is longer than 253 bytes\nto allow it: kubectl create rolebinding NAME --namespace=legal --clusterrole=lectern-agent --serviceaccount=agents:triage\n" + getSurfaces,
			"the caller may not",
		},
	} {
		for how, caller := range map[string][]string{"proven": proven, "named": named} {
			t.Run(name+", "+how, func(t *testing.T) {
				printed, failed := c.run(t, slices.Concat(tc.args, caller)...)
				if diff := cmp.Diff([]string{tc.printed, tc.failed}, []string{printed, failed}); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	}
	t.Run("the advice is right", func(t *testing.T) { c.followAdvice(t, account) })
}

// followAdvice runs what can-i says would allow a verb, and asks again.
func (c *canI) followAdvice(t *testing.T, account testenv.Account) {
	t.Helper()
	advice := regexp.MustCompile(`to allow it: kubectl (.*)`)
	byHand := regexp.MustCompile(`it is made by hand: kubectl (.*)`)
	for i, verb := range verbNames() {
		args := []string{verb, "-n=agents", "--as=" + account.Subject()}
		if printed, _ := c.run(t, args...); !strings.HasPrefix(printed, "yes - ") {
			found := advice.FindStringSubmatch(printed)
			if found == nil {
				t.Fatalf("no advice in %q", printed)
			}
			if role := byHand.FindStringSubmatch(printed); role != nil {
				_, err := c.plane.Kubectl(t.Context(), strings.Fields(role[1])...)
				require.NoError(t, err)
			}
			command := strings.Replace(found[1], "NAME", fmt.Sprintf("advice-%d", i), 1)
			_, err := c.plane.Kubectl(t.Context(), strings.Fields(command)...)
			require.NoError(t, err)
		}
		require.Eventually(t, func() error { // RBAC follows its objects by a watch
			if printed, failed := c.run(t, args...); failed != "" || !strings.HasPrefix(printed, "yes - RBAC: allowed by RoleBinding") {
				return fmt.Errorf("%s %s", printed, failed)
			}
			return nil
		})
	}
}

// testEverything asks for all verbs, as a table and as JSON, for a user of an OIDC issuer.
func (c *canI) testEverything(t *testing.T) {
	for _, namespace := range []string{"support", "legal"} {
		require.NoError(t, c.CreateNamespace(t.Context(), namespace))
	}
	require.NoError(t, c.Grant(t.Context(), testenv.Grant{Name: "everywhere", User: "oidc:anna o'hara", Verbs: []string{"get"}}))
	require.NoError(t, c.Grant(t.Context(), testenv.Grant{Name: "writers", Namespace: "support", Group: "oidc:staff", Verbs: []string{"list", "create", "patch"}}))
	issuer := accesstest.StartIssuer(t)
	token := issuer.Token(t, accesstest.Claims{"sub": "anna o'hara", "groups": []string{"staff"}, "aud": canIAudience})
	args := []string{
		"--auth=oidc", "--audience=" + canIAudience, "--oidc-issuer-url=" + issuer.URL, "--oidc-ca-file=" + issuer.CAFile,
		"--oidc-username-prefix=oidc:", "--oidc-groups-prefix=oidc:", "--oidc-groups-claim=groups", "--token-file=" + c.write(t, token),
	}
	const table = `caller: oidc:anna o'hara
groups: oidc:staff, system:authenticated

NAMESPACE  GET  LIST  CREATE  PATCH  DELETE  PROMOTE  USE  OPERATE  AUDIT
(all)      yes  no    no      no     no      no       no   no       no
support    yes  yes   yes     yes    no      no       no   no       no
and 5 namespaces with no more than (all)

allowed by:
  get: RBAC: allowed by ClusterRoleBinding "everywhere" of ClusterRole "everywhere" to User "oidc:anna o'hara"
  list, create, patch: RBAC: allowed by RoleBinding "writers/support" of Role "writers" to Group "oidc:staff"

allowed nowhere; to allow more in a namespace:
  kubectl create rolebinding NAME --namespace=NAMESPACE --clusterrole=lectern-edit --user='oidc:anna o'\''hara'
  kubectl create rolebinding NAME --namespace=NAMESPACE --clusterrole=lectern-promoter --user='oidc:anna o'\''hara'
  kubectl create rolebinding NAME --namespace=NAMESPACE --clusterrole=lectern-agent --user='oidc:anna o'\''hara'
  kubectl create rolebinding NAME --namespace=NAMESPACE --clusterrole=lectern-technician --user='oidc:anna o'\''hara'
  kubectl create rolebinding NAME --namespace=NAMESPACE --clusterrole=lectern-auditor --user='oidc:anna o'\''hara'
`
	var printed, failed string
	require.Eventually(t, func() error { // RBAC follows its objects by a watch
		if printed, failed = c.run(t, args...); failed != "" || !strings.Contains(printed, "support ") {
			return fmt.Errorf("%s %s", printed, failed)
		}
		return nil
	})
	head, tail, _ := strings.Cut(printed, "\nasked for by:\n")
	head = regexp.MustCompile(`and \d+ namespaces`).ReplaceAllString(head, "and 5 namespaces") // those of the cluster itself
	if diff := cmp.Diff(table, head); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.Contains(tail, "  promote: set_prompt_channel\n") || !strings.Contains(tail, "  operate: create_request, ") ||
		!strings.Contains(tail, "  audit: audit_search\n") || !strings.Contains(tail, "note: promote guards channels that name a version.") ||
		!strings.Contains(tail, "note: delete_prompt of a prompt that has channels takes promote, too") {
		t.Errorf("what is asked for, and what promote does not guard, is missing: %s", tail)
	}

	printed, failed = c.run(t, append(args, "-o=json", "-n=support")...)
	var report rightsReport
	require.NoError(t, json.Unmarshal([]byte(printed), &report))
	got := map[string]bool{}
	for _, r := range report.Rights {
		got[r.Namespace+" "+string(r.Verb)] = r.Allowed
	}
	want := map[string]bool{
		" get": true, " list": false, " create": false, " patch": false, " delete": false, " promote": false, " use": false, " operate": false, " audit": false,
		"support list": true, "support create": true, "support patch": true, "support delete": false, "support promote": false, "support use": false, "support operate": false, "support audit": false,
	}
	if diff := cmp.Diff(want, got); diff != "" || failed != "" || report.Subject != "oidc:anna o'hara" || report.Proof != "oidc" || len(report.Notes) != 4 {
		t.Errorf("%s %+v (-want +got)\n%s", failed, report, diff)
	}
}

// testRefused looks at callers who are nobody, and at command lines that make no sense.
func (c *canI) testRefused(t *testing.T) {
	account := testenv.Account{Namespace: "agents", Name: "triage"}
	require.NoError(t, c.CreateAccount(t.Context(), account))
	elsewhere, err := c.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: []string{"https://elsewhere"}})
	require.NoError(t, err)
	file, garbage := c.write(t, elsewhere), c.write(t, "garbage-and-more-garbage")
	audience := "--audience=" + canIAudience
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"nobody":                  {nil, "say who the caller is: either --token-file or --as"},
		"two callers":             {[]string{"--as=a", "--token-file=" + file}, "say who the caller is: either --token-file or --as"},
		"a group alone":           {[]string{"--as-group=a", "--token-file=" + file}, "--as-group needs --as"},
		"an unknown verb":         {[]string{"watch", "--as=a"}, `verb "watch" is not one of get, list, create, patch, delete, promote, use, operate, audit`},
		"a list of one":           {[]string{"list", "a/b", "--as=a"}, "list is asked of a namespace, not of an object: name it with -n"},
		"a name alone":            {[]string{"get", "b", "--as=a"}, `"b" is not NAMESPACE/NAME`},
		"a namespace twice":       {[]string{"get", "a/b", "-n=a", "--as=a"}, "-n and NAMESPACE/NAME both name a namespace: leave out one"},
		"an unknown format":       {[]string{"-o=yaml", "--as=a"}, `--output is "yaml"; it can be table or json`},
		"no audience":             {[]string{"--token-file=" + file}, "--auth=kubernetes needs --audience"},
		"no authentication":       {[]string{"--auth=none", "--as=a"}, "with --auth=none everybody may everything"},
		"a token for others":      {[]string{"--token-file=" + file, audience}, "find out whom --token-file proves: the token is not valid: "},
		"garbage":                 {[]string{"--token-file=" + garbage, audience}, "find out whom --token-file proves: the token is not valid: "},
		"no such file":            {[]string{"--token-file=/none/token", audience}, "read --token-file: open DIR/token"},
		"a token for its file":    {[]string{"--token-file=eyJhbGciOiJub25lIn0.e30.", audience}, "--token-file is the path of a file with the token, and not the token itself"},
		"a file with two tokens":  {[]string{"--token-file=" + c.write(t, "first-token-of-two\nsecond-token-of-two"), audience}, "holds more than a token"},
		"an empty file":           {[]string{"--token-file=" + c.write(t, ""), audience}, "is empty: it must hold a token"},
		"a file that never ended": {[]string{"--token-file=" + c.write(t, strings.Repeat("0123456789abcdef", 5000)), audience}, "is longer than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			printed, failed := c.run(t, tc.args...)
			if printed != "" || !strings.Contains(failed, tc.want) {
				t.Errorf("%q and %q, not %q", printed, failed, tc.want)
			}
		})
	}
	c.plane.StopServers()
	if printed, failed := c.run(t, "get", "--as=a"); printed != "" || !strings.HasPrefix(failed, "ask Kubernetes: "+access.ErrUnavailable.Error()) {
		t.Errorf("without an API server: %q and %q", printed, failed)
	}
}
