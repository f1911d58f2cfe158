// Command prepare gets what the tests start from - etcd, kube-apiserver, kubectl, the Postgres versions
// asked for, the MCP clients of others and pinned programs - where a person sees the progress that `go test` would
// swallow. It prints the folder to use as KUBEBUILDER_ASSETS.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// pinnedPrograms are those of hack/tools/install.sh that tests run.
var pinnedPrograms = []string{"promtool", "helm", "kubeconform"}

func main() {
	postgres := flag.String("postgres", "", "major versions of Postgres to try, separated by blanks; none tries what tests take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := prepare(ctx, strings.Fields(*postgres)); err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(1)
	}
}

// prepare starts each version once: what cannot start is better known before the tests than in them.
func prepare(ctx context.Context, majors []string) error {
	if len(majors) == 0 {
		majors = []string{os.Getenv("PG")}
	}
	for _, major := range majors {
		if err := os.Setenv("PG", major); err != nil {
			return fmt.Errorf("choose Postgres %s: %w", major, err)
		}
		server, err := testenv.StartPostgres(ctx, testenv.PostgresOptions{})
		if err != nil {
			return err
		}
		server.Stop()
	}
	if _, err := testenv.InstallPackages(ctx, "test/conformance"); err != nil {
		return err
	}
	for _, name := range pinnedPrograms {
		if _, err := testenv.PinnedProgram(ctx, name); err != nil {
			return err
		}
	}
	assets, err := testenv.Assets(ctx)
	if err != nil {
		return err
	}
	fmt.Println(assets)
	return nil
}
