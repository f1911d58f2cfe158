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
	"sync"
	"time"
)

var builds struct {
	sync.Mutex
	done map[string]string // binary by tags
}

// Build compiles Lectern with the build tags given and returns the binary's path. It builds once
// per process and tags; Go's own cache does the rest.
func Build(ctx context.Context, tags string) (string, error) {
	builds.Lock()
	defer builds.Unlock()
	if binary, done := builds.done[tags]; done {
		return binary, nil
	}
	binary, err := buildBinary(ctx, tags)
	if err != nil {
		return "", err
	}
	if builds.done == nil {
		builds.done = map[string]string{}
	}
	builds.done[tags] = binary
	return binary, nil
}

func buildBinary(ctx context.Context, tags string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	cache, err := cacheFolder("build")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-tags=" + tags}
	environment := append(os.Environ(), "CGO_ENABLED=0")
	if RaceDetector {
		args = append(args, "-race")
		environment = append(os.Environ(), "CGO_ENABLED=1")
	}
	// Renamed into place, because another test may be running the binary that is there.
	part, err := os.MkdirTemp(cache, ".part-")
	if err != nil {
		return "", fmt.Errorf("make a folder to build in: %w", err)
	}
	defer func() { _ = os.RemoveAll(part) }()
	built := filepath.Join(part, "lectern")
	command := exec.CommandContext(ctx, "go", append(args, "-o", built, ".")...)
	command.Dir, command.Env = root, environment
	stop := printProgressEvery(30*time.Second, "building lectern")
	out, err := command.CombinedOutput()
	stop()
	if err != nil {
		return "", fmt.Errorf("build lectern: %w\n%s", err, out)
	}
	return keepBinary(built, cache, fmt.Sprintf("%s\n%s\n%v", root, tags, RaceDetector))
}

// keepBinary moves the binary where others with the same key find it, so that the cache does not grow.
func keepBinary(built, cache, key string) (string, error) {
	sum := sha256.Sum256([]byte(key))
	dir := filepath.Join(cache, hex.EncodeToString(sum[:6]))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) { // a cache of programs
		return "", fmt.Errorf("make a folder for the binary: %w", err)
	}
	binary := filepath.Join(dir, "lectern")
	if err := os.Rename(built, binary); err != nil {
		return "", fmt.Errorf("keep the binary: %w", err)
	}
	return binary, nil
}
