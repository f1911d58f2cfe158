package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMain(m *testing.M) { leak.Main(m) }

// TestServe exchanges a code that a flag names over TLS, and reads of it in the journal at the control address.
func TestServe(t *testing.T) {
	t.Parallel()
	bundlePath := filepath.Join(t.TempDir(), "ca.crt")
	s, err := parseArguments([]string{"-tls-names", "127.0.0.1,desk.example.org", "-ca-bundle", bundlePath, "-client-id", "1000.C", "-client-secret", "fake", "-grant-code", "1000.G"})
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	listening, ended := make(chan addresses, 1), make(chan error, 1)
	go func() {
		defer close(listening)
		ended <- serveUntilDone(ctx, s, func(a addresses) error { listening <- a; return nil })
	}()
	t.Cleanup(func() {
		end()
		require.NoError(t, <-ended)
	})
	at, is := <-listening
	if !is {
		t.Fatal("it ended before it listened")
	}
	bundle, err := os.ReadFile(bundlePath)
	require.NoError(t, err)
	rules, err := egress.ParseRules([]string{at.AccountsURL})
	require.NoError(t, err)
	accounts, err := rules.ParseURL(at.AccountsURL)
	require.NoError(t, err)
	sender, err := egress.NewClient(egress.Options{Rules: rules, CABundle: bundle})
	require.NoError(t, err)
	t.Cleanup(sender.CloseIdleConnections)
	token, err := oauth.Exchange(t.Context(), sender, accounts, oauth.Client{ID: "1000.C", Secret: redact.NewSecret("fake")}, redact.NewSecret("1000.G"), "")
	require.NoError(t, err)

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.ControlURL+"/calls?accounts=true", http.NoBody)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	answer, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	var journal struct {
		Count int
		Calls []struct{ Path string }
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&journal))
	if journal.Count != 1 || journal.Calls[0].Path != "/oauth/v2/token" || token.Refresh.IsZero() || !strings.HasPrefix(at.URL, "https://") {
		t.Errorf("%+v %v", journal, at)
	}
}

// TestProgram runs it as others do, and ends it politely.
func TestProgram(t *testing.T) {
	t.Parallel()
	path, err := testenv.BuildFakeSDP(t.Context())
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), path, "-edition", "OnPremises", "-api-key", "fake-key")
	printed, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	var at addresses
	require.NoError(t, json.NewDecoder(printed).Decode(&at))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.URL+"/api/v3/requests", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authtoken", "fake-key")
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	answer, err := transport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	if err := command.Wait(); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("HTTP %d, then %v", answer.StatusCode, err)
	}
}

func TestParse_Refuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-edition", "cloud"}, {"-time-zone", "Nowhere/Nothing"}, {"-no-such-flag"}} {
		if _, err := parseArguments(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
