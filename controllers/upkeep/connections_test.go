package upkeep

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func openStore(t *testing.T, options postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// TestRunner_CleanConnections runs one round over more than fits into a batch: all that servers met is folded, and of the token
// requests those older than 30 days are deleted.
func TestRunner_CleanConnections(t *testing.T) {
	owner := pgtest.New(t)
	writer := openStore(t, owner).Writer("cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	key := store.Key{Namespace: "support", Name: "helpdesk"}
	stored, err := writer.StoreConnection(t.Context(), store.ConnectionPublication{
		Key: key, Owner: store.Owner{UID: "u1", Generation: 1}, Settings: store.ConnectionSettings{RequestsPerMinute: 30, Burst: 10, RetentionDays: 90},
	})
	require.NoError(t, err)
	_, err = writer.ReplaceLookup(t.Context(), key, "u1", store.Lookup{Type: "groups", RefreshedAt: time.Now(), ValidUntil: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	const replicas, each = 3, 1000
	for replica := range replicas {
		options := pgtest.AsServerRole(t, owner)
		options.ApplicationName = fmt.Sprintf("replica-%d", replica)
		met := make([]store.Observation, each)
		for i := range met {
			met[i] = store.Observation{Type: "groups", ID: fmt.Sprint(replica*each + i), Name: "a group"}
		}
		require.NoError(t, openStore(t, options).StoreObservations(t.Context(), stored.ID, met))
	}
	now := time.Now()
	for age, fingerprint := range map[time.Duration]byte{30*24*time.Hour + time.Hour: 1, 30*24*time.Hour - time.Hour: 2} {
		_, err := writer.ClaimTokenRequest(t.Context(), store.TokenClaim{
			Key: key, UID: fmt.Sprint("u", fingerprint), Kind: store.TokenRefresh, Cause: store.CauseScheduled, Fingerprint: store.TokenFingerprint{fingerprint}, At: now.Add(-age),
		})
		require.NoError(t, err)
	}

	r := &Runner{Store: writer}
	require.NoError(t, r.cleanConnections(t.Context()))
	conn := pgtest.Connect(t, owner)
	var left [3]int
	require.NoError(t, conn.QueryRow(t.Context(), "select (select count(*) from sdp_observations), (select count(*) from field_mappings), (select count(*) from token_requests)").
		Scan(&left[0], &left[1], &left[2]))
	t.Logf("after one round there are %d observations, %d entries, %d token requests", left[0], left[1], left[2])
	if diff := cmp.Diff([3]int{0, replicas * each, 1}, left); diff != "" {
		t.Errorf("observations, entries and token requests that are left (-want +got)\n%s", diff)
	}
}

// TestRunner_CompareConnections: a row whose object is gone is removed, and nothing where the API server lists nothing.
func TestRunner_CompareConnections(t *testing.T) {
	cluster := controllerstest.StartCluster(t)
	s := openStore(t, pgtest.New(t))
	writer := s.Writer("cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	keys := map[string]store.Key{}
	for _, name := range []string{"kept", "gone"} {
		keys[name] = store.Key{Namespace: "default", Name: name}
		_, err := writer.StoreConnection(t.Context(), store.ConnectionPublication{
			Key: keys[name], Owner: store.Owner{UID: name, Generation: 1}, Settings: store.ConnectionSettings{RequestsPerMinute: 30, Burst: 10, RetentionDays: 90},
		})
		require.NoError(t, err)
	}
	recorder := events.NewFakeRecorder(10)
	r := &Runner{Store: writer, Live: cluster.Client, Recorder: recorder, Regarding: &v1alpha1.Prompt{}, Log: logr.Discard()}
	live := func() (names []string) {
		rows, err := writer.ListConnectionRows(t.Context(), store.Key{}, 10, 0)
		require.NoError(t, err)
		for _, row := range rows {
			names = append(names, row.Key.Name)
		}
		return names
	}
	require.NoError(t, r.compareConnections(t.Context()))
	if diff := cmp.Diff([]string{"gone", "kept"}, live()); diff != "" || len(recorder.Events) != 1 {
		t.Errorf("an empty list removes rows, or nobody is told (%d events):\n%s", len(recorder.Events), diff)
	}
	require.NoError(t, cluster.Client.Create(t.Context(), &v1alpha1.SDPConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kept"},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: v1alpha1.EditionCloud, DataCenter: v1alpha1.DataCenterEU, Credentials: v1alpha1.CredentialsReference{SecretName: "oauth"},
		},
	}))
	r.Grace = time.Hour
	require.NoError(t, r.compareConnections(t.Context()))
	if got := live(); len(got) != 2 {
		t.Errorf("a row that changed just now is removed: %v", got)
	}
	r.Grace = 0
	require.NoError(t, r.compareConnections(t.Context()))
	if diff := cmp.Diff([]string{"kept"}, live()); diff != "" {
		t.Errorf("rows that are left (-want +got):\n%s", diff)
	}
}
