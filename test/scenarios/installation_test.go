package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// noStackDatabase has a process not use the stack's own.
const noStackDatabase = "LECTERN_DATABASE_URL="

// testTrialInstallation starts an installation from nothing, as the chart does with a trial database: two controllers that start at
// once make the Secrets, with the rights of config/rbac; the database is made of what they say; servers mount the rest. Then a
// caller's change goes all the way, and the servers' password changes.
func testTrialInstallation(t *testing.T) {
	stack := authenticatedStack(t)
	s := openNamespace(t, stack)
	stack.Terminate(testenv.Controller) // it would take the prompts of every namespace
	t.Cleanup(func() { require.NoError(t, stack.Restart(context.Background(), testenv.Controller)) })
	require.NoError(t, s.createOwner(t.Context()))

	name := "trial_" + strings.ReplaceAll(uuid.NewString()[:8], "-", "")
	t.Cleanup(func() {
		for _, statement := range []string{
			"drop database if exists " + name + " with (force)", "drop role if exists " + strings.Join([]string{name, name + "_server", name + "_a", name + "_b"}, ", "),
		} {
			require.NoError(t, stack.Postgres.Exec(context.Background(), statement))
		}
	})
	controllers := []*extraProcess{s.launchTrialController(t, name), s.launchTrialController(t, name)}
	secrets := map[string]map[string][]byte{}
	for _, name := range []string{"lectern-intake", "lectern-trial", "lectern-server-database"} {
		require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
			var secret corev1.Secret
			err := s.api.Get(ctx, client.ObjectKey{Namespace: testenv.SystemNamespace, Name: name}, &secret)
			secrets[name] = secret.Data
			return err
		}))
	}
	for _, c := range controllers { // which wait for the database
		if status, body, err := c.probeReadiness(t.Context()); err == nil && status == 200 {
			t.Errorf("a controller without a database is ready: %s", body)
		}
	}
	trial := secrets["lectern-trial"]
	pgtest.RunRolesScript(t, stack.Postgres.URL, []string{
		"LECTERN_OWNER_PASSWORD=" + string(trial["owner-password"]),
		"LECTERN_SERVER_A_PASSWORD=" + string(trial["server-a-password"]), "LECTERN_SERVER_B_PASSWORD=" + string(trial["server-b-password"]),
	}, "owner="+name, "server="+name+"_server", "login_a="+name+"_a", "login_b="+name+"_b", "database="+name)
	for _, c := range controllers {
		require.NoError(t, wait.Until(t.Context(), c.checkReady))
	}

	mounted := testenv.NewMountedSecret(t.TempDir())
	require.NoError(t, mounted.Replace(secrets["lectern-server-database"]))
	endpoint := s.startTrialServer(t, name, mounted.Dir, secrets["lectern-intake"]["public.json"])
	callers, err := stack.ControlPlane.Callers()
	require.NoError(t, err)
	p := &provenScenario{T: t, Stack: stack, api: s.api, callers: callers, namespace: s.namespace}
	caller := p.newCaller(ours, everything...)
	agent, err := connectWithToken(t.Context(), endpoint, "", caller.token)
	require.NoError(t, err)
	t.Cleanup(agent.close)
	caller.session = agent.session
	caller.wantCall(`Created prompt "note"`, "add_prompt", map[string]any{"name": "note", "content": "one", "namespace": s.namespace})
	var note v1alpha1.Prompt
	require.NoError(t, s.api.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: "note"}, &note))

	s.changeTrialPassword(t, name, controllers)
	require.NoError(t, s.deletePrompts(t.Context(), "note"))
	require.NoError(t, s.waitUntilGone(t.Context(), "note"))
	require.NoError(t, s.checkRefusedSecrets(t.Context()))
}

// createOwner makes the Deployment that the controllers would run in, and a Secret that is none of theirs.
func (s *scenario) createOwner(ctx context.Context) error {
	labels := map[string]string{"app": "controller"}
	return errors.Join(
		s.api.Create(ctx, &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: testenv.SystemNamespace, Name: "lectern-controller"},
			Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
			}},
		}),
		s.api.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: testenv.SystemNamespace, Name: "others"}}))
}

