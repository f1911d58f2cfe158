package chart

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv"
)

const (
	lecternChart = "../../charts/lectern"
	samplesChart = "../../charts/lectern-samples"
)

var (
	plane *testenv.ControlPlane
	api   client.Client
	// programs are paths of what hack/tools pins, by name.
	programs = map[string]string{"helm": "", "kubeconform": ""}
	// binary is Lectern's.
	binary string
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	ctrl.SetLogger(logr.Discard()) // the clients' own
	ctx := context.Background()
	home, err := os.MkdirTemp("", "lectern-chart-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(home) }()
	if err := start(ctx, home); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer plane.Stop()
	return m.Run()
}

// start finds or builds the programs and starts an API server that knows every kind the charts render.
func start(ctx context.Context, home string) error {
	for _, name := range []string{"HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"} {
		if err := os.Setenv(name, filepath.Join(home, name)); err != nil {
			return err
		}
	}
	var err error
	for name := range programs {
		if programs[name], err = testenv.PinnedProgram(ctx, name); err != nil {
			return err
		}
	}
	if binary, err = testenv.Build(ctx, ""); err != nil {
		return err
	}
	if plane, err = testenv.StartControlPlane(ctx, testenv.ControlPlaneOptions{}); err != nil {
		return err
	}
	if err = installForeignKinds(ctx); err == nil {
		api, err = client.New(plane.Config, client.Options{})
	}
	if err != nil {
		plane.Stop()
	}
	return err
}

// installForeignKinds installs the custom resource definitions of others that templates have objects of.
func installForeignKinds(ctx context.Context) error {
	files, err := findForeignKinds(ctx)
	if err != nil {
		return err
	}
	args := []string{"apply", "--server-side"}
	for _, file := range files {
		args = append(args, "--filename="+file)
	}
	if _, err := plane.Kubectl(ctx, args...); err != nil {
		return err
	}
	return plane.WaitForCRDs(ctx)
}
