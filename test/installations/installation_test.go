package installations

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/metrics"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// lease is the name of every installation's Lease: its namespace tells it apart.
const lease = "acme-lectern-controller"

// installation is a release in a namespace of its own: a ServiceAccount with the rights that the chart gives it, a database, and
// a controller that may run.
type installation struct {
	*controllerstest.Cluster
	namespace  string
	watched    []string
	kubeconfig string
	database   postgres.Options
	db         *postgres.Store
	// route has the controller reach its database in another way; nil for none.
	route func(url string) string

	command *exec.Cmd
	metrics string
}

// install makes an installation that watches namespaces, and starts its controller.
func install(t *testing.T, cluster *controllerstest.Cluster, watched ...string) *installation {
	t.Helper()
	i := prepare(t, cluster, watched...)
	i.start(t)
	return i
}

// prepare makes an installation whose controller does not run yet.
func prepare(t *testing.T, cluster *controllerstest.Cluster, watched ...string) *installation {
	t.Helper()
	i := &installation{Cluster: cluster, namespace: cluster.CreateNamespace(t), watched: watched, database: pgtest.New(t)}
	i.grantRights(t)
	callers, err := cluster.Callers()
	require.NoError(t, err)
	account := testenv.Account{Namespace: i.namespace, Name: lease}
	require.NoError(t, callers.CreateAccount(t.Context(), account))
	i.kubeconfig, err = callers.WriteKubeconfig(t.Context(), account)
	require.NoError(t, err)
	i.db, err = postgres.Open(t.Context(), i.database)
	require.NoError(t, err)
	t.Cleanup(i.db.Close)
	return i
}

// name is how status.controller names it.
func (i *installation) name() string { return i.namespace + "/" + lease }

// identity are the flags that say which installation is meant.
func (i *installation) identity() []string {
	args := []string{"--leader-election-namespace=" + i.namespace, "--leader-election-lease=" + lease}
	if len(i.watched) > 0 {
		args = append(args, "--watch-namespaces="+strings.Join(i.watched, ","))
	}
	return args
}

// start starts the controller, which compares all the time, and waits until it is ready.
func (i *installation) start(t *testing.T, args ...string) {
	t.Helper()
	binary, err := testenv.Build(t.Context(), "")
	require.NoError(t, err)
	probe, exported := testenv.FreeAddress(t), testenv.FreeAddress(t)
	url := i.database.URL
	if i.route != nil {
		url = i.route(url)
	}
	i.metrics = "http://" + exported + "/metrics"
	i.command = exec.Command(binary, append(append([]string{
		"controller", "--kubeconfig=" + i.kubeconfig, "--changes=unproven", "--comparison-interval=200ms", "--comparison-grace=0",
		"--metrics-address=" + exported, "--probe-address=" + probe,
	}, i.identity()...), args...)...)
	i.command.Env = append(os.Environ(), append(testenv.LongLease(), "LECTERN_DATABASE_URL="+url)...)
	i.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	log, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	require.NoError(t, err)
	i.command.Stderr = log
	require.NoError(t, i.command.Start())
	running := i.command
	t.Cleanup(func() {
		_ = running.Process.Kill()
		_ = running.Wait()
		said, err := os.ReadFile(log.Name())
		if err := errors.Join(err, log.Close(), testenv.FindCrash(said)); err != nil || t.Failed() {
			t.Logf("controller %s: %v\n%s", i.name(), err, said)
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	require.Eventually(t, func() error {
		if _, err := fetch(t.Context(), client, "http://"+probe+"/readyz"); err != nil {
			return err
		}
		_, err := i.metric(t.Context(), "workqueue_depth") // it leads
		return err
	})
}

// stop ends the controller as a kubelet does, which lets go of the Lease; kill does not.
func (i *installation) stop() { i.end(syscall.SIGTERM) }
func (i *installation) kill() { i.end(syscall.SIGKILL) }

func (i *installation) end(signal syscall.Signal) {
	_ = i.command.Process.Signal(signal)
	_ = i.command.Wait()
}

// release runs `lectern release --all` of this installation, as whoever may, and returns what it said.
func (i *installation) release(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	binary, err := testenv.Build(ctx, "")
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, binary, append(append([]string{"release", "--all", "--kubeconfig=" + kubeconfig}, i.identity()...), args...)...)
	said, err := command.CombinedOutput()
	return string(said), err
}

// metric returns the sum of the series of a metric.
func (i *installation) metric(ctx context.Context, name string) (float64, error) {
	read, err := metrics.Read(ctx, i.metrics)
	if err != nil {
		return 0, err
	}
	sum, found := read.Sum(name)
	if !found {
		return 0, fmt.Errorf("no metric %s", name)
	}
	return sum, nil
}

// waitForMetric waits until a metric has a value.
func (i *installation) waitForMetric(t *testing.T, name string, want float64) {
	t.Helper()
	require.Eventually(t, func() error {
		got, err := i.metric(t.Context(), name)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %v, want %v", name, got, want)
		}
		return err
	})
}

// rows returns the live prompts of the database.
func (i *installation) rows(t *testing.T) []string {
	t.Helper()
	rows, err := i.db.Writer("").ListRows(t.Context(), store.Key{}, 10000, 0)
	require.NoError(t, err)
	keys := []string{}
	for _, row := range rows {
		keys = append(keys, row.Key.String())
	}
	return keys
}

func fetch(ctx context.Context, client *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return string(body), err
}
