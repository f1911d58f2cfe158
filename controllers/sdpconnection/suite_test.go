package sdpconnection

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/egress/egresstest"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(pgtest.Main(m))
}

const (
	apiKey       = "FAKE0API0KEY0-0000-4000-8000-000000000001"
	clientSecret = "fake-client-secret-0123456789abcdef"
	// closedHost is allowed, and nobody listens there.
	closedHost = "http://127.0.0.1:9"
	thisLease  = "default/lectern-controller"
)

// world is an API server, a database with a server's login beside the owner's, and this reconciler alone. A manager knows a
// controller's name once in a process, so a test binary starts one world, and each test takes a namespace and a fake of its own.
type world struct {
	*controllerstest.Cluster
	owner      postgres.Options
	db, server *postgres.Store
	reconciler *Reconciler
	log        *logbuffer.Buffer
	keyset     seal.StorageKeyset
	places     *places
	// proxy is what the proxy variables of this process name.
	proxy *egresstest.Listener

	place
}

// logEverything returns a logger of every level.
func logEverything(to io.Writer) logr.Logger {
	return funcr.New(func(prefix, args string) { fmt.Fprintln(to, prefix, args) }, funcr.Options{Verbosity: 4})
}

func startWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Cluster: controllerstest.StartCluster(t), log: &logbuffer.Buffer{}, places: &places{free: map[sdptest.Edition][]place{}}}
	w.owner = pgtest.New(t)
	var err error
	w.db, err = postgres.Open(t.Context(), w.owner)
	require.NoError(t, err)
	t.Cleanup(w.db.Close)
	w.server, err = postgres.Open(t.Context(), pgtest.AsServerRole(t, w.owner))
	require.NoError(t, err)
	t.Cleanup(w.server.Close)
	mgr, err := ctrl.NewManager(w.Config, ctrl.Options{
		Scheme: w.Client.Scheme(), Logger: logEverything(w.log), Metrics: metricsserver.Options{BindAddress: "0"},
		BaseContext: func() context.Context { return logr.NewContext(context.Background(), logEverything(w.log)) },
	})
	require.NoError(t, err)
	w.reconciler = w.newReconciler(t, mgr.GetClient(), status.Writer{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("test")})
	w.addPlaces(t)
	refused := make(chan event.GenericEvent)
	require.NoError(t, w.reconciler.SetupWithManager(mgr, refused))
	require.NoError(t, mgr.Add(&RefusalReader{Reconciler: w.reconciler, Listen: w.db.ListenRefusals, Refused: refused, Log: logEverything(w.log)}))
	startManager(t, mgr)
	return w
}

// newReconciler returns a reconciler of the world's database, with the world's keys.
func (w *world) newReconciler(t *testing.T, cached client.Client, writer status.Writer) *Reconciler {
	t.Helper()
	var system corev1.Namespace
	require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Name: "kube-system"}, &system))
	rows := w.db.Writer(string(system.UID))
	require.NoError(t, rows.ClaimDatabase(t.Context()))
	if w.keyset.Text() == nil {
		var err error
		w.keyset, err = seal.NewStorageKeyset()
		require.NoError(t, err)
	}
	keys, err := seal.ParseStorageKeys(w.keyset.Text())
	require.NoError(t, err)
	return &Reconciler{
		Client: cached, API: w.Client, Store: rows, Rates: w.db, Status: writer, Clock: clock.RealClock{}, Keys: keys,
		Controller: thisLease, ReleaseTimeout: time.Minute, Audit: audit.NewJSONLog(w.log, nil),
		Interval: time.Minute, Concurrency: 4,
	}
}

func startManager(t *testing.T, mgr manager.Manager) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
}

// hostOf returns a rule for a fake.
func hostOf(t *testing.T, text string) string {
	t.Helper()
	parsed, err := url.Parse(text)
	require.NoError(t, err)
	return "http://" + parsed.Host
}

// credentialsSecret returns a Secret of the cloud with what else is given.
func (w *world) credentialsSecret(more map[string]string) *corev1.Secret {
	values := map[string]string{v1alpha1.CredentialClientID: w.clientID, v1alpha1.CredentialClientSecret: clientSecret}
	maps.Copy(values, more)
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "helpdesk-oauth"},
		Type:       v1alpha1.SDPCredentialsSecretType, StringData: values,
	}
}

// newConnection returns a connection of the cloud to the test's fake. It reads few lists.
func (w *world) newConnection(change ...func(*v1alpha1.SDPConnection)) *v1alpha1.SDPConnection {
	c := &v1alpha1.SDPConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "helpdesk"},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: v1alpha1.EditionCloud, APIURL: v1alpha1.ServiceURL(w.desk.URL()), AccountsURL: v1alpha1.ServiceURL(w.desk.AccountsURL()),
			Portal: "itdesk", Credentials: v1alpha1.CredentialsReference{SecretName: "helpdesk-oauth"},
		},
	}
	for _, each := range change {
		each(c)
	}
	return c
}

