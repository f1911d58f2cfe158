package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
)

const (
	firstPort = 10_000
	blockSize = 50
	// The kernel's own ports begin here unless it says otherwise.
	defaultFirstKernelPort = 32_768
)

// ports are those this process may give out.
var ports portReservation

// FreePort returns a TCP port on the loopback address that nobody listens on. No other caller gets
// it, in this process or another, and no connection is given it: a server can be started there a
// moment later, and again after it was stopped. Where the kernel gives nearly all ports to
// connections, it is one that was free just now, and no more is promised.
func FreePort() (int, error) { return ports.takePort(firstKernelPort()) }

// FreeAddress returns a loopback address with a FreePort, and ends the test when there is none.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	port, err := FreePort()
	if err != nil {
		tb.Fatal(err)
	}
	return loopbackAddress(port)
}

// portReservation are blocks of ports below those that the kernel gives to connections. A block belongs to
// the process that listens on its first port, until that process ends.
type portReservation struct {
	mutex     sync.Mutex
	blocks    []net.Listener
	next, end int
}

func (r *portReservation) takePort(kernel int) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if kernel < firstPort+blockSize {
		return portFromKernel()
	}
	for {
		for ; r.next < r.end; r.next++ {
			if l, err := listenOnLoopback(r.next); err == nil {
				r.next++
				return r.next - 1, l.Close()
			}
		}
		if err := r.reserveBlock(kernel); err != nil {
			return 0, err
		}
	}
}

func (r *portReservation) reserveBlock(kernel int) error {
	for _, block := range rand.Perm((kernel - firstPort) / blockSize) {
		first := firstPort + block*blockSize
		if l, err := listenOnLoopback(first); err == nil {
			r.blocks = append(r.blocks, l)
			r.next, r.end = first+1, first+blockSize
			return nil
		}
	}
	return errors.New("look for a free port: all are taken or reserved by other processes")
}

func portFromKernel() (int, error) {
	l, err := listenOnLoopback(0)
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// firstKernelPort returns the first port the kernel may give to a connection.
func firstKernelPort() int {
	first := defaultFirstKernelPort
	if said, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(said), &first) // what cannot be read leaves the usual one
	}
	return first
}

// PortOrFree returns the port when nobody listens on it, else, or for zero, any free one.
func PortOrFree(wanted int) (int, error) {
	if wanted == 0 {
		return FreePort()
	}
	l, err := listenOnLoopback(wanted)
	if err != nil {
		return FreePort()
	}
	return wanted, l.Close()
}

func listenOnLoopback(port int) (net.Listener, error) {
	return net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
}
