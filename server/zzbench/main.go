package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

const getBody = `{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"support.incident-handover",` +
	`"arguments":{"ticket":"INC-4711","tone":"brief"},"_meta":{` +
	`"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},` +
	`"io.modelcontextprotocol/clientCapabilities":{}}}}`

func request() []byte {
	return []byte("POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nMcp-Protocol-Version: 2026-07-28\r\nMcp-Method: prompts/get\r\nMcp-Name: support.incident-handover\r\nContent-Length: " + strconv.Itoa(len(getBody)) + "\r\n\r\n" + getBody)
}

func endpoint() http.Handler {
	source := catalogtest.New()
	spec := prompt.Spec{Title: "Incident handover", Description: "Hand an open incident over to the next shift", Messages: []prompt.Message{{Role: "user", Text: "Write a {{tone}} handover for {{ticket}}.\nSay what happened, what was tried, what is still open, and whom to call.\n{{#urgent}}Begin with what must be done in the next hour.\n{{/urgent}}"}}}
	c, err := prompt.Compile(spec, nil)
	if err != nil {
		panic(err)
	}
	source.Publish(store.Key{Namespace: "support", Name: "incident-handover"}, c, store.Listed)
	o, _ := auth.NewOrigins(nil, true)
	n := auth.NewNone("bench")
	return server.NewHandler(server.Deps{Catalog: catalog.New(source, catalog.Options{}), Authenticator: n, Decider: n, Origins: o, Version: "v0"})
}

func main() {
	if len(os.Args) > 1 {
		var h http.Handler = endpoint()
		if os.Args[1] == "bare" {
			body, _ := os.ReadFile("/tmp/h3answer")
			h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				w.Write(body)
			})
		}
		l, _ := net.Listen("tcp", "127.0.0.1:0")
		fmt.Println(l.Addr())
		if os.Args[1] == "full" {
			f, _ := os.Create("/tmp/zz.prof")
			time.AfterFunc(400*time.Millisecond, func() { pprof.StartCPUProfile(f); time.AfterFunc(1800*time.Millisecond, pprof.StopCPUProfile) })
		}
		http.Serve(l, h)
	}
	for round := 0; round < 3; round++ {
		var cpu [2]float64
		for i, mode := range []string{"full", "bare"} {
			cmd := exec.Command("/proc/self/exe", mode)
			out, _ := cmd.StdoutPipe()
			cmd.Start()
			addr, _ := bufio.NewReader(out).ReadString('\n')
			addr = addr[:len(addr)-1]
			n := run(addr, 300*time.Millisecond) // warm
			usage := func() time.Duration {
				b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", cmd.Process.Pid))
				_ = b
				var ru syscall.Rusage
				_ = ru
				return cpuOf(cmd.Process.Pid)
			}
			before := usage()
			n = run(addr, 2*time.Second)
			cpu[i] = float64((usage() - before).Microseconds()) / float64(n)
			fmt.Printf("%s %d req, %.1f us cpu/req\n", mode, n, cpu[i])
			cmd.Process.Kill()
			cmd.Wait()
		}
		fmt.Printf("ratio %.2f\n", cpu[0]/cpu[1])
	}
}

func cpuOf(pid int) time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	var f [52]string
	rest := string(b)
	for i := len(rest) - 1; i >= 0; i-- {
		if rest[i] == ')' {
			rest = rest[i+2:]
			break
		}
	}
	n := 0
	for _, w := range split(rest) {
		f[n] = w
		n++
		if n == 20 {
			break
		}
	}
	u, _ := strconv.Atoi(f[11])
	s, _ := strconv.Atoi(f[12])
	return time.Duration(u+s) * 10 * time.Millisecond
}

func split(s string) []string {
	var out []string
	for i, j := 0, 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ' ' {
			out = append(out, s[j:i])
			j = i + 1
		}
	}
	return out
}

func run(addr string, d time.Duration) int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	req := request()
	end := time.Now().Add(d)
	for c := 0; c < 4; c++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			br := bufio.NewReaderSize(conn, 64<<10)
			n := 0
			for time.Now().Before(end) {
				conn.Write(req)
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					panic(err)
				}
				b, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != 200 {
					panic(string(b))
				}
				if n == 0 && c == 0 {
					os.WriteFile("/tmp/h3answer", b, 0o644)
				}
				n++
			}
			mu.Lock()
			total += n
			mu.Unlock()
		}()
	}
	wg.Wait()
	return total
}
