package testenv

import (
	"net"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestFreePort_IsExclusive: two processes, which are two of reserved, never get the same port, not
// even when no server listens on it yet.
func TestFreePort_IsExclusive(t *testing.T) {
	t.Parallel()
	var one, another portReservation
	defer func() {
		for _, l := range append(one.blocks, another.blocks...) {
			require.NoError(t, l.Close())
		}
	}()
	given := map[int]bool{}
	for range 2 * blockSize { // more than one block of each
		for _, process := range []*portReservation{&one, &another} {
			port, err := process.takePort(firstKernelPort())
			require.NoError(t, err)
			if given[port] || port < firstPort || port >= firstKernelPort() {
				t.Fatalf("got port %d, twice: %t; the kernel's begin at %d", port, given[port], firstKernelPort())
			}
			given[port] = true
		}
	}
}

// TestFreePort_NearKernelPorts: below, or, without room for a block there, anywhere.
func TestFreePort_NearKernelPorts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		kernel int
		below  bool
	}{
		"as usual":               {defaultFirstKernelPort, true},
		"room for no block":      {firstPort + blockSize - 1, false},
		"below where ours begin": {1024, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ports portReservation
			port, err := ports.takePort(tc.kernel)
			require.NoError(t, err)
			for _, l := range ports.blocks {
				require.NoError(t, l.Close())
			}
			if below := port >= firstPort && port < tc.kernel; below != tc.below || port == 0 {
				t.Errorf("got port %d; the kernel's begin at %d", port, tc.kernel)
			}
		})
	}
}

func TestPortOrFree(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	port := taken.Addr().(*net.TCPAddr).Port
	got, err := PortOrFree(port)
	require.NoError(t, err)
	if got == port || got == 0 {
		t.Errorf("port %d is taken, got %d", port, got)
	}
	if got, err := PortOrFree(0); err != nil || got == 0 {
		t.Errorf("any port will do, got %d, %v", got, err)
	}
}
