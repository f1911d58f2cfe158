package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
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
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); signals-- {
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

func TestServer_SecondSignalKills(t *testing.T) {
	t.Parallel()
	cmd, _ := lectern(t, "server", "--prompts", t.TempDir(), "--address=127.0.0.1:0", "--metrics-address=127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(log)
	wait := func(message, about string) (address string) {
		for said.Scan() {
			var line struct{ Msg, For, Address string }
			if json.Unmarshal(said.Bytes(), &line) == nil && line.Msg == message && line.For == about {
				return line.Address
			}
		}
		t.Fatalf("it never said %s", message)
		return ""
	}
	client, err := net.Dial("tcp", wait("Listening", "MCP"))
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
	wait("Stopping", "")
	endsBySignal(t, cmd, 1<<20)
}
