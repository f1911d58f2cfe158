package postgres_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestPublish_FeedLocked is a person's forgotten transaction: every publish waits for it, but not for ever.
func TestPublish_FeedLocked(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	s := openStore(t, owner)
	w := claimWriter(t, s, cluster)
	s.SetCallTimeout(200 * time.Millisecond)

	forgotten, err := pgtest.Connect(t, owner).Begin(t.Context())
	require.NoError(t, err)
	_, err = forgotten.Exec(t.Context(), "select from feed for update")
	require.NoError(t, err)
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("publish beside a lock gives %v, want %v", err, store.ErrUnavailable)
	}

	require.NoError(t, forgotten.Rollback(context.Background()))
	s.SetCallTimeout(patience)
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
}

// TestStore_UnresponsiveServer is a node that freezes: its connections stay open and nothing comes back.
func TestStore_UnresponsiveServer(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	u, err := url.Parse(owner.URL)
	require.NoError(t, err)
	silent, address := startProxy(t, u.Host)
	u.Host = address
	owner.URL = u.String()
	s := openStore(t, owner)
	w := claimWriter(t, s, cluster)
	s.SetCallTimeout(200 * time.Millisecond)

	silent.Store(true)
	for name, call := range map[string]func() error{
		"get":    func() error { _, err := s.Get(t.Context(), handover, prompt.Selector{}); return err },
		"feed":   func() error { _, err := s.Feed(t.Context()); return err },
		"check":  func() error { return w.CheckCluster(t.Context()) },
		"remove": func() error { return w.Remove(t.Context(), handover, "u1", false) },
		"publish": func() error {
			_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
			return err
		},
	} {
		if err := call(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s on a silent server gives %v, want %v", name, err, store.ErrUnavailable)
		}
	}
}

// startProxy passes bytes on to a server until it is told to fall silent.
func startProxy(t *testing.T, server string) (silent *atomic.Bool, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	silent = &atomic.Bool{}
	pass := func(from, to net.Conn) {
		defer from.Close() //nolint:errcheck // the other side may have closed it
		defer to.Close()   //nolint:errcheck // likewise
		buffer := make([]byte, 32<<10)
		for {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			if silent.Load() {
				continue
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close() //nolint:errcheck // nobody waits for it
				return
			}
			go pass(client, upstream)
			go pass(upstream, client)
		}
	}()
	return silent, listener.Addr().String()
}
