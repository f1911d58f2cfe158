package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// canI runs `lectern can-i` with the rights of the servers' account, for the caller's token.
func (w *world) canI(t *testing.T, c *caller, args ...string) (printed string, exit int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(c.token), 0o600))
	cmd := exec.Command(w.Binary, append([]string{
		"can-i", "--token-file=" + file, "--audience=" + testenv.Audience, "--kubeconfig=" + w.ServerKubeconfig,
	}, args...)...)
	output, err := cmd.Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return string(output), cmd.ProcessState.ExitCode()
}

// TestCanI has the command say what each caller may, and holds that to what Kubernetes says.
func TestCanI(t *testing.T) {
	w := getWorld(t)
	account, err := w.newCaller(t.Context(), "asks-can-i", testenv.TokenOptions{},
		testenv.Grant{Namespace: red, Verbs: []string{"get", "list", "patch"}}, testenv.Grant{Namespace: blue, Verbs: []string{"get"}, Objects: []string{handover}},
		testenv.Grant{Verbs: []string{"promote"}},
		testenv.Grant{Namespace: green, Verbs: []string{"use"}, Resource: "sdpconnections"})
	require.NoError(t, err)
	w.waitForRights(t, account)
	printed, exit := w.canI(t, account, "-o=json", "-n="+strings.Join(namespaces, ","))
	var report struct {
		Subject string
		Rights  []struct {
			Verb, Namespace string
			Allowed         bool
			Surfaces        []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(printed), &report))
	if exit != 0 || report.Subject != account.user.UserName || len(report.Rights) < 2*(len(everyVerb)+2) {
		t.Errorf("ended with %d: %s", exit, printed)
	}
	for _, r := range report.Rights {
		want, err := w.may(t.Context(), account, r.Verb, r.Namespace, "")
		require.NoError(t, err)
		if want && slices.Contains([]string{"patch", "delete", "promote"}, r.Verb) { // what may not be read is not there
			want, err = w.may(t.Context(), account, "get", r.Namespace, "")
			require.NoError(t, err)
		}
		if r.Allowed != want {
			t.Errorf("%s in %q: %t, and Kubernetes says %t", r.Verb, r.Namespace, r.Allowed, want)
		}
	}
	for _, name := range []string{handover, greeting} {
		for _, namespace := range namespaces {
			want, err := w.may(t.Context(), account, "get", namespace, name)
			require.NoError(t, err)
			if _, exit := w.canI(t, account, "get", namespace+"/"+name); (exit == 0) != want {
				t.Errorf("get %s/%s ended with %d, and Kubernetes says %t", namespace, name, exit, want)
			}
		}
	}
	t.Logf("%d rights and %d names", len(report.Rights), 2*len(namespaces))
}

// TestServedVerbs: every tool is named beside the verb it asks for, but for the one that asks for none.
func TestServedVerbs(t *testing.T) {
	w := getWorld(t)
	w.offerEverything(t, green)
	everybody, err := w.newCaller(t.Context(), "has-all-tools", testenv.TokenOptions{}, testenv.Grant{Verbs: append([]string{"audit"}, everyVerb...)},
		testenv.Grant{Verbs: []string{"use", "operate"}, Resource: "sdpconnections"})
	require.NoError(t, err)
	w.waitForRights(t, everybody)
	var named []string
	for _, served := range access.ServedVerbs() {
		for _, surface := range served.Surfaces {
			if !strings.ContainsAny(surface, "/ ") {
				named = append(named, surface)
			}
		}
	}
	named = append(named, "get_prompt_change") // of the caller's own changes
	slices.Sort(named)
	require.Eventually(t, func() error { // a list of tools is kept for 30 s
		var reply struct {
			Result struct{ Tools []struct{ Name string } }
		}
		body := w.ask(t, everybody, "", transporttest.Request{RPC: "tools/list"}).Body
		if err := json.Unmarshal([]byte(body), &reply); err != nil {
			return err
		}
		var tools []string
		for _, tool := range reply.Result.Tools {
			tools = append(tools, tool.Name)
		}
		slices.Sort(tools)
		if diff := cmp.Diff(tools, named); diff != "" {
			return fmt.Errorf("(-tools +named)\n%s", diff)
		}
		return nil
	})
}
