package testenv

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Root returns the folder of this repository: the nearest one above the working folder that builds the control plane.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "hack", "controlplane", "build.sh")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside Lectern's repository; run this from there", dir)
		}
	}
}

// TestData returns the path of one of the shared test inputs, which need not be there.
func TestData(name string) (string, error) {
	if folder := os.Getenv("LECTERN_TESTDATA"); folder != "" {
		return filepath.Join(folder, name), nil
	}
	root, err := Root()
	return filepath.Join(root, "..", "shared", "data", name), err
}

// cacheFolder returns where what was built or fetched is kept between runs. Root's home is closed to the
// user that runs Postgres, so root keeps its cache where everybody may read.
func cacheFolder(name string) (string, error) {
	base, err := os.UserCacheDir()
	if os.Geteuid() == 0 {
		base, err = "/var/cache", nil
	}
	if err != nil {
		return "", fmt.Errorf("find a cache folder: %w", err)
	}
	dir := filepath.Join(base, "lectern", name)
	if err := os.MkdirAll(dir, 0o755); err != nil { // programs in it are run by user postgres
		return "", fmt.Errorf("make a cache folder: %w", err)
	}
	return dir, nil
}

// randomSecret returns 128 random bits in hex.
func randomSecret() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails, by its documentation
	return hex.EncodeToString(raw)
}

// printProgress tells the person at the terminal what takes time.
func printProgress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// printProgressEvery repeats how long something has taken, until the function returned is called.
func printProgressEvery(interval time.Duration, what string) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				printProgress("  %s: %s so far", what, time.Since(began).Round(time.Second))
			}
		}
	}()
	return func() { close(done); <-ended }
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
