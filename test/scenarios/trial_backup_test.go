package scenarios

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// testTrialBackup runs the scripts that the chart has for dumps and restores of its trial database, under a running
// controller and servers: what was made after the dump goes, a new epoch has servers read anew, and the objects bring it back.
func testTrialBackup(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	programs := s.findDumpPrograms(t)
	chart := renderTrial(t)
	dumps := t.TempDir()
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("kept", "Before the dump")))
	require.NoError(t, s.waitUntilPublished(ctx))
	for _, old := range []string{"lectern-20250101T000000Z.dump", "lectern-20250102T000000Z.dump", "lectern-20250103T000000Z.dump.part"} {
		require.NoError(t, os.WriteFile(filepath.Join(dumps, old), nil, 0o600))
	}
	s.runScript(t, chart["lectern-backup"].Containers[0], programs, dumps)
	kept, err := filepath.Glob(filepath.Join(dumps, "*"))
	require.NoError(t, err)
	if len(kept) != 2 || filepath.Base(kept[0]) != "lectern-20250102T000000Z.dump" {
		t.Errorf("two dumps are to be kept; there are %q", kept)
	}

	require.NoError(t, s.editText(ctx, "kept", "After the dump"))
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("later", "Made after the dump")))
	require.NoError(t, s.waitUntilPublished(ctx))
	require.NoError(t, s.waitUntilServed(ctx, "later", nil, "Made after the dump"))

	s.Terminate(testenv.Controller)
	restore := chart["lectern-restore"]
	s.runScript(t, restore.InitContainers[0], programs, dumps)
	s.runLectern(t, restore.Containers[0].Args[:2]...) // where the database is, the scenario's environment says
	require.NoError(t, s.waitUntilServed(ctx, "kept", nil, "Before the dump"))
	require.NoError(t, s.waitUntilRefused(ctx, "later", nil, -32602, "no such prompt"))

	require.NoError(t, s.Restart(ctx, testenv.Controller))
	require.NoError(t, s.waitUntilServed(ctx, "kept", nil, "After the dump"))
	require.NoError(t, s.waitUntilServed(ctx, "later", nil, "Made after the dump"))
	// With a controller that works on meanwhile, and reads all objects again when it starts.
	s.runScript(t, restore.InitContainers[0], programs, dumps)
	s.runLectern(t, restore.Containers[0].Args[:2]...)
	require.NoError(t, s.waitUntilServed(ctx, "kept", nil, "Before the dump"))
	require.NoError(t, s.Restart(ctx, testenv.Controller))
	require.NoError(t, s.waitUntilServed(ctx, "kept", nil, "After the dump"))
	require.NoError(t, s.waitUntilServed(ctx, "later", nil, "Made after the dump"))
	require.NoError(t, s.waitUntilPublished(ctx))
}

// findDumpPrograms returns the folder with pg_dump and pg_restore of the server's version: older ones refuse it. Without them the test
// is skipped, which CI must not do but for servers that come without programs of clients.
func (s *scenario) findDumpPrograms(t *testing.T) (folder string) {
	t.Helper()
	path, err := s.Postgres.FindProgram("pg_dump")
	switch {
	case err == nil:
		return filepath.Dir(path)
	case os.Getenv("CI") == "true" && !errors.Is(err, testenv.ErrServerAlone):
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// renderTrial returns the pods of the chart's CronJobs, with a database of its own that is dumped.
func renderTrial(t *testing.T) map[string]corev1.PodSpec {
	t.Helper()
	helm, err := testenv.PinnedProgram(t.Context(), "helm")
	require.NoError(t, err)
	rendered, err := exec.CommandContext(t.Context(), helm, "template", "lectern", "../../charts/lectern", "--kube-version=1.37.1",
		"--set=database.mode=trial", "--set=database.trial.backup.enabled=true", "--set=database.trial.backup.keep=2").Output()
	require.NoError(t, err)
	pods := map[string]corev1.PodSpec{}
	for document := range strings.SplitSeq(string(rendered), "\n---\n") {
		var job batchv1.CronJob
		if err := yaml.Unmarshal([]byte(document), &job); err == nil && job.Kind == "CronJob" {
			pods[job.Name] = job.Spec.JobTemplate.Spec.Template.Spec
		}
	}
	return pods
}

// runScript runs the script of a container as the image would, with the scenario's database, and programs and folders of this machine.
func (s *scenario) runScript(t *testing.T, c corev1.Container, programs, dumps string) {
	t.Helper()
	owner, err := url.Parse(s.OwnerURL)
	require.NoError(t, err)
	passwords := t.TempDir()
	password, _ := owner.User.Password()
	require.NoError(t, os.WriteFile(filepath.Join(passwords, "owner-password"), []byte(password), 0o600))
	script := strings.NewReplacer("/dumps/", dumps+"/", "/run/lectern-trial/", passwords+"/").Replace(c.Command[len(c.Command)-1])
	cmd := exec.CommandContext(t.Context(), c.Command[0], append(c.Command[1:len(c.Command)-1:len(c.Command)-1], script)...)
	cmd.Env = os.Environ()
	for _, v := range c.Env {
		cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
	}
	cmd.Env = append(cmd.Env, "PATH="+programs+":"+os.Getenv("PATH"), "PGHOST="+owner.Hostname(), "PGPORT="+owner.Port(), "PGUSER="+owner.User.Username(), "PGDATABASE="+strings.TrimPrefix(owner.Path, "/"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the script of container %s: %v\n%s\n%s", c.Name, err, script, out)
	}
}
