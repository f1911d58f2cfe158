//go:build !race

package rollout

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/lectern-dev/lectern/controllers/secrets"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/load"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// serverSecret is what servers log in with.
const serverSecret = "lectern-server-database"

// serverLogins are the roles that servers log in as.
var serverLogins = [2]string{"lectern_login_a", "lectern_login_b"}

// fastClock runs so many times faster than the machine's.
type fastClock struct {
	clock.RealClock
	began  time.Time
	factor int64
}

func (c fastClock) Now() time.Time {
	return c.began.Add(time.Duration(int64(time.Since(c.began)) * c.factor))
}

func (c fastClock) NewTicker(d time.Duration) clock.Ticker { return c.RealClock.NewTicker(c.real(d)) }

// real returns what a duration of this clock is on the machine's.
func (c fastClock) real(d time.Duration) time.Duration { return d / time.Duration(c.factor) }

// kubelet delivers a Secret to a folder, late.
type kubelet struct {
	*world
	mounted    *testenv.MountedSecret
	deliveries atomic.Int64
}

// deliver replaces the folder whenever the Secret changes, so much later, until ctx ends.
func (k *kubelet) deliver(ctx context.Context, late time.Duration) error {
	var delivered string
	for {
		var secret corev1.Secret
		if err := k.api.Get(ctx, types.NamespacedName{Namespace: testenv.SystemNamespace, Name: serverSecret}, &secret); err != nil && ctx.Err() == nil {
			return err
		}
		if now := string(secret.Data[secrets.ServerPassword]); now != delivered && ctx.Err() == nil {
			delivered = now
			if !sleep(ctx, late) {
				return nil
			}
			if err := k.mounted.Replace(map[string][]byte{secrets.ServerUser: secret.Data[secrets.ServerUser], secrets.ServerPassword: secret.Data[secrets.ServerPassword]}); err != nil {
				return err
			}
			k.deliveries.Add(1)
			continue
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return nil
		}
	}
}

// sleep returns false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// TestPasswordRotation changes the servers' database password under load, and has each Secret arrive late: every 10 s and 3 s late on
// the machine's clock, every 10 minutes and 90 s late on one that runs 100 times as fast: a busy machine has 5 s then to see what it
// was told. Not one call fails.
func TestPasswordRotation(t *testing.T) {
	f, realRotations, fastRotations := shortForm, 2, 6
	if os.Getenv("LECTERN_ROLLOUT") == "full" {
		f, realRotations, fastRotations = fullForm, 12, 30
	}
	w := newWorld(t, f)
	k := &kubelet{world: w, mounted: testenv.NewMountedSecret(t.TempDir())}
	namespace := k.prepareLogins(t)
	began := time.Now()
	for _, form := range []struct {
		name           string
		clock          fastClock
		interval, late time.Duration
		rotations      int
	}{
		{"every 10 s, delivered 3 s late", fastClock{began: began, factor: 1}, 10 * time.Second, 3 * time.Second, realRotations},
		{"every 10 min on a clock, delivered 90 s late", fastClock{began: began, factor: 100}, secrets.MinRotationInterval, 90 * time.Second, fastRotations},
	} {
		t.Run(form.name, func(t *testing.T) {
			reports := k.rotateUnderLoad(t, f, &secrets.Rotation{
				Namespace: namespace, Wanted: namespace.WantServerCredentials(serverSecret, serverLogins, "first-passwords", true, false), Roles: serverLogins, Database: k.openAsOwner(t),
				Interval: form.interval, Clock: form.clock, Log: logr.Discard(),
			}, form.clock.real(form.late), form.rotations)
			for i, report := range reports {
				t.Logf("%s, %d passwords delivered: %s", servers[i], k.deliveries.Load(), &report)
				if failed := f.countFailed(&report); failed > 0 || report.Calls < 10*form.rotations {
					t.Errorf("%d of %d calls failed", failed, report.Calls)
				}
			}
		})
	}
}

