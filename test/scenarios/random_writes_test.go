package scenarios

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/test/writetally"
)

// writesPlan is how much is written, and how long there is for it.
type writesPlan struct {
	writes, connections, callers int
	// inFlight bounds the calls of tools at once, ticketsEach is how many tickets there are of each connection to begin with.
	inFlight, ticketsEach int
	// patience is how long a client asks again for what became of a write.
	patience time.Duration
	// disturb takes processes away while there are writes.
	disturb func(*randomWrites, context.Context) error
	// isFull has every write be decided in the end: what a lookup does not find is decided a minute after it was sent.
	isFull bool
}

// planWrites returns the plan of LECTERN_WRITES: full is the 10,000 writes.
func planWrites() writesPlan {
	if os.Getenv("LECTERN_WRITES") == "full" {
		return writesPlan{
			writes: 10_000, connections: 6, callers: 40, inFlight: 32, ticketsEach: 300, patience: 5 * time.Minute,
			disturb: (*randomWrites).disturbAll, isFull: true,
		}
	}
	return writesPlan{writes: 250, connections: 2, callers: 10, inFlight: 16, ticketsEach: 40, patience: 12 * time.Second, disturb: (*randomWrites).disturbShortly}
}

// randomWrites is a stack with connections to several fakes, callers who write through both servers, and what they remember.
type randomWrites struct {
	*scenario
	plan    writesPlan
	seed    uint64
	desks   []*faultyDesk
	callers []*writer

	mu           sync.Mutex
	writes       []*writetally.Write
	disturbances []writetally.Disturbance
	// assigned has the tokens of assignments, which have no text, by the id of their ticket; records are the tickets that several
	// writes change.
	assigned map[string]string
	records  []*sharedTicket
}

// testRandomWrites has callers write at random through two servers, while calls of ServiceDesk Plus fail in every way, and servers and
// Postgres are killed, stopped and away. Nothing is made twice, nothing that was told to be done is lost, and what nobody knew is
// decided. LECTERN_WRITES=full makes 10,000 writes, and holds that nearly all of them are decided and succeed.
func testRandomWrites(t *testing.T) {
	began := time.Now()
	w := startRandomWrites(t)
	t.Logf("seed %d; everything is ready after %.0f s", w.seed, time.Since(began).Seconds())
	began = time.Now()
	w.makeWrites(t)
	t.Logf("the writes took %.0f s", time.Since(began).Seconds())
	if w.plan.isFull {
		w.waitUntilDecided(t)
	}
	account := w.readAccount(t)
	violations := account.FindViolations()
	for i, violation := range violations {
		if i == 40 {
			t.Errorf("and %d more", len(violations)-i)
			break
		}
		t.Error(violation)
	}
	figures := account.Count()
	t.Logf("%s; all of it took %.0f s", figures, time.Since(began).Seconds())
	for _, failed := range figures.Failed {
		t.Log("without a fault: " + failed)
	}
	if figures.Decided.All == 0 || figures.CarriedOut == 0 {
		t.Error("no write met a fault, or none was carried out")
	}
	if w.plan.isFull && (figures.Decided.Percent() < 95 || figures.Succeeded.Percent() < 99) {
		t.Error("fewer than 95 % were decided after a fault, or fewer than 99 % succeeded without one")
	}
	w.deleteConnections(t, w.connectionNames())
}

func startRandomWrites(t *testing.T) *randomWrites {
	t.Helper()
	stack := authenticatedStack(t)
	w := &randomWrites{scenario: openNamespace(t, stack), plan: planWrites(), seed: uint64(time.Now().UnixNano()), assigned: map[string]string{}}
	var hosts []string
	for i := range w.plan.connections {
		desk := newFaultyDesk(t, fmt.Sprintf("desk-%d", i), i, w.randomFor(1000+i))
		if w.plan.isFull {
			desk.latest = 30 * time.Second
		}
		w.desks = append(w.desks, desk)
		hosts = append(hosts, desk.fake.URL(), desk.fake.AccountsURL())
	}
	require.NoError(t, stack.GrantConnections(t.Context(), w.namespace))
	t.Cleanup(func() { require.NoError(t, stack.ServeConnections(context.Background(), testenv.ConnectionOptions{})) })
	require.NoError(t, stack.ServeConnections(t.Context(), testenv.ConnectionOptions{Namespaces: []string{w.namespace}, AllowedHosts: hosts}))
	w.createWriters(t)
	for _, desk := range w.desks {
		require.NoError(t, w.createDesk(t.Context(), desk, v1alpha1.ConfirmationNever))
		desk.addTickets(w.plan.ticketsEach)
	}
	for _, desk := range w.desks {
		_, err := w.waitForConnection(t.Context(), desk.name, v1alpha1.ReasonConnected)
		require.NoError(t, err)
		w.waitForLookups(t, desk.name)
	}
	for server := range w.Endpoints {
		a, err := w.callers[0].connectTo(t.Context(), server)
		require.NoError(t, err)
		for _, desk := range w.desks {
			w.waitUntilKnown(t, a, desk.name)
		}
	}
	return w
}

