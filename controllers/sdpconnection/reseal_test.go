package sdpconnection

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestResealTokens: after a promotion everything is sealed by the new key, once, and opens for a server that reads while that
// happens, by keys that have both.
func TestResealTokens(t *testing.T) {
	owner := pgtest.New(t)
	db, err := postgres.Open(t.Context(), owner)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	server, err := postgres.Open(t.Context(), pgtest.AsServerRole(t, owner))
	require.NoError(t, err)
	t.Cleanup(server.Close)
	writer := db.Writer("cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))

	first, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	added, err := first.Add()
	require.NoError(t, err)
	promoted, err := added.Promote(added.Others[0])
	require.NoError(t, err)
	parse := func(keyset seal.StorageKeyset) *seal.StorageKeys {
		keys, err := seal.ParseStorageKeys(keyset.Text())
		require.NoError(t, err)
		return keys
	}
	old, servers, now := parse(first), parse(added), parse(promoted)

	const connections = 20
	for i := range connections {
		key := store.Key{Namespace: "support", Name: string(rune('a' + i))}
		uid, token := "uid-"+key.Name, store.SealedToken{ID: uuid.NewString(), Kind: store.APIKey, IssuedAt: time.Now()}
		_, err := writer.StoreConnection(t.Context(), store.ConnectionPublication{
			Key: key, Owner: store.Owner{UID: uid, Generation: 1},
			Settings: store.ConnectionSettings{RequestsPerMinute: 30, Burst: 10, RetentionDays: 90},
		})
		require.NoError(t, err)
		token.Sealed, err = old.Seal([]byte("token of "+key.Name), connectionobject.TokenCell(uid, token.ID))
		require.NoError(t, err)
		require.NoError(t, writer.StoreAPIKey(t.Context(), key, uid, store.FingerprintAPIKey(key.Name), token))
	}
	read := func(keys *seal.StorageKeys) (byNew int) {
		t.Helper()
		served, err := server.ConnectionsSince(t.Context(), 0, 1000)
		require.NoError(t, err)
		if len(served) != connections {
			t.Fatalf("servers know %d connections", len(served))
		}
		for _, c := range served {
			text, err := keys.Open(c.Token.Sealed, connectionobject.TokenCell(c.UID, c.Token.ID))
			if err != nil || string(text) != "token of "+c.Key.Name {
				t.Errorf("%s opens as %q: %v", c.Key.Name, text, err)
			}
			if id, _ := seal.KeyIDOf(c.Token.Sealed); id == now.PrimaryID() {
				byNew++
			}
		}
		return byNew
	}
	read(servers)
	resealed := make(chan error, 1)
	go func() {
		left, err := ResealTokens(t.Context(), writer, now)
		if left != 0 {
			t.Errorf("%d are left", left)
		}
		resealed <- err
	}()
	for isDone := false; !isDone; {
		read(servers)
		select {
		case err := <-resealed:
			require.NoError(t, err)
			isDone = true
		default:
		}
	}
	dropped, err := promoted.Drop(first.Primary)
	require.NoError(t, err)
	if n := read(parse(dropped)); n != connections {
		t.Errorf("%d of %d are sealed by the new key", n, connections)
	}
	if left, err := ResealTokens(t.Context(), writer, parse(first)); err != nil || left != 0 {
		t.Errorf("tokens of a key that is lost keep %d from being dropped: %v", left, err)
	}
}
