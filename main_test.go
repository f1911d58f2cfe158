package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// TestMain is the program itself where a test starts it again.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_AS_LECTERN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// lectern is the program with a pipe to its stdin.
func lectern(t *testing.T, args ...string) (*exec.Cmd, io.WriteCloser) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "TEST_AS_LECTERN=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return cmd, in
}

// endsBySignal sends so many signals, and wants that one of them ended the program and not the program itself.
func endsBySignal(t *testing.T, cmd *exec.Cmd, signals int) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(wait.Patience); time.Now().Before(deadline); signals-- {
		if signals > 0 {
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		}
		select {
		case <-again.C:
		case err := <-ended:
			if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v, want by the signal", err)
			}
			return
		}
	}
	_ = cmd.Process.Kill()
	t.Errorf("it has not ended: %v", <-ended)
}

func TestKillableBySignal(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"validate", "render"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			cmd, in := lectern(t, command, "-")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// More than a pipe holds: once it is written, somebody reads.
			if _, err := in.Write(bytes.Repeat([]byte("#\n"), 1<<20)); err != nil {
				t.Fatal(err)
			}
			endsBySignal(t, cmd, 1)
		})
	}
}

// startServer starts a server and returns what waits for a line of its log: of a message, about something.
func startServer(t *testing.T, args ...string) (cmd *exec.Cmd, waitForLog func(message, about string) (address string)) {
	t.Helper()
	cmd, _ = lectern(t, append([]string{"server", "--address=127.0.0.1:0", "--metrics-address=127.0.0.1:0"}, args...)...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(log)
	return cmd, func(message, about string) (address string) {
		for said.Scan() {
			var line struct{ Msg, For, Address string }
			if json.Unmarshal(said.Bytes(), &line) == nil && line.Msg == message && line.For == about {
				return line.Address
			}
		}
		t.Fatalf("it never said %s", message)
		return ""
	}
}

func TestServer_SecondSignalKills(t *testing.T) {
	t.Parallel()
	cmd, waitForLog := startServer(t, "--prompts", t.TempDir(), "--drain-delay=1h") // there is none with a folder
	client, err := net.Dial("tcp", waitForLog("Listening", "MCP"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // nothing was sent that matters
	fmt.Fprint(client, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
	if _, err := client.Read(make([]byte, 1)); err != nil { // it asks for the body, which never comes
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitForLog("Stopping", "")
	endsBySignal(t, cmd, 1<<20)
}

// TestServer_DrainsUntilSecondSignal: for as long as the delay lasts the server is not ready and takes new connections.
func TestServer_DrainsUntilSecondSignal(t *testing.T) {
	t.Parallel()
	cmd, waitForLog := startServer(t, "--database-url=postgres://nobody@127.0.0.1:1/none", "--allow-in-pod", "--drain-delay=1h")
	endpoint, probes := waitForLog("Listening", "MCP"), waitForLog("Listening", "metrics and probes")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitForLog("Draining: not ready any more, and still serving", "1h0m0s")
	ready, err := http.Get("http://" + probes + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Body.Close()
	if body, err := io.ReadAll(ready.Body); ready.StatusCode != http.StatusServiceUnavailable || string(body) != "not ready: the server is stopping\n" {
		t.Errorf("readiness is %s %q (%v)", ready.Status, body, err)
	}
	const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	answer, err := http.Post("http://"+endpoint+"/mcp", "application/json", strings.NewReader(ping))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK || !answer.Close {
		t.Errorf("the answer is %s, and closes the connection: %t", answer.Status, answer.Close)
	}
	endsBySignal(t, cmd, 1<<20)
}

// TestHelp_NamesValues holds that the help names the value of each flag in one word: quotation marks in a description make
// what is between them that name.
func TestHelp_NamesValues(t *testing.T) {
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if value, _ := pflag.UnquoteUsage(f); strings.Contains(value, " ") {
				t.Errorf("%s says --%s %s", c.CommandPath(), f.Name, value)
			}
		})
		for _, below := range c.Commands() {
			look(below)
		}
	}
	look(newRootCommand())
}