func (w *world) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, each := range objects {
		require.NoError(t, w.Client.Create(t.Context(), each))
	}
}

// waitFor waits until a condition of a connection has a reason for the present generation, and returns the connection.
func (w *world) waitFor(t *testing.T, kind, reason string) *v1alpha1.SDPConnection {
	t.Helper()
	var now v1alpha1.SDPConnection
	require.Eventually(t, func() error {
		if err := w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "helpdesk"}, &now); err != nil {
			return err
		}
		found := meta.FindStatusCondition(now.Status.Conditions, kind)
		if found == nil || found.ObservedGeneration != now.Generation || found.Reason != reason {
			return fmt.Errorf("want %s %s, have %s", kind, reason, describe(now.Status.Conditions))
		}
		return nil
	})
	return &now
}

func describe(conditions []metav1.Condition) string {
	var b strings.Builder
	for _, c := range conditions {
		fmt.Fprintf(&b, "\n  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	return b.String()
}

// ask requests a reconcile, as a person does who annotates the object.
func (w *world) ask(t *testing.T, c *v1alpha1.SDPConnection) {
	t.Helper()
	before := c.DeepCopy()
	metav1.SetMetaDataAnnotation(&c.ObjectMeta, v1alpha1.RequestedAtAnnotation, time.Now().Format(time.RFC3339Nano))
	require.NoError(t, w.Client.Patch(t.Context(), c, client.MergeFrom(before)))
}

// waitUntilHandled waits until the last request of a reconcile was met.
func (w *world) waitUntilHandled(t *testing.T, c *v1alpha1.SDPConnection) {
	t.Helper()
	require.Until(t, "the reconcile that was asked for is made", func() bool {
		return w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c) == nil && c.Status.LastHandledReconcileAt == c.Annotations[v1alpha1.RequestedAtAnnotation]
	})
}

// served returns what servers know of the connection.
func (w *world) served(t *testing.T) *store.Connection {
	t.Helper()
	all, err := w.server.ConnectionsSince(t.Context(), 0, 1000)
	require.NoError(t, err)
	for i := range all {
		if all[i].Key.Namespace == w.namespace {
			return &all[i]
		}
	}
	return nil
}

// openServed returns the token that servers call with.
func (w *world) openServed(t *testing.T) string {
	t.Helper()
	c := w.served(t)
	if c == nil || c.Token == nil {
		t.Fatal("servers have no token")
	}
	text, err := w.reconciler.Keys.Open(c.Token.Sealed, connectionobject.TokenCell(c.UID, c.Token.ID))
	require.NoError(t, err)
	return string(text)
}

func (w *world) getSecret(t *testing.T, name string) *corev1.Secret {
	t.Helper()
	var found corev1.Secret
	require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, &found))
	return &found
}

// places are namespaces with a fake each; the reconciler has to know of both before it starts.
type places struct {
	mu   sync.Mutex
	free map[sdptest.Edition][]place
}

// place has a client of its own: what it is asked for counts for all of its connections.
type place struct {
	namespace, clientID string
	desk                *sdptest.Server
}

// addPlaces makes them, and allows them.
func (w *world) addPlaces(t *testing.T) {
	t.Helper()
	hosts := []string{closedHost}
	for edition, count := range map[sdptest.Edition]int{sdptest.Cloud: 72, sdptest.OnPremises: 12} {
		for range count {
			p := place{namespace: w.CreateNamespace(t)}
			p.clientID = "1000.CLIENT." + p.namespace
			p.desk = sdptest.Start(t, sdptest.Options{Edition: edition, ClientID: p.clientID, ClientSecret: clientSecret, APIKey: apiKey})
			w.places.free[edition] = append(w.places.free[edition], p)
			w.reconciler.Namespaces = append(w.reconciler.Namespaces, p.namespace)
			hosts = append(hosts, hostOf(t, p.desk.URL()), hostOf(t, p.desk.AccountsURL()))
		}
	}
	rules, err := egress.ParseRules(hosts)
	require.NoError(t, err)
	w.reconciler.Egress.Rules = rules
}

// inPlace returns the same world, with a namespace and a fake for one test.
func (w *world) inPlace(t *testing.T, edition sdptest.Edition) *world {
	t.Helper()
	w.places.mu.Lock()
	defer w.places.mu.Unlock()
	free := w.places.free[edition]
	if len(free) == 0 {
		t.Fatal("there are more tests than places; add some in addPlaces")
	}
	own := *w
	own.place = free[0]
	w.places.free[edition] = free[1:]
	return &own
}
