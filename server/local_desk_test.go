package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
)

// TestOpenSealed_LocalDesk: what a program with a folder calls for its tokens is audited where its tools are; with --audit=off nothing is.
func TestOpenSealed_LocalDesk(t *testing.T) {
	for store, want := range map[string]int{"memory": 1, "off": 0} {
		t.Run(store, func(t *testing.T) {
			t.Setenv("XDG_STATE_HOME", t.TempDir())
			fake := sdptest.Start(t, sdptest.Options{ClientID: "1000.C", ClientSecret: "secret"})
			folder, credentials := t.TempDir(), filepath.Join(t.TempDir(), "credentials")
			manifest := "apiVersion: lectern.dev/v1alpha1\nkind: SDPConnection\nmetadata: {name: helpdesk}\nspec: {edition: Cloud, portal: itdesk, credentials: {secretName: a}, apiURL: '" +
				fake.URL() + "', accountsURL: '" + fake.AccountsURL() + "'}\n"
			require.NoError(t, os.WriteFile(filepath.Join(folder, "helpdesk.yaml"), []byte(manifest), 0o600))
			require.NoError(t, os.WriteFile(credentials, []byte("client_id: 1000.C\nclient_secret: secret\nrefresh_token: "+fake.RefreshToken()), 0o600))
			opts := withFlags(t, "--prompts="+folder, "--sdp-credentials=helpdesk="+credentials, "--audit="+store, "--sdp-allowed-hosts="+fake.URL()+","+fake.AccountsURL())
			opts.completeSwitches()
			log := slog.New(slog.DiscardHandler)
			from, err := openBackend(t.Context(), &opts, log)
			require.NoError(t, err)
			t.Cleanup(from.close)
			gate, err := auth.Open(t.Context(), noAuth, "anna", log)
			require.NoError(t, err)
			t.Cleanup(gate.Close)
			p := parts{backend: from, gate: gate}
			require.NoError(t, p.openSealed(t.Context(), &opts, log))
			ctx, cancel := context.WithCancel(t.Context())
			var following sync.WaitGroup
			following.Go(func() { from.follow(ctx) })
			following.Go(func() { from.local.Follow(ctx) })
			require.Until(t, "there is a token", func() bool {
				rows, err := from.local.ConnectionsSince(t.Context(), 0, 10)
				return err == nil && len(rows) == 1 && rows[0].Token != nil
			})
			cancel()
			following.Wait()
			audited := 0
			if p.audit.Memory != nil {
				rows, err := p.audit.Memory.ListAPICalls(t.Context(), uuid.Nil.String(), time.Time{})
				require.NoError(t, err)
				audited = len(rows)
			}
			if calls := len(fake.Calls(nil)); calls != 1 || audited != want {
				t.Errorf("%d calls, of which %d are audited", calls, audited)
			}
		})
	}
}
