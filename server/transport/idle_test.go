package transport_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// holderEnv makes this program the client of many streams instead of a test: it has the address, and how
// many.
const holderEnv = "LECTERN_TEST_HOLD_STREAMS"

// raiseFiles lets this process open as many files as it may at all, and says how many that are.
func raiseFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return limit.Max, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

// holdStreams opens streams by the request on standard input, says so, and after their end how many were
// told of a change once and then ended in order.
func holdStreams(address, count string) error {
	if _, err := raiseFiles(); err != nil {
		return err
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	asked, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var opened, over sync.WaitGroup
	right := make(chan bool, n)
	dialing := make(chan struct{}, 16)
	for range n {
		opened.Add(1)
		over.Go(func() {
			dialing <- struct{}{}
			lines, err := dialStream(address, asked)
			<-dialing
			opened.Done()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			told := 0
			for lines.Scan() && !strings.Contains(lines.Text(), `"resultType":"complete"`) {
				if strings.Contains(lines.Text(), "prompts/list_changed") {
					told++
				}
			}
			right <- told == 1 && lines.Err() == nil
		})
	}
	opened.Wait()
	fmt.Fprintln(os.Stdout, "open")
	over.Wait()
	close(right)
	ended := 0
	for ok := range right {
		if ok {
			ended++
		}
	}
	fmt.Fprintln(os.Stdout, "ended", ended)
	return nil
}

// dialStream opens a stream and waits for its acknowledgement.
func dialStream(address string, asked []byte) (*bufio.Scanner, error) {
	conn, err := net.Dial("tcp", address) //nolint:noctx // it lasts as long as the process
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(asked); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "subscriptions/acknowledged") {
			return lines, nil
		}
	}
	return nil, fmt.Errorf("no stream: %w", lines.Err())
}

// idleStreams is how many streams are held open at once.
func idleStreams(t *testing.T) int {
	t.Helper()
	if testenv.RaceDetector {
		t.Log("With the race detector 1,000 streams are held, not 10,000: it follows 8,128 goroutines at most")
		return 1000
	}
	const want, others = 10_000, 500
	limit, err := raiseFiles()
	if err != nil {
		t.Fatalf("raise the limit of open files: %v", err)
	}
	if limit < want+others {
		t.Fatalf("%d streams need %d open files; raise ulimit -Hn, which is %d", want, want+others, limit)
	}
	return want
}

// inUse is the memory of the process, stacks included.
func inUse() uint64 {
	for range 3 { // pools let go at the second
		runtime.GC()
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

// TestListen_IdleStreams holds very many streams that nothing happens on, tells them all of a change, and ends
// them. It runs alone, for it looks at the process; the clients are another one. Nothing stands between
// it and the server that would cost memory too.
func TestListen_IdleStreams(t *testing.T) {
	count := idleStreams(t)
	endpoint := transport.New(transport.Config{Server: everything(newProbe()), Authenticator: auth.NewNone("anna"), StreamsPerCaller: count})
	server := httptest.NewServer(endpoint)
	defer server.Close() // it waits for the streams that are open
	defer endpoint.Stop()
	q := request{RPC: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{"promptsListChanged": true}}}
	asked := strings.Replace(ask(q.Message(t)), "Content-Type", "Mcp-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\nContent-Type", 1)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	clients := exec.CommandContext(ctx, self) // what it says ends with it
	clients.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", holderEnv, server.Listener.Addr(), count))
	clients.Stdin, clients.Stderr = strings.NewReader(asked), os.Stderr
	output, err := clients.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	goroutines, before := runtime.NumGoroutine(), inUse()
	if err := clients.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(output)
	said.Scan()
	same(t, "open", said.Text())
	if got := endpoint.OpenStreams(); got != count {
		t.Fatalf("%d streams are open, not %d", got, count)
	}
	each := int64(inUse()-before) / int64(count)
	t.Logf("%d idle streams: %d KiB and %.1f goroutines each", count, each>>10, float64(runtime.NumGoroutine()-goroutines)/float64(count))
	if each > 64<<10 {
		t.Errorf("an idle stream holds %d KiB", each>>10)
	}
	began := time.Now()
	endpoint.NotifyPromptsChanged(everybody)
	endpoint.Stop()
	said.Scan()
	same(t, fmt.Sprint("ended ", count), said.Text())
	t.Logf("All were told of a change and ended within %s", time.Since(began).Round(time.Millisecond))
	if err := clients.Wait(); err != nil {
		t.Error(err)
	}
	require.Until(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
	if got := endpoint.OpenStreams(); got != 0 {
		t.Errorf("%d streams are left", got)
	}
}
