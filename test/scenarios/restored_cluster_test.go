package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// testEtcdRestore puts the cluster back to an older backup: generations and resource versions go
// backwards, and still it is the live object that counts.
func testEtcdRestore(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("old", "Before the backup"), s.newPrompt("same", "Never touched")))
	require.NoError(t, s.waitUntilPublished(ctx))
	// It lets its Lease go. One that is held in the backup is waited out after the restore, which shows nothing.
	s.Terminate(testenv.Controller)
	backup, err := s.ControlPlane.Backup(ctx)
	require.NoError(t, err)
	require.NoError(t, s.Restart(ctx, testenv.Controller))

	for i := 2; i <= 4; i++ {
		require.NoError(t, s.editText(ctx, "old", fmt.Sprintf("Text %d, lost with the restore", i)))
		_, err := s.waitForReason(ctx, "old", v1alpha1.ReasonPublished)
		require.NoError(t, err)
	}
	require.NoError(t, s.waitUntilServed(ctx, "old", nil, "Text 4, lost with the restore"))

	require.NoError(t, s.ControlPlane.Restore(ctx, backup))
	// As Kubernetes asks after a restore: who watched before goes on from a resource version that is in
	// the future now, and hears nothing.
	require.NoError(t, s.Restart(ctx, testenv.Controller))
	require.NoError(t, s.waitUntilServed(ctx, "old", nil, "Before the backup"))
	require.NoError(t, s.waitUntilServed(ctx, "old@4", nil, "Text 4, lost with the restore"))
	require.NoError(t, s.waitUntilServed(ctx, "same", nil, "Never touched"))
	for name, want := range map[string]int64{"old": 5, "same": 1} {
		require.NoError(t, wait.Until(ctx, func(ctx context.Context) error {
			// The restored status is Published too, of version 1.
			p, err := s.waitForReason(ctx, name, v1alpha1.ReasonPublished)
			if err == nil && p.Status.Version != want {
				err = fmt.Errorf("the newest version of %s is %d; want %d", name, p.Status.Version, want)
			}
			return err
		}))
	}
	require.NoError(t, s.editText(ctx, "old", "After all"))
	require.NoError(t, s.waitUntilServed(ctx, "old", nil, "After all"))
}

// testRecreatedObjects dumps and restores of the objects: under every live row there is suddenly
// an object of the same name with another UID.
func testRecreatedObjects(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	const count = 40
	name := func(i int) string { return fmt.Sprintf("p-%02d", i) }
	text := func(i, edition int) string { return fmt.Sprintf("Prompt %d, edition %d", i, edition) }
	for i := range count {
		require.NoError(t, s.createPrompts(ctx, s.newPrompt(name(i), text(i, 1))))
	}
	require.NoError(t, s.waitUntilPublished(ctx))

	s.Terminate(testenv.Controller)
	want := map[string]int64{}
	for i := range count {
		require.NoError(t, s.deleteBehindController(ctx, name(i)))
		edition := 1 + i%2 // every second one differs from its row
		require.NoError(t, s.createPrompts(ctx, s.newPrompt(name(i), text(i, edition))))
		want[name(i)] = int64(edition)
	}
	require.NoError(t, s.Restart(ctx, testenv.Controller))
	require.NoError(t, s.waitUntilPublished(ctx))
	got := map[string]int64{}
	var all v1alpha1.PromptList
	require.NoError(t, s.listObjects(ctx, &all))
	for _, p := range all.Items {
		got[p.Name] = p.Status.Version
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("newest versions (-want +got):\n%s", diff)
	}
	for i := range count {
		require.NoError(t, s.waitUntilServed(ctx, name(i), nil, text(i, 1+i%2)))
	}
}

// testSecondCluster points the controller of another cluster at the same database.
func testSecondCluster(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("ours", "Of the first cluster")))
	require.NoError(t, s.waitUntilPublished(ctx))
	require.NoError(t, s.waitUntilServed(ctx, "ours", nil, "Of the first cluster"))

	plane, err := testenv.StartControlPlane(ctx, testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(plane.Stop)
	api, err := newClient(plane.Config)
	require.NoError(t, err)
	theirs := &scenario{Stack: s.Stack, api: api, namespace: "default", agents: s.agents}
	require.NoError(t, theirs.createPrompts(ctx, theirs.newPrompt("theirs", "Of the second cluster")))
	// What the first cluster does has come to rest; from here on nobody may write.
	s.Terminate(testenv.Controller)
	before := s.databaseFingerprint(t)

	second := s.startSecondController(t, plane, s.OwnerURL, "--leader-elect=false")
	require.NoError(t, wait.Until(ctx, second.explainsByLog("lectern migrate --adopt-cluster")))
	p, err := theirs.waitForReason(ctx, "theirs", v1alpha1.ReasonForeignCluster)
	require.NoError(t, err)
	if _, message := readyCondition(p); !strings.Contains(message, "lectern migrate --adopt-cluster") {
		t.Errorf("the object says %q, and not what to do", message)
	}
	require.NoError(t, theirs.verifyVerdicts(ctx))
	if diff := cmp.Diff(before, s.databaseFingerprint(t)); diff != "" {
		t.Errorf("the second cluster wrote (-before +after):\n%s", diff)
	}

	s.runLectern(t, "migrate", "--adopt-cluster")
	require.NoError(t, wait.Until(ctx, second.checkReady))
	require.NoError(t, theirs.editText(ctx, "theirs", "Of the second cluster, which has it now"))
	_, err = theirs.waitForReason(ctx, "theirs", v1alpha1.ReasonPublished)
	require.NoError(t, err)
	require.NoError(t, theirs.waitUntilServed(ctx, "theirs", nil, "Of the second cluster, which has it now"))
	require.NoError(t, theirs.deletePrompts(ctx, "theirs"))
	require.NoError(t, theirs.waitUntilGone(ctx, "theirs"))
	second.stop()

	// Back again, or every later scenario would be refused.
	s.runLectern(t, "migrate", "--adopt-cluster")
	require.NoError(t, s.Restart(ctx, testenv.Controller))
	require.NoError(t, s.editText(ctx, "ours", "Of the first cluster again"))
	require.NoError(t, s.waitUntilServed(ctx, "ours", nil, "Of the first cluster again"))
}

