//go:build argocd

package argocd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	argocdconfig "github.com/lectern-dev/lectern/config/argocd"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/gitops"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// world is where Argo CD runs, for the tests of this package.
var world *gitops.World

// programs are those that repo server calls.
var programs struct{ helm, kustomize string }

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	ctrl.SetLogger(logr.Discard())
	ctx := context.Background()
	var err error
	if world, err = gitops.StartWorld(ctx); err == nil {
		err = startArgoCD(ctx, world)
	}
	code := 1
	if err == nil {
		collecting, stop := context.WithCancel(ctx)
		go collectGarbage(collecting)
		code = m.Run()
		stop()
	}
	if world != nil {
		if code != 0 {
			fmt.Fprintln(os.Stderr, world.LogTails(ctx))
		}
		err = errors.Join(err, world.Stop())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// startArgoCD installs Argo CD as its manifests do, tells it of Prompts as docs/argocd.md does, and starts what synchronises.
func startArgoCD(ctx context.Context, w *gitops.World) error {
	folder, err := gitops.BuildFolder(ctx, "argocd")
	if err != nil {
		return err
	}
	if programs.helm, err = testenv.PinnedProgram(ctx, "helm"); err != nil {
		return err
	}
	if programs.kustomize, err = testenv.PinnedProgram(ctx, "kustomize"); err != nil {
		return err
	}
	if err := installArgoCD(ctx, w, folder); err != nil {
		return err
	}
	if err := tellOfPrompts(ctx, w); err != nil {
		return err
	}
	return startProcesses(ctx, w, folder)
}

// TestComponent builds Argo CD's own settings with config/argocd as a component, as docs/argocd.md says.
func TestComponent(t *testing.T) {
	root, err := testenv.Root()
	require.NoError(t, err)
	folder, err := gitops.BuildFolder(t.Context(), "argocd")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "argocd"), os.DirFS(filepath.Join(folder, "config"))))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "lectern"), os.DirFS(filepath.Join(root, "config", "argocd"))))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: [argocd]\ncomponents: [lectern]\n"), 0o600))
	out, err := exec.CommandContext(t.Context(), programs.kustomize, "build", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("kustomize build: %v\n%s", err, out)
	}
	var settings corev1.ConfigMap
	for document := range strings.SplitSeq(string(out), "\n---\n") {
		var object corev1.ConfigMap // another kind has the same metadata
		if yaml.Unmarshal([]byte(document), &object) == nil && object.Name == "argocd-cm" {
			settings = object
		}
	}
	for _, kind := range []string{v1alpha1.PromptKind, v1alpha1.SDPConnectionKind} {
		if got := settings.Data["resource.customizations.health.lectern.dev_"+kind]; got != argocdconfig.Health {
			t.Errorf("the health script of %s is %q", kind, got)
		}
		if got := settings.Data["resource.customizations.actions.lectern.dev_"+kind]; got != argocdconfig.Actions {
			t.Errorf("the actions of %s are %q", kind, got)
		}
	}
	if settings.Labels["app.kubernetes.io/part-of"] != "argocd" || settings.Data["resource.exclusions"] == "" {
		t.Errorf("Argo CD's own settings are lost: labels %v", settings.Labels)
	}
}

func installArgoCD(ctx context.Context, w *gitops.World, folder string) error {
	if err := w.Kubectl(ctx, "create", "namespace", "argocd"); err != nil {
		return err
	}
	if err := w.ControlPlane.InstallCRDs(ctx, filepath.Join(folder, "crds")); err != nil {
		return err
	}
	if err := w.Kubectl(ctx, "apply", "--namespace=argocd", "--kustomize", filepath.Join(folder, "config")); err != nil {
		return err
	}
	// Its API server would make this key at its first start.
	if err := w.Kubectl(ctx, "patch", "--namespace=argocd", "secret", "argocd-secret", "--patch", `{"stringData":{"server.secretkey":"unused"}}`); err != nil {
		return err
	}
	project := filepath.Join(w.Dir, "project.yaml")
	if err := os.WriteFile(project, []byte(`apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default, namespace: argocd}
spec: {sourceRepos: ['*'], destinations: [{namespace: '*', server: '*'}], clusterResourceWhitelist: [{group: '*', kind: '*'}]}
`), 0o600); err != nil {
		return err
	}
	return w.Kubectl(ctx, "apply", "--filename", project)
}

