// Command argocd is what of Argo CD synchronises, in one binary: its application controller and its repo server, chosen by the
// name it is called by, and the cache they meet in. Its API server and its UI are not in it.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
	controller "github.com/argoproj/argo-cd/v3/cmd/argocd-application-controller/commands"
	reposerver "github.com/argoproj/argo-cd/v3/cmd/argocd-repo-server/commands"
)

func main() {
	if err := run(filepath.Base(os.Args[0])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(name string) error {
	switch name {
	case "argocd-application-controller":
		return controller.NewCommand().Execute()
	case "argocd-repo-server":
		return reposerver.NewCommand().Execute()
	case "argocd-redis":
		return runRedis(os.Args[1:])
	}
	return fmt.Errorf("%s: call me as argocd-application-controller, argocd-repo-server or argocd-redis", name)
}

// runRedis serves what Argo CD's own tests take for Redis. Its clock stands still unless it is moved.
func runRedis(args []string) error {
	flags := flag.NewFlagSet("argocd-redis", flag.ExitOnError)
	address := flags.String("address", "127.0.0.1:6379", "Address of the cache")
	probes := flags.String("probe-address", "127.0.0.1:6380", "Address of /healthz")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(*address); err != nil {
		return fmt.Errorf("listen on %s: %w", *address, err)
	}
	defer server.Close()
	go func() {
		for range time.Tick(time.Second) {
			server.FastForward(time.Second)
		}
	}()
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	probe := &http.Server{Addr: *probes, ReadHeaderTimeout: time.Second}
	return probe.ListenAndServe()
}
