package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// downloadTimeout bounds the attempt to download; a machine that cannot reach the place builds.
const downloadTimeout = 2 * time.Minute

// Assets returns the folder with etcd, kube-apiserver and kubectl: the one KUBEBUILDER_ASSETS names,
// else what hack/controlplane built before, else setup-envtest's download (kept, too), else a new
// build (about eight minutes, once).
func Assets(ctx context.Context) (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir, checkAssets(dir)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	build := filepath.Join(root, "hack", "controlplane", "build.sh")
	if dir, err := runForLastLine(ctx, build, "--present"); err == nil {
		return dir, checkAssets(dir)
	}
	dir, err := downloadAssets(ctx, root)
	if err == nil {
		return dir, checkAssets(dir)
	}
	printProgress("The download of etcd and kube-apiserver failed, so they are built. (%s)", firstLine(err))
	defer printProgressEvery(30*time.Second, "building etcd, kube-apiserver and kubectl")()
	dir, err = runForLastLine(ctx, build)
	if err != nil {
		return "", fmt.Errorf("build etcd and kube-apiserver: %w", err)
	}
	return dir, checkAssets(dir)
}

// checkAssets says what a folder lacks, instead of letting the first start fail on it.
func checkAssets(dir string) error {
	var missing []string
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("folder %s lacks %s; correct or unset KUBEBUILDER_ASSETS", dir, strings.Join(missing, ", "))
	}
	return nil
}

// kubernetes is the version that is downloaded: the one hack/controlplane builds.
const kubernetes = "1.37.x"

// downloadAssets asks setup-envtest, which is built from the pinned tools module.
func downloadAssets(ctx context.Context, root string) (string, error) {
	cache, err := cacheFolder("envtest")
	if err != nil {
		return "", err
	}
	printProgress("Looking for etcd and kube-apiserver to download.")
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	return runForLastLine(ctx, "go", "-C", filepath.Join(root, "hack", "tools"), "tool", "setup-envtest",
		"use", kubernetes, "-p", "path", "--bin-dir", cache)
}

// runForLastLine runs a program and returns the last line it printed; what it says to people goes to the
// error.
func runForLastLine(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		if said := strings.TrimSpace(complaint.String()); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
		return "", fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if lines[len(lines)-1] == "" {
		return "", errors.New(filepath.Base(name) + " printed nothing")
	}
	return lines[len(lines)-1], nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
