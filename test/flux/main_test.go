//go:build flux

package flux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/gitops"
)

// world is where Flux runs, for the one test of this package.
var world *gitops.World

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	ctrl.SetLogger(logr.Discard())
	ctx := context.Background()
	var err error
	if world, err = gitops.StartWorld(ctx); err == nil {
		err = startFlux(ctx, world)
	}
	code := 1
	if err == nil {
		code = m.Run()
		if code != 0 {
			fmt.Fprintln(os.Stderr, world.LogTails(ctx))
		}
	}
	if world != nil {
		err = errors.Join(err, world.Stop())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// startFlux installs the definitions of Flux and starts kustomize-controller.
func startFlux(ctx context.Context, w *gitops.World) error {
	folder, err := gitops.BuildFolder(ctx, "flux")
	if err != nil {
		return err
	}
	if err := w.ControlPlane.InstallCRDs(ctx, filepath.Join(folder, "crds")); err != nil {
		return err
	}
	if err := w.Kubectl(ctx, "create", "namespace", "flux-system"); err != nil {
		return err
	}
	metrics, err := testenv.FreePort()
	if err != nil {
		return err
	}
	probes, err := testenv.FreePort()
	if err != nil {
		return err
	}
	return w.StartProcess(ctx, testenv.Process{
		Name: "kustomize-controller", Path: filepath.Join(folder, "kustomize-controller"),
		Args: []string{
			"--watch-all-namespaces", "--log-level=info", "--no-cross-namespace-refs=true",
			fmt.Sprintf("--metrics-addr=127.0.0.1:%d", metrics), fmt.Sprintf("--health-addr=127.0.0.1:%d", probes),
		},
		Env:   []string{"KUBECONFIG=" + w.ControlPlane.Kubeconfig, "RUNTIME_NAMESPACE=flux-system"},
		Ready: fmt.Sprintf("http://127.0.0.1:%d/readyz", probes),
	})
}