// databaseArgs reach the database of an installation, by parts.
func (s *scenario) databaseArgs(t *testing.T, name string) []string {
	t.Helper()
	at, err := url.Parse(s.Postgres.URL)
	require.NoError(t, err)
	return []string{"--database-host=" + at.Hostname(), "--database-port=" + at.Port(), "--database-name=" + name, "--database-sslmode=disable"}
}

func (s *scenario) launchTrialController(t *testing.T, name string) *extraProcess {
	t.Helper()
	probe := testenv.FreeAddress(t)
	return s.launchExtraProcess(t, probe, append(testenv.LongLease(), "POD_NAME="+uuid.NewString(), noStackDatabase), append([]string{
		"controller", "--kubeconfig=" + s.ControlPlane.ControllerKubeconfig, "--leader-election-namespace=" + testenv.SystemNamespace,
		"--watch-namespaces=" + s.namespace,
		"--owner-deployment=lectern-controller", "--intake-key-secret=lectern-intake", "--trial-secret=lectern-trial",
		"--server-database-secret=lectern-server-database", "--server-login-roles=" + name + "_a," + name + "_b", "--server-role=" + name + "_server",
		"--database-user=" + name, "--database-password-secret=lectern-trial/owner-password",
		"--auth=kubernetes", "--audience=" + testenv.Audience, "--metrics-address=0", "--probe-address=" + probe,
	}, s.databaseArgs(t, name)...)...)
}

func (s *scenario) startTrialServer(t *testing.T, name, credentials string, publicKey []byte) (endpoint string) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "public.json")
	require.NoError(t, os.WriteFile(key, publicKey, 0o600))
	probe, address := testenv.FreeAddress(t), testenv.FreeAddress(t)
	server := s.launchExtraProcess(t, probe, []string{noStackDatabase}, append([]string{
		"server", "--address=" + address, "--metrics-address=" + probe, "--auth=kubernetes", "--audience=" + testenv.Audience, "--kubeconfig=" + s.ServerKubeconfig,
		"--intake-public-key-file=" + key, "--database-credentials-folder=" + credentials,
	}, s.databaseArgs(t, name)...)...)
	require.NoError(t, wait.Until(t.Context(), server.checkReady))
	return "http://" + address + "/mcp"
}

// changeTrialPassword has the controllers change the servers' password at their next start, with nothing but their own rights.
func (s *scenario) changeTrialPassword(t *testing.T, name string, controllers []*extraProcess) {
	t.Helper()
	for _, c := range controllers {
		c.stop()
	}
	_, err := s.ControlPlane.Kubectl(t.Context(), "annotate", "secret", "lectern-server-database", "--namespace="+testenv.SystemNamespace, "lectern.dev/password-changed-at-")
	require.NoError(t, err)
	s.launchTrialController(t, name)
	require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
		var secret corev1.Secret
		if err := s.api.Get(ctx, client.ObjectKey{Namespace: testenv.SystemNamespace, Name: "lectern-server-database"}, &secret); err != nil {
			return err
		}
		if user := string(secret.Data["user"]); user != name+"_b" {
			return fmt.Errorf("servers are told to log in as %s", user)
		}
		return nil
	}))
}

// checkRefusedSecrets returns an error where the controllers' account may read more than its three Secrets.
func (s *scenario) checkRefusedSecrets(ctx context.Context) error {
	var failed error
	for _, args := range [][]string{{"get", "secret", "others"}, {"get", "secrets"}, {"delete", "secret", "lectern-trial"}} {
		args = append(args, "--namespace="+testenv.SystemNamespace, "--kubeconfig="+s.ControlPlane.ControllerKubeconfig)
		if out, err := s.ControlPlane.Kubectl(ctx, args...); err == nil || !strings.Contains(out, "Forbidden") && !strings.Contains(out, "forbidden") {
			failed = errors.Join(failed, fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out))
		}
	}
	return failed
}
