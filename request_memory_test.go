package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport"
)

// largeServer is `lectern server` on a folder, as a process of its own whose memory can be looked at.
type largeServer struct {
	address string
	cmd     *exec.Cmd
	stop    func()
}

func startLargeServer(t *testing.T) *largeServer {
	t.Helper()
	return startServerOf(t, t.TempDir())
}

// startServerOf starts it on a folder.
func startServerOf(t *testing.T, folder string) *largeServer {
	t.Helper()
	cmd, _ := lectern(t, "server", "--prompts", folder, "--address=127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &largeServer{cmd: cmd}
	s.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, log)
		_ = cmd.Wait()
	})
	t.Cleanup(s.stop)
	for said := bufio.NewScanner(log); s.address == "" && said.Scan(); {
		var line struct{ Msg, For, Address string }
		if json.Unmarshal(said.Bytes(), &line) == nil && line.Msg == "Listening" && line.For == "MCP" {
			s.address = line.Address
		}
	}
	if s.address == "" {
		t.Fatal("it never said where it listens")
	}
	return s
}

// skipWithoutMemory skips a test where the memory of a process cannot be read, or says nothing.
func skipWithoutMemory(t *testing.T) {
	t.Helper()
	switch {
	case runtime.GOOS != "linux":
		t.Skip("the memory of a process is read from /proc, which Linux has")
	case testenv.RaceDetector:
		t.Skip("the race detector takes several times the memory of the program")
	}
}