// rotateUnderLoad changes the password so often while agents work, half of them at each server: none is ever taken out of service.
func (k *kubelet) rotateUnderLoad(t *testing.T, f form, rotation *secrets.Rotation, late time.Duration, rotations int) []load.Report {
	t.Helper()
	var agents []*load.Load
	for i, endpoint := range k.Endpoints {
		half := len(k.callers) / len(k.Endpoints)
		started, err := load.Start(t.Context(), load.Options{
			Endpoint: endpoint, Callers: k.callers[i*half : (i+1)*half], Namespace: namespace, Prompts: k.names,
			ReadsPerSecond: f.readsPerSecond / 2, EditsPerSecond: f.editsPerSecond / 2,
		})
		require.NoError(t, err)
		agents = append(agents, started)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := rotation.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		if err := k.deliver(ctx, late); err != nil {
			t.Error(err)
		}
	})
	var unready atomic.Int64
	for _, name := range servers {
		running.Go(func() { k.countUnready(ctx, k.ReadyURL(name), &unready) })
	}
	k.deliveries.Store(0)
	waiting, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	require.NoError(t, wait.Until(waiting, func(context.Context) error {
		if n := k.deliveries.Load(); n <= int64(rotations) { // the first is what is there
			return fmt.Errorf("%d passwords were delivered", n)
		}
		return nil
	}))
	// What was told last is used, too, and the listening connections are its.
	require.Eventually(t, func() error { return k.checkSessions(t, rotation) })
	stop()
	running.Wait()
	if n := unready.Load(); n > 0 {
		t.Errorf("%d times a server said that it is not ready", n)
	}
	var reports []load.Report
	for _, a := range agents {
		reports = append(reports, a.Finish())
	}
	return reports
}

// countUnready asks a server whether it is ready until ctx ends, and counts when it says that it is not. No answer says nothing.
func (k *kubelet) countUnready(ctx context.Context, readyURL string, unready *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for sleep(ctx, 100*time.Millisecond) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, readyURL, nil)
		if err != nil {
			continue
		}
		answer, err := client.Do(request)
		if err != nil {
			continue
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			unready.Add(1)
		}
	}
}

// checkSessions returns nil when the servers have sessions of the role that they were told of last, and no others.
func (k *kubelet) checkSessions(t *testing.T, rotation *secrets.Rotation) error {
	secret, err := rotation.Namespace.Get(t.Context(), serverSecret)
	if err != nil {
		return err
	}
	for _, role := range serverLogins {
		n, err := rotation.Database.CountSessions(t.Context(), role)
		if err != nil {
			return err
		}
		if isTold := role == string(secret.Data[secrets.ServerUser]); isTold != (n > 0) {
			return fmt.Errorf("%d sessions of %s, and servers are told to use it: %t", n, role, isTold)
		}
	}
	return nil
}

func (k *kubelet) openAsOwner(t *testing.T) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: k.OwnerURL, ConnectTimeout: wait.Patience})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// prepareLogins makes the roles that servers log in as and the Secret with their passwords, and starts the servers anew with it.
func (k *kubelet) prepareLogins(t *testing.T) *secrets.Namespace {
	t.Helper()
	ctx := t.Context()
	at, err := url.Parse(k.OwnerURL)
	require.NoError(t, err)
	passwords := map[string]string{secrets.ServerAPassword: "first-a", secrets.ServerBPassword: "first-b"}
	pgtest.RunRolesScript(t, k.Postgres.URL, []string{"LECTERN_SERVER_A_PASSWORD=first-a", "LECTERN_SERVER_B_PASSWORD=first-b"},
		"owner="+at.User.Username(), "server=lectern_servers", "login_a="+serverLogins[0], "login_b="+serverLogins[1], "database="+strings.TrimPrefix(at.Path, "/"))
	migrate := exec.CommandContext(ctx, k.Binary, "migrate", "--server-role=lectern_servers")
	migrate.Env = append(os.Environ(), "LECTERN_DATABASE_URL="+k.OwnerURL)
	if out, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("lectern migrate: %v\n%s", err, out)
	}
	n := &secrets.Namespace{Name: testenv.SystemNamespace, API: k.api, Log: logr.Discard()}
	require.NoError(t, k.api.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.Name, Name: "first-passwords"}, StringData: passwords}))
	made, err := n.Ensure(ctx, n.WantServerCredentials(serverSecret, serverLogins, "first-passwords", true, false))
	require.NoError(t, err)
	require.NoError(t, k.mounted.Replace(map[string][]byte{secrets.ServerUser: made.Data[secrets.ServerUser], secrets.ServerPassword: made.Data[secrets.ServerPassword]}))
	for _, name := range servers {
		// A second is the 5 minutes of connections on the fast clock.
		require.NoError(t, k.Restart(ctx, name, "LECTERN_DATABASE_CREDENTIALS_FOLDER="+k.mounted.Dir, "LECTERN_DATABASE_CONNECTION_LIFETIME=1s"))
	}
	return n
}