func (w *randomWrites) randomFor(who int) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, uint64(who)))
}

func (w *randomWrites) connectionNames() []string {
	names := make([]string, len(w.desks))
	for i, desk := range w.desks {
		names[i] = desk.name
	}
	return names
}

// createWriters makes the accounts of the callers, with the right to write.
func (w *randomWrites) createWriters(t *testing.T) {
	t.Helper()
	callers, err := w.ControlPlane.Callers()
	require.NoError(t, err)
	var group errgroup.Group
	group.SetLimit(4)
	for i := range w.plan.callers {
		account := testenv.Account{Namespace: w.namespace, Name: fmt.Sprintf("writer-%d", i)}
		caller := &writer{world: w, account: account, random: w.randomFor(i)}
		w.callers = append(w.callers, caller)
		group.Go(func() error {
			err := errors.Join(callers.CreateAccount(t.Context(), account), callers.Grant(t.Context(), testenv.Grant{
				Name: account.Name, Namespace: w.namespace, Account: account, Verbs: []string{"use", "operate"}, Resource: "sdpconnections",
			}))
			if err == nil {
				caller.token, err = callers.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: ours})
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	t.Cleanup(func() {
		for _, caller := range w.callers {
			caller.close()
		}
	})
}

// createDesk makes a connection that all callers may write everything through, once it is confirmed where that is wanted.
func (w *randomWrites) createDesk(ctx context.Context, desk *faultyDesk, confirm v1alpha1.Confirmation) error {
	rate, perHour := int32(1000), int32(10_000)
	values := map[string]string{v1alpha1.CredentialAPIKey: desk.fake.Options().APIKey}
	edition, portal, accounts := v1alpha1.EditionOnPremises, "", ""
	if desk.fake.Options().Edition == sdptest.Cloud {
		o := desk.fake.Options()
		values = map[string]string{
			v1alpha1.CredentialClientID: o.ClientID, v1alpha1.CredentialClientSecret: o.ClientSecret, v1alpha1.CredentialRefreshToken: desk.fake.RefreshToken(),
		}
		edition, portal, accounts = v1alpha1.EditionCloud, o.Portal, desk.fake.AccountsURL()
	}
	connection := &v1alpha1.SDPConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: desk.name},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: edition, Portal: portal, APIURL: v1alpha1.ServiceURL(desk.fake.URL()), AccountsURL: v1alpha1.ServiceURL(accounts),
			Credentials: v1alpha1.CredentialsReference{SecretName: v1alpha1.ObjectName(desk.name)},
			Access: &v1alpha1.Access{
				Mode: v1alpha1.AccessModeReadWrite, Toolsets: []v1alpha1.Toolset{v1alpha1.ToolsetRequests, v1alpha1.ToolsetLookups},
				Confirm: confirm, RequesterVisible: v1alpha1.PermissionAllow, WritesPerHour: &perHour,
			},
			RateLimit: &v1alpha1.RateLimit{RequestsPerMinute: &rate, Burst: &rate},
		},
	}
	for _, caller := range w.callers {
		connection.Spec.Callers = append(connection.Spec.Callers, v1alpha1.Caller{Subject: caller.account.Subject(), Email: "tech@example.org"})
	}
	return errors.Join(
		w.api.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: desk.name}, Type: v1alpha1.SDPCredentialsSecretType, StringData: values,
		}),
		w.api.Create(ctx, connection))
}

// makeWrites makes them, while calls fail and processes are away, and waits until every client knows what became of theirs, or has
// no more patience.
func (w *randomWrites) makeWrites(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	disturbed := make(chan error, 1)
	go func() { disturbed <- w.plan.disturb(w, ctx) }()
	for _, desk := range w.desks {
		desk.beginToFail()
	}
	turns := make(chan struct{}, w.plan.inFlight)
	var clients sync.WaitGroup
	random := w.randomFor(2000)
	for n := range w.plan.writes {
		caller := w.callers[random.IntN(len(w.callers))]
		next := caller.plan(n, random)
		turns <- struct{}{}
		clients.Go(func() { next.carryOut(ctx, turns) })
	}
	clients.Wait()
	cancel()
	require.NoError(t, <-disturbed)
	for _, desk := range w.desks {
		desk.fake.StopFailing()
	}
}