// tellOfPrompts runs the command of docs/argocd.md that adds config/argocd to the ConfigMap argocd-cm.
func tellOfPrompts(ctx context.Context, w *gitops.World) error {
	root, err := testenv.Root()
	if err != nil {
		return err
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "argocd.md"))
	if err != nil {
		return err
	}
	const begins = "kubectl patch configmap argocd-cm"
	_, after, found := strings.Cut(string(page), "```sh\n"+begins)
	script, _, ended := strings.Cut(after, "```")
	if !found || !ended {
		return errors.New("docs/argocd.md has no command that begins with " + begins)
	}
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", begins+script)
	command.Dir = root
	command.Env = append(os.Environ(), "KUBECONFIG="+w.ControlPlane.Kubeconfig, "PATH="+w.ControlPlane.Assets+":"+os.Getenv("PATH"))
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("the command of docs/argocd.md: %w\n%s", err, out)
	}
	return nil
}

func startProcesses(ctx context.Context, w *gitops.World, folder string) error {
	var ports [6]int
	for i := range ports {
		var err error
		if ports[i], err = testenv.FreePort(); err != nil {
			return err
		}
	}
	redis, redisProbes, repo, repoMetrics, controllerMetrics := ports[0], ports[1], ports[2], ports[3], ports[4]
	at := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
	env, err := environment(ctx, w)
	if err != nil {
		return err
	}
	for _, p := range []testenv.Process{
		{
			Name: "argocd-redis", Args: []string{"-address=" + at(redis), "-probe-address=" + at(redisProbes)},
			Ready: "http://" + at(redisProbes) + "/healthz",
		},
		{
			Name: "argocd-repo-server", Args: []string{
				"--address=127.0.0.1", fmt.Sprintf("--port=%d", repo), "--metrics-address=127.0.0.1", fmt.Sprintf("--metrics-port=%d", repoMetrics),
				"--redis=" + at(redis), "--logformat=text", "--loglevel=warn",
			},
			Ready: "http://" + at(repoMetrics) + "/healthz",
		},
		{
			Name: "argocd-application-controller", Args: []string{
				fmt.Sprintf("--metrics-port=%d", controllerMetrics), "--redis=" + at(redis), "--repo-server=" + at(repo),
				"--app-resync=5", "--persist-resource-health", "--logformat=text", "--loglevel=info",
			},
			Ready: "http://" + at(controllerMetrics) + "/healthz",
		},
	} {
		p.Path, p.Env = filepath.Join(folder, p.Name), env
		if err := w.StartProcess(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// environment returns what Argo CD's programs find in their images.
func environment(ctx context.Context, w *gitops.World) ([]string, error) {
	home := filepath.Join(w.Dir, "argocd")
	for _, folder := range []string{"tls", "ssh", "gpg/keys", "gpg/source", "plugins", "tmp"} {
		if err := os.MkdirAll(filepath.Join(home, folder), 0o700); err != nil {
			return nil, err
		}
	}
	content, err := os.ReadFile(w.ControlPlane.Kubeconfig)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(home, "kubeconfig")
	if err := os.WriteFile(kubeconfig, content, 0o600); err != nil {
		return nil, err
	}
	// The namespace of its own settings is that of its context.
	command := exec.CommandContext(ctx, filepath.Join(w.ControlPlane.Assets, "kubectl"), "--kubeconfig", kubeconfig,
		"config", "set-context", "--current", "--namespace=argocd")
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("kubectl config: %w\n%s", err, out)
	}
	at := func(name string) string { return filepath.Join(home, name) }
	return []string{
		"KUBECONFIG=" + kubeconfig, "HOSTNAME=argocd-0", "HOME=" + home, "TMPDIR=" + at("tmp"), "ARGOCD_FAKE_IN_CLUSTER=true",
		"ARGOCD_TLS_DATA_PATH=" + at("tls"), "ARGOCD_SSH_DATA_PATH=" + at("ssh"), "ARGOCD_PLUGINSOCKFILEPATH=" + at("plugins"),
		"ARGOCD_GPG_ENABLED=false", "ARGOCD_GNUPGHOME=" + at("gpg/keys"), "ARGOCD_GPG_DATA_PATH=" + at("gpg/source"),
		"ARGOCD_RECONCILIATION_TIMEOUT=1s", // how long a branch's commit is remembered
		"PATH=" + strings.Join([]string{filepath.Dir(programs.helm), filepath.Dir(programs.kustomize), os.Getenv("PATH")}, ":"),
	}, nil
}
