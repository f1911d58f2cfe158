package localdesk

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// countKills returns how often a process dies at each point: 20 times with LECTERN_CONNECTION_KILLS=full.
func countKills() int {
	if os.Getenv("LECTERN_CONNECTION_KILLS") == "full" {
		return 20
	}
	return 6
}

// killAt starts the program, which kills itself at a point as kill -9 would.
func (w *world) killAt(binary string, point faultpoint.Name, arguments ...string) {
	w.Helper()
	cmd := w.command(binary, []string{"LECTERN_FAULTPOINT=" + string(point)}, append([]string{"--stdio"}, arguments...)...)
	stdin, err := cmd.StdinPipe() // open, or it would end by itself
	require.NoError(w, err)
	defer func() { _ = stdin.Close() }()
	require.NoError(w, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its state says how it ended
		close(ended)
	}()
	timer := time.NewTimer(90 * time.Second)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		_ = cmd.Process.Kill()
		w.Fatalf("the program did not come to %s", point)
	}
	if !isKilled(cmd) {
		w.Fatalf("the program ended at %s by itself: %s", point, cmd.ProcessState)
	}
}

func isKilled(cmd *exec.Cmd) bool {
	status, is := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return is && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// TestKilledExchange kills the process at each step of the exchange of a grant code. The code is sent once at most; what comes of it is
// used by the next process, or that says that another code is needed, and goes on with that.
func TestKilledExchange(t *testing.T) {
	t.Parallel()
	armed, err := testenv.Build(t.Context(), "faultpoints")
	require.NoError(t, err)
	for point, want := range map[faultpoint.Name]struct {
		sent int
		lost bool
	}{
		faultpoint.CodeMarked:  {0, true},
		faultpoint.CodeSent:    {1, true},
		faultpoint.TokenStored: {1, false},
	} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := startWorld(t)
			w.ask("PATCH", "/options", `{"limits":{"grantCodesPerWindow":1000,"refreshTokensPerUser":1000}}`, nil)
			for i := range countKills() {
				w.killOnce(armed, point, fmt.Sprintf("kill %d", i+1), want.sent, want.lost)
			}
		})
	}
}

// TestKilledRefresh kills the process at each step of a refresh. The next process waits for nobody who is gone, and asks again only
// where no token was written down.
func TestKilledRefresh(t *testing.T) {
	t.Parallel()
	armed, err := testenv.Build(t.Context(), "faultpoints")
	require.NoError(t, err)
	for point, want := range map[faultpoint.Name]struct{ sent, inAll int }{
		faultpoint.RefreshClaimed:  {0, 1},
		faultpoint.RefreshAnswered: {1, 2},
		faultpoint.TokenStored:     {1, 1},
	} {
		t.Run(string(point), func(t *testing.T) {
			t.Parallel()
			w := startWorld(t)
			w.writeCredentials("refresh_token", refreshToken)
			w.ask("PATCH", "/options", `{"limits":{"refreshesPerWindow":1000,"accessTokensAlive":1000}}`, nil)
			for i := range countKills() {
				w.stateHome = w.TempDir() // a user's, who has no token yet
				w.ask("DELETE", "/calls", "", nil)
				w.killAt(armed, point)
				if n := w.count("refresh_token"); n != want.sent {
					t.Errorf("kill %d: %d refreshes before it, want %d", i+1, n, want.sent)
				}
				began := time.Now()
				s := w.start()
				s.requireTickets()
				t.Logf("the next process has tickets after %s", time.Since(began).Round(time.Millisecond))
				require.NoError(t, s.Close())
				if n := w.count("refresh_token"); n != want.inAll {
					t.Errorf("kill %d: %d refreshes in all, want %d", i+1, n, want.inAll)
				}
			}
		})
	}
}

// killOnce has a new user's process die at a point, and another one go on.
func (w *world) killOnce(armed string, point faultpoint.Name, name string, sent int, lost bool) {
	w.Helper()
	w.stateHome = w.TempDir() // a user's, who has exchanged nothing yet
	w.writeCredentials("grant_code", w.newGrantCode())
	w.ask("DELETE", "/calls", "", nil)
	w.killAt(armed, point)
	if n := w.count("authorization_code"); n != sent {
		w.Errorf("%s: the code was sent %d times, want %d", name, n, sent)
	}
	s := w.start()
	if lost {
		w.requireGrantCodeNeeded(s)
		if n := w.count("authorization_code"); n != sent {
			w.Errorf("%s: the code was sent %d times in all, want %d", name, n, sent)
		}
		w.writeCredentials("grant_code", w.newGrantCode())
		sent++
	}
	s.requireTickets()
	require.NoError(w, s.Close())
	if n := w.count("authorization_code"); n != sent || w.count("refresh_token") != 0 {
		w.Errorf("%s: codes were sent %d times in all, want %d; %d refreshes", name, n, sent, w.count("refresh_token"))
	}
}

// newGrantCode has the fake issue a code.
func (w *world) newGrantCode() string {
	w.Helper()
	var issued struct{ Token string }
	w.ask("POST", "/grant-codes", "", &issued)
	return issued.Token
}

// requireGrantCodeNeeded waits until the process says so, in its status and to whoever calls a tool.
func (w *world) requireGrantCodeNeeded(s *session) {
	w.Helper()
	s.requireSaid("was sent to the accounts server once, and no refresh token came of it")
	if text, isError := s.call("list_requests", nil); !isError || !strings.Contains(text, "put a new grant code") {
		w.Errorf("a tool says %s", text)
	}
}