// databaseFingerprint returns everything in the database, with the transaction that wrote each row.
func (s *scenario) databaseFingerprint(t *testing.T) []string {
	t.Helper()
	var rows []string
	require.NoError(t, s.queryRow(t.Context(), []any{&rows}, `
		select array_agg(line order by line) from (
		  select format('installation %s', i) from installation i
		  union all select format('feed %s', f) from feed f
		  union all select format('prompt %s xmin %s', id, xmin) from prompts
		  union all select format('version %s/%s xmin %s', prompt_id, version, xmin) from prompt_versions
		  union all select format('channel %s/%s xmin %s', prompt_id, name, xmin) from prompt_channels
		) as lines (line)`))
	return rows
}

// runLectern runs a command of the stack's binary.
func (s *scenario) runLectern(t *testing.T, args ...string) {
	t.Helper()
	if out, err := s.Command(t.Context(), args...).CombinedOutput(); err != nil {
		t.Fatalf("lectern %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// extraProcess is a controller or a server beside the stack's.
type extraProcess struct {
	command *exec.Cmd
	probe   string
	client  *http.Client
	cancel  context.CancelFunc
	log     string // the file
}

// startSecondController starts a controller on a cluster and a database; it ends with the test.
func (s *scenario) startSecondController(t *testing.T, plane *testenv.ControlPlane, databaseURL string, args ...string) *extraProcess {
	t.Helper()
	probe := testenv.FreeAddress(t)
	return s.launchExtraProcess(t, probe, append(testenv.LongLease(), "LECTERN_DATABASE_URL="+databaseURL), append([]string{
		"controller", "--kubeconfig=" + plane.Kubeconfig, "--leader-election-namespace=" + testenv.SystemNamespace,
		"--metrics-address=0", "--probe-address=" + probe,
	}, args...)...)
}

// startThirdServer starts a server beside the stack's two, on a database as its server's role; it ends with the
// test. It is asked at the endpoint.
func (s *scenario) startThirdServer(t *testing.T, databaseURL string, args ...string) (a *extraProcess, endpoint string) {
	t.Helper()
	probe, address := testenv.FreeAddress(t), testenv.FreeAddress(t)
	return s.launchExtraProcess(t, probe, []string{"LECTERN_DATABASE_URL=" + databaseURL}, append([]string{
		"server", "--auth=none", "--address=" + address, "--metrics-address=" + probe,
	}, args...)...), "http://" + address + "/mcp"
}

func (s *scenario) launchExtraProcess(t *testing.T, probe string, env []string, args ...string) *extraProcess {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a := &extraProcess{
		probe: probe, cancel: cancel, log: filepath.Join(t.TempDir(), "log"),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
	a.command = s.Command(ctx, args...)
	a.command.Env = append(a.command.Env, env...)
	log, err := os.Create(a.log)
	require.NoError(t, err)
	a.command.Stderr = log
	require.NoError(t, a.command.Start())
	require.NoError(t, log.Close())
	t.Cleanup(func() {
		a.stop()
		log, err := os.ReadFile(a.log)
		if err := errors.Join(err, testenv.FindCrash(log)); err != nil || !a.command.ProcessState.Success() {
			t.Errorf("%s ended with %s: %v", args[0], a.command.ProcessState, err)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", strings.Join(args, " "), log)
		}
	})
	return a
}

func (a *extraProcess) stop() {
	a.cancel()
	_ = a.command.Wait() // it was told to end, and may have ended before
}

// probeReadiness returns what /readyz says.
func (a *extraProcess) probeReadiness(ctx context.Context) (status int, body string, err error) {
	return fetchURL(ctx, a.client, "http://"+a.probe+"/readyz?verbose")
}

// checkNotReady returns an error until a server is not ready and says since when.
func (a *extraProcess) checkNotReady(ctx context.Context) error {
	status, body, err := a.probeReadiness(ctx)
	if err == nil && (status != http.StatusServiceUnavailable || !strings.HasPrefix(body, "not ready for ")) {
		err = fmt.Errorf("readiness is %d: %s", status, body)
	}
	return err
}

func (a *extraProcess) checkReady(ctx context.Context) error {
	status, body, err := a.probeReadiness(ctx)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("readiness is %d: %s", status, body)
	}
	return err
}

// explainsByLog returns an error until the controller is not ready and its log says why.
func (a *extraProcess) explainsByLog(words string) func(context.Context) error {
	return func(ctx context.Context) error {
		status, _, err := a.probeReadiness(ctx)
		log, failed := os.ReadFile(a.log)
		switch {
		case err != nil || failed != nil:
			return errors.Join(err, failed)
		case status == http.StatusOK:
			return errors.New("the controller is ready")
		case !strings.Contains(string(log), words):
			return fmt.Errorf("the log does not say %q", words)
		}
		return nil
	}
}
