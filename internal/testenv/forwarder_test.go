package testenv

import (
	"net"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestForwarder_StopWhileAccepting: a connection that is accepted while the forwarder is stopped ends with it, or Stop waits for it
// for ever.
func TestForwarder_StopWhileAccepting(t *testing.T) {
	t.Parallel()
	target, err := listenOnLoopback(0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = target.Close() })
	for range 50 {
		f, err := StartForwarder("tcp://" + target.Addr().String())
		require.NoError(t, err)
		f.mu.Lock() // what accepts and what stops go on together
		conn, err := net.Dial("tcp", f.listener.Addr().String())
		require.NoError(t, err)
		stopped := make(chan error, 1)
		go func() { stopped <- f.Stop() }()
		f.mu.Unlock()
		require.NoError(t, <-stopped)
		require.NoError(t, conn.Close())
	}
}