// memory returns what the process has in memory, and the most it had since the last call, in bytes.
func (s *largeServer) memory(t *testing.T) (now, peak int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) int64 {
		found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		if found == nil {
			t.Fatalf("no %s in\n%s", name, status)
		}
		size, err := strconv.ParseInt(string(found[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return size << 10
	}
	now, peak = read("VmRSS"), read("VmHWM")
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0o600); err != nil {
		t.Fatal(err)
	}
	return now, peak
}

// idle returns what the process has in memory once it has answered a few requests.
func (s *largeServer) idle(t *testing.T) int64 {
	t.Helper()
	for range 10 {
		s.ask(t, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	}
	now, _ := s.memory(t)
	return now
}

// connect opens a connection of its own.
func (s *largeServer) connect(t *testing.T) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask sends a request and returns the first line of the answer.
func (s *largeServer) ask(t *testing.T, body string) string {
	t.Helper()
	conn := s.connect(t)
	defer conn.Close() //nolint:errcheck // the answer was read
	go func() {
		_, _ = io.WriteString(conn, headerOf(len(body)))
		_, _ = io.WriteString(conn, body)
	}()
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(status)
}

func headerOf(length int) string {
	return fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
}

// largeRequests are requests of 4 MiB, of the shapes that cost a decoder most.
func largeRequests() map[string]string {
	const size = transport.DefaultBodyLimit
	request := func(method, name, before, unit, after string) string {
		begin := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"name":%q,"arguments":`, method, name) + before
		n := (size - len(begin) - len(after) - 2) / len(unit)
		if len(unit) > 1<<10 { // as large as it may be
			n = 1
		}
		body := begin + strings.Repeat(unit, n) + after + "}}"
		return body + strings.Repeat(" ", size-len(body))
	}
	call := func(tool, before, unit, after string) string { return request("tools/call", tool, before, unit, after) }
	keys := numbered(200_000)
	deep := size/2 - 100
	return map[string]string{
		"many objects":               call("list_prompts", `{"metadata":{"a":[`, "{},", "{}]}}"),
		"many lists":                 call("list_prompts", `{"metadata":{"a":[`, "[],", "[]]}}"),
		"many numbers":               call("add_prompt", `{"name":"a","content":"a","tags":[`, "0,", "0]}"),
		"many texts in no encoding":  call("add_prompt", `{"name":"a","content":"a","tags":[`, "\"\xff\",", `""]}`),
		"many halves of pairs":       call("add_prompt", `{"name":"a","content":"a","tags":[`, `"\ud800",`, `""]}`),
		"many texts":                 call("add_prompt", `{"name":"a","content":"a","tags":[`, `"",`, `""]}`),
		"many names, all alike":      call("apply_template", `{"id":"a","variables":{`, `"a":"",`, `"a":""}}`),
		"many names":                 call("apply_template", `{"id":"a","variables":{`+keys, `"a":"",`, `"a":""}}`),
		"many arguments":             call("get_prompt", `{`+keys, `"a":0,`, `"a":0}`),
		"many arguments of a prompt": request("prompts/get", "a", `{`+keys, `"a":"",`, `"a":""}`),
		"a long text":                call("add_prompt", `{"name":"a","content":"`, "x", `"}`),
		"a long text of escapes":     call("add_prompt", `{"name":"a","content":"`, `\u0041`, `"}`),
		"a long name":                call("get_prompt", `{"`, "x", `":1}`),
		"a long query":               call("search_prompts", `{"query":"`, "x ", `"}`),
		"nested as deep as it goes": `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_prompts","arguments":{"metadata":` +
			strings.Repeat("[", deep) + strings.Repeat("]", deep) + "}}}",
		"the largest text, escaped": request("tools/call", "find_similar_prompts", `{"text":"`, strings.Repeat(`\u0041`, prompt.MaxText), `"}`),
		"the largest values":        request("tools/call", "apply_template", `{"id":"a","variables":{"a":"`, strings.Repeat(`\u0041`, prompt.MaxValues), `"}}`),
		"16,000 tags":               request("tools/call", "list_prompts", `{"tags":[`, strings.Repeat(`"a",`, 16_000), `"a"]}`),
		"5,000 objects":             request("tools/call", "list_prompts", `{"metadata":{"a":[`, strings.Repeat(`{},`, 5_000), `{}]}}`),
		"16,000 values":             request("prompts/get", "a", `{`, numbered(16_000), `"a":""}`),
		"many small trees":          call("list_prompts", `{"metadata":{"a":[`, `{"a":[{"b":[{}]}]},`, "{}]}}"),
		"nothing but blanks":        `{"jsonrpc":"2.0","id":1,"method":"tools/list"}` + strings.Repeat(" ", size-46),
		"no JSON":                   strings.Repeat("\x00", size),
		"a batch":                   "[" + strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"ping"},`, size/42) + "{}]",
		"a long uri":                `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"` + strings.Repeat("x", size-100) + `"}}`,
		"a large _meta":             `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":[` + strings.Repeat("{},", size/3-50) + `{}]}}}`,
		"large responses":           `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_stats","inputResponses":{"a":[` + strings.Repeat("{},", size/3-60) + `{}]}}}`,
		"an unknown member":         `{"jsonrpc":"2.0","id":1,"method":"ping","x":[` + strings.Repeat("{},", size/3-30) + `{}]}`,
	}
}

const mib = 1 << 20

// numbered are so many members of an object, by different names.
func numbered(count int) string {
	var members strings.Builder
	for i := range count {
		fmt.Fprintf(&members, `"%07x":"",`, i)
	}
	return members.String()
}

// TestServer_LargeRequestsCostLittle looks at the memory of the real process while it is sent the largest requests there may be.
func TestServer_LargeRequestsCostLittle(t *testing.T) {
	skipWithoutMemory(t)
	requests := largeRequests()
	for name, body := range requests {
		if len(body) > transport.DefaultBodyLimit {
			t.Fatalf("a body of %d bytes: %.120s", len(body), body)
		}
		s := startLargeServer(t)
		idle := s.idle(t)
		status := s.ask(t, body)
		_, peak := s.memory(t)
		s.stop()
		t.Logf("%-28s %4.1f MiB over %.1f: %s", name, float64(peak-idle)/mib, float64(idle)/mib, status)
		if !strings.HasPrefix(status, "HTTP/1.1 ") || peak-idle > 16*mib {
			t.Errorf("%s took %d MiB over idle, and was answered by %q", name, (peak-idle)/mib, status)
		}
	}
	t.Run("100 at once", func(t *testing.T) { hundredAtOnce(t, startLargeServer(t), slices.Collect(maps.Values(requests))) })
	t.Run("300 that do not go on", func(t *testing.T) { stalledBodies(t, startLargeServer(t)) })
}

// TestServer_LargeLinesCostLittle is the same for a client on a pipe, which may send a hundred without waiting.
func TestServer_LargeLinesCostLittle(t *testing.T) {
	skipWithoutMemory(t)
	cmd, in := lectern(t, "server", "--prompts", t.TempDir(), "--stdio")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &largeServer{cmd: cmd}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	answers := bufio.NewReaderSize(out, mib)
	say := func(lines ...string) {
		go func() {
			for _, line := range lines {
				_, _ = io.WriteString(in, strings.TrimSpace(line)+"\n")
			}
		}()
		for range lines {
			if _, err := answers.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 {
		say(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	}
	idle, _ := s.memory(t)
	requests := largeRequests()
	say(requests["many objects"])
	_, peak := s.memory(t)
	t.Logf("one: %.1f MiB over %.1f", float64(peak-idle)/mib, float64(idle)/mib)
	if peak-idle > 16*mib {
		t.Errorf("one took %d MiB over idle", (peak-idle)/mib)
	}
	var hundred []string
	for body := range maps.Values(requests) {
		hundred = append(hundred, slices.Repeat([]string{body}, 100/len(requests)+1)...)
	}
	say(hundred...)
	_, peak = s.memory(t)
	t.Logf("%d: %.1f MiB over %.1f", len(hundred), float64(peak-idle)/mib, float64(idle)/mib)
	if peak-idle > 256*mib {
		t.Errorf("%d took %d MiB over idle", len(hundred), (peak-idle)/mib)
	}
}

func hundredAtOnce(t *testing.T, s *largeServer, requests []string) {
	idle := s.idle(t)
	var asking sync.WaitGroup
	statuses := make(chan string, 100)
	for i := range cap(statuses) {
		asking.Go(func() { statuses <- s.ask(t, requests[i%len(requests)]) })
	}
	asking.Wait()
	close(statuses)
	count := map[string]int{}
	for status := range statuses {
		count[status]++
	}
	_, peak := s.memory(t)
	t.Logf("%.1f MiB over %.1f: %v", float64(peak-idle)/mib, float64(idle)/mib, count)
	if peak-idle > 256*mib {
		t.Errorf("%d MiB over idle", (peak-idle)/mib)
	}
}

// stalledBodies has many bodies begin that do not end. Meanwhile small requests are answered, and large ones once the others
// are dropped.
func stalledBodies(t *testing.T, s *largeServer) {
	idle := s.idle(t)
	var beginning sync.WaitGroup
	part := strings.Repeat(" ", transport.DefaultBodyLimit/2)
	for range 300 {
		conn := s.connect(t)
		beginning.Go(func() {
			_, _ = io.WriteString(conn, headerOf(transport.DefaultBodyLimit))
			_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second)) // what is not read is not taken
			_, _ = io.WriteString(conn, part)
		})
	}
	beginning.Wait()
	const small = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	const ok = "HTTP/1.1 200 OK"
	if got := s.ask(t, small); got != ok {
		t.Errorf("a small request meanwhile: %s", got)
	}
	_, peak := s.memory(t)
	t.Logf("%.1f MiB over %.1f", float64(peak-idle)/mib, float64(idle)/mib)
	if peak-idle > 128*mib {
		t.Errorf("%d MiB over idle", (peak-idle)/mib)
	}
	require.Until(t, "a large request is answered", func() bool { return s.ask(t, small+strings.Repeat(" ", 1<<20)) == ok })
}

// TestServer_LargeAnswersCostLittle: a small request may have an answer of megabytes, and who asks for many and takes none of
// them up costs the server a budget and the texts that wait, and keeps nobody from small answers.
func TestServer_LargeAnswersCostLittle(t *testing.T) {
	skipWithoutMemory(t)
	folder := t.TempDir()
	large := "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: large}\nspec:\n  text: \"" + strings.Repeat("{{a}}", 4000) + "\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "large.yaml"), []byte(large), 0o600))
	s := startServerOf(t, folder)
	idle := s.idle(t)
	ask := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"apply_template","arguments":{"id":"large","variables":{"a":"%s"}}}}`,
		strings.Repeat(`\"`, 250))
	const greedy = 100
	for range greedy {
		conn := s.connect(t)
		if tcp, is := conn.(*net.TCPConn); is {
			require.NoError(t, tcp.SetReadBuffer(4<<10))
		}
		_, err := io.WriteString(conn, headerOf(len(ask))+ask)
		require.NoError(t, err)
	}
	if got := s.ask(t, `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`); !strings.Contains(got, " 200 ") {
		t.Errorf("a small answer beside them is %q", got)
	}
	s.ask(t, ask) // is behind all others
	_, peak := s.memory(t)
	t.Logf("%d answers of 4 MiB that nobody reads take %d MiB", greedy, (peak-idle)>>20)
	if over := peak - idle; over > 400<<20 { // 700 without a budget
		t.Errorf("they take %d MiB over idle, want at most 400", over>>20)
	}
}
