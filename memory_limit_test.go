package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// memoryCgroup makes a cgroup below this process's own, with a limit, by whichever version the machine has. It
// returns its folder, and skips the test where that is not allowed.
func memoryCgroup(t *testing.T, limit int64) string {
	t.Helper()
	const root = "/sys/fs/cgroup"
	memberships, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skipf("no cgroups on this machine: %v", err)
	}
	folder, file := "", ""
	for line := range strings.Lines(string(memberships)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) == 3 && parts[1] == "memory":
			folder, file = filepath.Join(root, "memory"), "memory.limit_in_bytes"
		case len(parts) == 3 && parts[0] == "0" && file == "":
			folder, file = root, "memory.max"
		}
	}
	folder = filepath.Join(folder, fmt.Sprintf("lectern-test-%d", os.Getpid()))
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Skipf("a cgroup cannot be made here, which needs root and a writable %s: %v", root, err)
	}
	t.Cleanup(func() { _ = os.Remove(folder) })
	if err := os.WriteFile(filepath.Join(folder, file), []byte(strconv.FormatInt(limit, 10)), 0o600); err != nil {
		t.Skipf("a cgroup's memory cannot be limited here: %v", err)
	}
	return folder
}

// runningLimit starts a server, as a member of a cgroup where one is given, and returns its memory limit as its metrics
// and its log have it; 0 where it logged none.
func runningLimit(t *testing.T, cgroup string, environment ...string) (limit, logged float64) {
	t.Helper()
	cmd, _ := lectern(t, "server", "--prompts", t.TempDir(), "--address=127.0.0.1:0", "--metrics-address=127.0.0.1:0")
	if cgroup != "" { // a shell joins it and becomes the program
		cmd.Args = []string{"sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(cgroup, "cgroup.procs"), cmd.Path}
		cmd.Args = append(cmd.Args, "server", "--prompts", t.TempDir(), "--address=127.0.0.1:0", "--metrics-address=127.0.0.1:0")
		cmd.Path = "/bin/sh"
	}
	cmd.Env = append(cmd.Env, environment...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, log)
		_ = cmd.Wait()
	}()
	metrics := ""
	for said := bufio.NewScanner(log); metrics == "" && said.Scan(); {
		var line struct {
			Msg, For, Address string
			Bytes             float64
		}
		if json.Unmarshal(said.Bytes(), &line) != nil {
			continue
		}
		switch {
		case line.Msg == "Memory limit set":
			logged = line.Bytes
		case line.Msg == "Listening" && line.For == "metrics and probes":
			metrics = readURL(t, "http://"+line.Address+"/metrics")
		}
	}
	found := regexp.MustCompile(`(?m)^go_gc_gomemlimit_bytes (\S+)$`).FindStringSubmatch(metrics)
	if found == nil {
		t.Fatal("the metrics have no go_gc_gomemlimit_bytes")
	}
	limit, err = strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return limit, logged
}

func readURL(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url) //nolint:noctx // on loopback, of a process of this test
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestServer_MemoryLimit(t *testing.T) {
	t.Run("is nine tenths of what the cgroup allows", func(t *testing.T) {
		const allowed = 512 << 20
		limit, logged := runningLimit(t, memoryCgroup(t, allowed))
		if want := math.Floor(allowed * 0.9); limit != want || logged != want {
			t.Errorf("the limit is %.0f and the log says %.0f, want %.0f", limit, logged, want)
		}
	})
	t.Run("is that of GOMEMLIMIT where it is set", func(t *testing.T) {
		const explicit = 123 << 20
		if limit, _ := runningLimit(t, "", "GOMEMLIMIT=123MiB"); limit != explicit {
			t.Errorf("the limit is %.0f, want %d", limit, explicit)
		}
	})
}

// TestController_MemoryLimit: the other command that runs long has one, before it does anything; those that end soon do not.
func TestController_MemoryLimit(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]bool{"controller": true, "server": true, "migrate": false, "validate": false} {
		cmd, in := lectern(t, command) // without a database, or a file, it ends at once
		cmd.Env = append(cmd.Env, "GOMEMLIMIT=123MiB", "KUBECONFIG=/dev/null")
		_ = in.Close()
		said, _ := cmd.CombinedOutput()
		if got := strings.Contains(string(said), `"msg":"Memory limit set","bytes":128974848`); got != want {
			t.Errorf("%s: %t, want %t\n%s", command, got, want, said)
		}
	}
}
