package local

import (
	"net"
	"testing"
)

// TestFreePortIsNobodyElses: two processes, which are two of reserved, never get the same port, not
// even when no server listens on it yet.
func TestFreePortIsNobodyElses(t *testing.T) {
	t.Parallel()
	var one, another reserved
	defer func() {
		for _, l := range append(one.blocks, another.blocks...) {
			must(t, l.Close())
		}
	}()
	given := map[int]bool{}
	for range 2 * blockSize { // more than one block of each
		for _, process := range []*reserved{&one, &another} {
			port, err := process.take()
			must(t, err)
			if given[port] || port < firstPort || port >= kernelPorts() {
				t.Fatalf("got port %d, twice: %t; the kernel's begin at %d", port, given[port], kernelPorts())
			}
			given[port] = true
		}
	}
}

func TestPortOr(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, taken.Close()) }()
	port := taken.Addr().(*net.TCPAddr).Port
	got, err := PortOr(port)
	must(t, err)
	if got == port || got == 0 {
		t.Errorf("port %d is taken, got %d", port, got)
	}
	if got, err := PortOr(0); err != nil || got == 0 {
		t.Errorf("any port will do, got %d, %v", got, err)
	}
}
