package postgres_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestConnections_KeepNoSecrets does with secrets what controllers do, and looks for them in all of the database: in none of its
// rows, and in nothing of what pg_dump writes where there is one, is more of a refresh token than its fingerprint, nor a token that
// is not sealed. A server opens what it reads.
func TestConnections_KeepNoSecrets(t *testing.T) {
	f := newConnectionFixture(t)
	const clientID, refreshToken, accessToken, apiKey = "1000.CLIENT-CANARY", "1000.REFRESH-CANARY", "1000.ACCESS-CANARY", "API-KEY-CANARY"
	pair, err := seal.NewKeyPair(nil)
	require.NoError(t, err)
	publicFile := filepath.Join(t.TempDir(), "public.json")
	require.NoError(t, os.WriteFile(publicFile, pair.Public, 0o600))
	sealing, err := seal.OpenPublicKeys(publicFile, slog.Default())
	require.NoError(t, err)
	opening, err := seal.ParsePrivateKeys(pair.Private)
	require.NoError(t, err)
	sealed := func(token *store.SealedToken, uid, text string) {
		token.Sealed, err = sealing.Seal([]byte(text), []byte(token.ID+uid))
		require.NoError(t, err)
	}

	for i := range 3 { // the third replaces what the second got
		at := claimTime.Add(time.Duration(i) * time.Hour)
		claim := f.claim(store.CauseScheduled, at)
		claim.Fingerprint = store.FingerprintRefreshToken(clientID, refreshToken)
		if i == 0 {
			claim.Kind, claim.Fingerprint = store.TokenExchange, store.FingerprintClient(clientID)
		}
		request, err := f.writer.ClaimTokenRequest(t.Context(), claim)
		require.NoError(t, err)
		token := newToken(at)
		sealed(&token, helpdeskUID, accessToken)
		_, err = f.writer.EndTokenRequest(t.Context(), store.TokenRequestResult{
			Request: request, Key: helpdesk, UID: helpdeskUID, Outcome: store.TokenIssued, At: at, Token: &token, Fingerprint: claim.Fingerprint,
		})
		require.NoError(t, err)
	}
	premises := newConnection("u2", 1)
	premises.Key.Name, premises.Settings.Edition = "premises", "OnPremises"
	f.mustStore(premises)
	key := store.SealedToken{ID: newToken(claimTime).ID, Kind: store.APIKey, IssuedAt: claimTime}
	sealed(&key, "u2", apiKey)
	require.NoError(t, f.writer.StoreAPIKey(t.Context(), premises.Key, "u2", store.FingerprintAPIKey(apiKey), key))

	served, err := f.server.ConnectionsSince(t.Context(), 0, 10)
	require.NoError(t, err)
	for _, c := range served {
		opened, err := opening.Open(c.Token.Sealed, []byte(c.Token.ID+c.UID))
		require.NoError(t, err)
		if want := map[store.TokenKind]string{store.AccessToken: accessToken, store.APIKey: apiKey}[c.Token.Kind]; string(opened) != want {
			t.Errorf("a server opens %q, want %q", opened, want)
		}
	}

	dump := dumpDatabase(t, f)
	for _, stored := range []string{"sdpondemand.manageengine.eu", "SDPOnDemand.requests.ALL"} {
		if !strings.Contains(dump, stored) {
			t.Fatalf("the dump does not have %s; this test sees nothing", stored)
		}
	}
	if fingerprint := store.FingerprintRefreshToken(clientID, refreshToken); !strings.Contains(dump, hex.EncodeToString(fingerprint[:])) {
		t.Fatal("the dump does not have the fingerprint of the refresh token; this test sees nothing")
	}
	for _, secret := range []string{clientID, refreshToken, accessToken, apiKey} {
		for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")} {
			if strings.Contains(dump, form) {
				t.Errorf("the database has %s, as %s", secret, form)
			}
		}
	}
}

// dumpDatabase returns every row as text, what the server shows of its sessions, and what pg_dump writes.
func dumpDatabase(t *testing.T, f connectionFixture) string {
	t.Helper()
	var dump strings.Builder
	for table, rows := range databaseContents(t, f.owner) {
		fmt.Fprintln(&dump, table, strings.Join(rows, "\n"))
	}
	sessions, err := pgtest.Connect(t, pgtest.AsSuperuser(t, f.owner)).Query(t.Context(), "select query from pg_stat_activity where query is not null")
	require.NoError(t, err)
	queries, err := pgx.CollectRows(sessions, pgx.RowTo[string])
	require.NoError(t, err)
	dump.WriteString(strings.Join(queries, "\n"))
	program, err := pgtest.FindProgram("pg_dump")
	if err != nil {
		t.Logf("Looked through rows and sessions alone: %v", err)
		return dump.String()
	}
	before := dump.Len()
	plain, err := exec.CommandContext(t.Context(), program, pgtest.AsSuperuser(t, f.owner).URL).Output()
	require.NoError(t, err)
	dump.Write(plain)
	t.Logf("Looked through %d bytes of rows and sessions, and %d of pg_dump", before, len(plain))
	return dump.String()
}
