package servicedesk_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// refusals returns the ids of the tokens that replicas reported.
func (h *house) refusals() []string {
	h.Helper()
	found, err := h.writer.TokenRefusals(context.Background(), 100)
	require.NoError(h, err)
	var ids []string
	for _, r := range found {
		ids = append(ids, r.TokenID)
	}
	return ids
}

// TestTokens_Refused: a call whose token is refused reports it, waits for another, and goes on; so do all that come meanwhile.
func TestTokens_Refused(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve(func(c *servicedesk.Config) { c.TokenWait = time.Minute })
	mustCall[tickets](r, "my_queue", nil)
	fake.KillAccessTokens()
	var calls sync.WaitGroup
	answers := make([]answer, 5)
	for i := range answers {
		calls.Go(func() { answers[i] = r.call("my_queue", nil) })
	}
	require.Until(t, "the refusal is reported", func() bool { return len(h.refusals()) == 1 })
	// Who comes now waits without sending a token that is known to be refused.
	fake.ForgetCalls()
	late := transporttest.CallTool("my_queue", nil)
	late.Meta = map[string]any{"progressToken": "p1"}
	waiting := r.Open(t, t.Context(), late)
	defer waiting.Body.Close()
	told := make([]byte, 4096)
	n, err := waiting.Body.Read(told)
	require.NoError(t, err)
	if !strings.Contains(string(told[:n]), "waiting for another token") || fake.Count(sdptest.ToAPI) != 0 {
		t.Errorf("a late call made %d calls and was told %s", fake.Count(sdptest.ToAPI), told[:n])
	}
	h.giveToken(helpdesk, fake)
	calls.Wait()
	rest, err := io.ReadAll(waiting.Body)
	require.NoError(t, err)
	if !strings.Contains(string(rest), "requests of connection support/helpdesk") {
		t.Errorf("the late call: %s", rest)
	}
	for _, got := range answers {
		if got.IsError {
			t.Errorf("a call that waited: %s", got.Text)
		}
	}
	if left := h.refusals(); len(left) != 0 {
		t.Errorf("refusals of a token that was replaced: %v", left)
	}
}

// TestTokens_SecondWait: a call that got no token in one wait goes on with its second one, as long as it says that it does.
func TestTokens_SecondWait(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve(func(c *servicedesk.Config) { c.TokenWait = 4 * time.Second })
	mustCall[tickets](r, "my_queue", nil)
	fake.KillAccessTokens()
	call := transporttest.CallTool("my_queue", nil)
	call.Meta = map[string]any{"progressToken": "p1"}
	stream := r.OpenStream(t, call)
	for range 2 {
		if told := stream.Next(t); !strings.Contains(told, "waiting for another token") {
			t.Fatalf("it was told %s, want that it waits", told)
		}
	}
	h.giveToken(helpdesk, fake)
	if told := stream.Next(t); !strings.Contains(told, "requests of connection support/helpdesk") {
		t.Errorf("it was answered %s", told)
	}
}

// TestTokens_Successors: a token that replaced a refused one may be refused, too. The call waits once more, and when that was in vain
// it says when to try again.
func TestTokens_Successors(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve(func(c *servicedesk.Config) { c.TokenWait = time.Minute })
	call := transporttest.CallTool("my_queue", nil)
	call.Meta = map[string]any{"progressToken": "p1"}
	for refusals, want := range map[int]string{
		2: "requests of connection support/helpdesk",
		3: "My Queue: TokenError: ServiceDesk Plus refuses the token of the connection; try again in 30 s",
	} {
		mustCall[tickets](r, "my_queue", nil)
		fake.Fail(sdptest.Refused(4022).Times(refusals))
		stream := r.OpenStream(t, call)
		for range 2 {
			if told := stream.Next(t); !strings.Contains(told, "waiting for another token") {
				t.Fatalf("%d refusals: it was told %s, want that it waits", refusals, told)
			}
			h.giveToken(helpdesk, fake)
		}
		if told := stream.Next(t); !strings.Contains(told, want) {
			t.Errorf("%d refusals: it was answered %s, want %s", refusals, told, want)
		}
	}
}

// TestTokens_None: what cannot be called with is told without a call, and without a report.
func TestTokens_None(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for name, tc := range map[string]struct {
		prepare func(key store.Key)
		want    string
	}{
		"no-token": {func(store.Key) {}, "the connection has no token yet, and there was no other in time; try again in 30 s"},
		"expired": {
			func(key store.Key) { h.storeToken(key, fake, time.Nanosecond) }, "the token of the connection is expired, and there was no other in time; try again in 30 s",
		},
		"another-cell": {
			func(key store.Key) {
				sealed, err := h.keys.Seal([]byte("text"), seal.Cell{Table: "oauth_tokens", Column: "sealed", Connection: "another", Row: "another"})
				require.NoError(t, err)
				token := store.SealedToken{ID: uuid.NewString(), Kind: store.AccessToken, Sealed: sealed, IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
				require.NoError(t, h.writer.StoreAPIKey(t.Context(), key, h.uids[key], store.FingerprintAPIKey("another cell"), token))
			}, "this server has no key for the token of the connection yet; try again in 30 s",
		},
	} {
		key := store.Key{Namespace: "support", Name: name}
		h.storeConnection(key, fake)
		tc.prepare(key)
		h.storeLookup(key, fake, "statuses")
		r := h.serve(func(c *servicedesk.Config) { c.TokenWait = 20 * time.Millisecond })
		fake.ForgetCalls()
		if got := r.call("my_queue", map[string]any{"connection": key.String()}); got.Text != "My Queue: TokenError: "+tc.want {
			t.Errorf("%s: %s, want %s", name, got.Text, tc.want)
		}
		wantCalls(t, fake, 0)
	}
	if left := h.refusals(); len(left) != 0 {
		t.Errorf("tokens that nobody refused are reported: %v", left)
	}
}

// TestTokens_NoSecret: no answer and no log has a token, whatever the server echoes.
func TestTokens_NoSecret(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	var log logbuffer.Buffer
	r := h.serve(func(c *servicedesk.Config) { c.Log, c.TokenWait = logEverything(&log), 20*time.Millisecond })
	mustCall[tickets](r, "my_queue", nil)
	echoed := false
	for _, status := range []int{400, 401, 403, 404, 500} {
		for _, echo := range []sdptest.Fault{sdptest.EchoSecrets(status), sdptest.EchoSecretsHTML(status)} {
			fake.Fail(echo.Times(-1))
			got := r.call("my_queue", nil)
			fake.StopFailing()
			for _, text := range []string{got.Text, string(got.Values), fmt.Sprint(got.Details), log.String()} {
				if strings.Contains(text, "1000.") || strings.Contains(text, "oauthtoken 1") {
					t.Errorf("HTTP %d: a secret is in %s", status, text)
				}
				echoed = echoed || strings.Contains(text, "Authorization")
			}
		}
	}
	if !echoed {
		t.Error("no text has what the server said around a secret: nothing was put to the test")
	}
}
