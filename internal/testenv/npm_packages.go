package testenv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// packageFiles say which npm packages a folder of the repository wants. The lock has their checksums.
var packageFiles = []string{"package.json", "package-lock.json", ".npmrc"}

// InstallPackages installs the npm packages that a folder of the repository locks, once for each state of
// these files, and returns the folder with node_modules in it. No program of a package is run.
func InstallPackages(ctx context.Context, folder string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	files, sum := make(map[string][]byte, len(packageFiles)), sha256.New()
	for _, name := range packageFiles {
		content, err := os.ReadFile(filepath.Join(root, folder, name))
		if err != nil {
			return "", fmt.Errorf("read which npm packages %s wants: %w", folder, err)
		}
		files[name] = content
		sum.Write(content)
	}
	cache, err := cacheFolder("npm")
	if err != nil {
		return "", err
	}
	kept := filepath.Join(cache, hex.EncodeToString(sum.Sum(nil)[:6]))
	if isPresent(kept) {
		return kept, nil
	}
	return kept, runNPMCleanInstall(ctx, folder, files, cache, kept)
}

// runNPMCleanInstall works beside the kept folder, as fetchPackage does, and for the same reasons.
func runNPMCleanInstall(ctx context.Context, folder string, files map[string][]byte, cache, kept string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("the npm packages of %s are needed, and npm is not there: install it (Debian: apt-get install npm)", folder)
	}
	printProgress("Installing the npm packages of %s (about 350 MB, once).", folder)
	defer printProgressEvery(10*time.Second, "installing npm packages")()
	part, err := os.MkdirTemp(cache, ".part-")
	if err != nil {
		return fmt.Errorf("make a folder for npm packages: %w", err)
	}
	defer func() { _ = os.RemoveAll(part) }()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(part, name), content, 0o600); err != nil {
			return fmt.Errorf("prepare the folder for npm packages: %w", err)
		}
	}
	command := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	command.Dir = part
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci for the packages of %s, which needs the npm registry once: %w\n%s", folder, err, out)
	}
	if err := os.Rename(part, kept); err != nil && !isPresent(kept) {
		return errors.Join(errors.New("keep the npm packages"), err)
	}
	return nil
}
