package access

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// ours is the audience of tests.
const ours = "http://lectern.test/mcp"

// shared is the API server of all tests that do not stop it.
var shared struct {
	sync.Mutex
	*cluster
}

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) {
	leak.Main(m, func() error {
		if shared.cluster != nil {
			shared.plane.Stop()
		}
		return nil
	})
}

// cluster is an API server, and what makes callers of it.
type cluster struct {
	*testenv.Callers
	plane *testenv.ControlPlane
	// kubeconfig is for an account with the rights that config/rbac gives servers.
	kubeconfig string
	last       atomic.Int32
}

// sharedCluster returns the API server of all tests.
func sharedCluster(t testing.TB) *cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		shared.cluster = startCluster(t)
	}
	return shared.cluster
}

func startCluster(t testing.TB) *cluster {
	t.Helper()
	ctx := context.Background()
	plane, err := testenv.StartControlPlane(ctx, testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	callers, err := plane.Callers()
	require.NoError(t, err)
	kubeconfig, err := plane.CreateServerAccount(ctx, callers)
	require.NoError(t, err)
	return &cluster{Callers: callers, plane: plane, kubeconfig: kubeconfig}
}

// createAccount makes a ServiceAccount with a namespace of its own.
func (c *cluster) createAccount(t testing.TB) testenv.Account {
	t.Helper()
	account := testenv.Account{Namespace: fmt.Sprintf("team-%d", c.last.Add(1)), Name: "agent"}
	require.NoError(t, c.CreateAccount(context.Background(), account))
	return account
}

// grant gives an account rights on prompts, everywhere without a namespace.
func (c *cluster) grant(t testing.TB, account testenv.Account, namespace string, verbs ...string) testenv.Grant {
	t.Helper()
	g := testenv.Grant{Name: fmt.Sprintf("grant-%d", c.last.Add(1)), Namespace: namespace, Account: account, Verbs: verbs}
	require.NoError(t, c.Grant(context.Background(), g))
	return g
}

func (c *cluster) requestToken(t testing.TB, account testenv.Account, o testenv.TokenOptions) string {
	t.Helper()
	token, err := c.RequestToken(context.Background(), account, o)
	require.NoError(t, err)
	return token
}

// asker is what a program asks with: a clock that can be put forward, and a count of what reaches the API server.
type asker struct {
	Verifier
	*subjectReviewer
	ahead           atomic.Int64
	stopped         time.Time // when not zero, time goes on by advance alone
	tokens, reviews atomic.Int32
}

func (a *asker) now() time.Time {
	from := a.stopped
	if from.IsZero() {
		from = time.Now()
	}
	return from.Add(time.Duration(a.ahead.Load()))
}

// advance puts the clock forward.
func (a *asker) advance(by time.Duration) { a.ahead.Add(int64(by)) }

// countReviews returns how many reviews of each kind reached the API server since it was last asked.
func (a *asker) countReviews() string {
	return fmt.Sprintf("%d tokens, %d rights", a.tokens.Swap(0), a.reviews.Swap(0))
}

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// newAsker returns one that asks this API server as the servers' account, for tokens of these audiences.
func (c *cluster) newAsker(t testing.TB, audiences ...string) *asker {
	t.Helper()
	config, err := loadConfig(c.kubeconfig)
	require.NoError(t, err)
	a := &asker{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/tokenreviews"):
				a.tokens.Add(1)
			case strings.HasSuffix(r.URL.Path, "/subjectaccessreviews"):
				a.reviews.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	a.connect(t, config, audiences)
	return a
}

func (a *asker) connect(t testing.TB, config *rest.Config, audiences []string) {
	t.Helper()
	if len(audiences) == 0 {
		audiences = []string{ours}
	}
	server, err := connectTo(config, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(server.http.CloseIdleConnections)
	a.Verifier = newKubernetesVerifier(server, audiences, a.now)
	a.subjectReviewer = newSubjectReviewer(server, a.now)
}

// verify returns the identity of a token that must prove one.
func (a *asker) verify(t testing.TB, token string) Identity {
	t.Helper()
	identity, err := a.Verify(context.Background(), token)
	require.NoError(t, err)
	return identity
}
