package servicedesk_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// keyring is the keyset of a house as a controller has it, and as the kubelets of servers mount it.
type keyring struct {
	*house
	keyset  seal.StorageKeyset
	mounted *testenv.MountedSecret
}

func newKeyring(h *house) *keyring {
	h.Helper()
	keyset, err := seal.NewStorageKeyset()
	require.NoError(h, err)
	k := &keyring{house: h, keyset: keyset, mounted: testenv.NewMountedSecret(h.TempDir())}
	k.seal(keyset, nil)
	k.mount()
	return k
}

// seal has the controller seal with a keyset from now on.
func (k *keyring) seal(keyset seal.StorageKeyset, err error) {
	k.Helper()
	require.NoError(k, err)
	require.NoError(k, k.keys.Replace(keyset.Text()))
	k.keyset = keyset
}

// mount has servers find it.
func (k *keyring) mount() {
	k.Helper()
	require.NoError(k, k.mounted.Replace(map[string][]byte{"keyset.json": k.keyset.Text()}))
}

// reading has a replica read the mounted keyset.
func (k *keyring) reading(c *servicedesk.Config) {
	keys, err := seal.OpenStorageKeys(filepath.Join(k.mounted.Dir, "keyset.json"), slog.New(slog.DiscardHandler))
	require.NoError(k, err)
	c.Opener = servicedesk.SealedTokens{Keys: keys}
}

// reseal seals what is stored with the key that seals now, as a controller does once that is another.
func (k *keyring) reseal() {
	k.Helper()
	stored, err := k.writer.SealedTokens(k.Context())
	require.NoError(k, err)
	for _, one := range stored {
		cell := seal.Cell{Table: "oauth_tokens", Column: "sealed", Connection: one.UID, Row: one.ID}
		text, err := k.keys.Open(one.Sealed, cell)
		require.NoError(k, err)
		again, err := k.keys.Seal(text, cell)
		require.NoError(k, err)
		require.NoError(k, k.writer.ResealToken(k.Context(), one.ID, again))
	}
}

// TestKeys_Rotated: while keys are added, promoted and dropped, tokens replaced and sealed anew, no call fails.
func TestKeys_Rotated(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	k := newKeyring(h)
	h.connect(helpdesk, fake)
	replicas := []*replica{h.serve(k.reading), h.serve(k.reading)}
	var calls, failed atomic.Int64
	under := func(step func()) { // a stream of calls
		var running sync.WaitGroup
		began := make(chan struct{}, 64)
		for _, r := range replicas {
			running.Go(func() {
				for range 8 {
					if got := r.call("list_requests", nil); got.IsError {
						failed.Add(1)
						t.Errorf("a call failed: %s", got.Text)
					}
					calls.Add(1)
					began <- struct{}{}
				}
			})
		}
		<-began
		step()
		running.Wait()
	}
	const rotations = 3
	for range rotations {
		before := k.keyset.Primary
		under(func() { k.seal(k.keyset.Add()); k.mount() })
		under(func() { k.seal(k.keyset.Promote(k.keyset.Others[0])); h.giveToken(helpdesk, fake) }) // sealed by the new key, which is mounted as another
		under(k.mount)
		under(k.reseal)
		replicas = append(replicas[1:], h.serve(k.reading)) // which opens what was sealed anew
		under(func() { k.seal(k.keyset.Drop(before)); k.mount() })
		under(func() { h.giveToken(helpdesk, fake) })
	}
	t.Logf("%d rotations under %d calls: %d failed", rotations, calls.Load(), failed.Load())
	if left := h.refusals(); len(left) != 0 {
		t.Errorf("tokens are reported as refused: %v", left)
	}
}

// countingOpener counts how often tokens were begun to be opened.
type countingOpener struct {
	servicedesk.TokenOpener
	begun atomic.Int64
}

func (o *countingOpener) OpenToken(ctx context.Context, connectionUID, tokenID string, sealed []byte) ([]byte, error) {
	o.begun.Add(1)
	return o.TokenOpener.OpenToken(ctx, connectionUID, tokenID, sealed)
}

// counting has the tokens counted that a replica opens by the mounted keys.
func (k *keyring) counting(o *countingOpener) func(*servicedesk.Config) {
	return func(c *servicedesk.Config) {
		k.reading(c)
		o.TokenOpener, c.Opener = c.Opener, o
	}
}

// TestKeys_Late: a token whose key the kubelet has yet to bring is waited for.
func TestKeys_Late(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	k := newKeyring(h)
	h.connect(helpdesk, fake)
	var opener countingOpener
	r := h.serve(k.counting(&opener))
	mustCall[tickets](r, "my_queue", nil)
	k.seal(k.keyset.Add())
	k.seal(k.keyset.Promote(k.keyset.Others[0]))
	h.giveToken(helpdesk, fake)
	answered := make(chan answer, 1)
	go func() {
		defer close(answered)
		for { // until the replica heard of the token
			if got := r.call("my_queue", nil); got.IsError || opener.begun.Load() > 1 {
				answered <- got
				return
			}
		}
	}()
	require.Until(t, "a call waits for the key", func() bool { return opener.begun.Load() > 1 })
	k.mount()
	if got, is := <-answered; !is || got.IsError {
		t.Errorf("the call that waited for its key: %s", got.Text)
	}
}

// TestKeys_Lost: a call that meets a token which no key opens waits, goes on by the next token, and reports nothing as refused.
func TestKeys_Lost(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	k := newKeyring(h)
	h.storeConnection(helpdesk, fake)
	h.storeLookup(helpdesk, fake, "statuses")
	left := k.keyset
	lost, err := seal.NewStorageKeyset()
	k.seal(lost, err)
	h.giveToken(helpdesk, fake)
	k.seal(left, nil)
	var opener countingOpener
	r := h.serve(k.counting(&opener))
	fake.ForgetCalls()
	started := time.Now()
	answered := make(chan answer, 1)
	go func() {
		defer close(answered)
		answered <- r.call("my_queue", nil)
	}()
	require.Until(t, "the call waits for the key", func() bool { return opener.begun.Load() == 1 })
	h.giveToken(helpdesk, fake) // after one refresh
	if got, is := <-answered; !is || got.IsError {
		t.Errorf("the call that waited: %s", got.Text)
	}
	t.Logf("a call that met a token of a lost key went on by the next one, after %s in all", time.Since(started).Round(time.Millisecond))
	wantCalls(t, fake, 1)
	if left := h.refusals(); len(left) != 0 {
		t.Errorf("tokens are reported as refused: %v", left)
	}
}
