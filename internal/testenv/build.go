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
	done map[built]string // binaries
}

// built is what is compiled: a package below the root, with tags, as a program of a name.
type built struct{ folder, name, tags string }

// Build compiles Lectern with the build tags given and returns the binary's path. It builds once
// per process and tags; Go's own cache does the rest.
func Build(ctx context.Context, tags string) (string, error) {
	return buildOnce(ctx, built{".", "lectern", tags})
}

// BuildFakeSDP compiles the program that serves a fake ServiceDesk Plus, alike.
func BuildFakeSDP(ctx context.Context) (string, error) {
	return buildOnce(ctx, built{"./internal/testenv/fakesdp", "fakesdp", ""})
}

// BuildAuditWriter compiles the program that appends rows to a spool, with the build tags given.
func BuildAuditWriter(ctx context.Context, tags string) (string, error) {
	return buildOnce(ctx, built{"./internal/testenv/auditwriter", "auditwriter", tags})
}

func buildOnce(ctx context.Context, what built) (string, error) {
	builds.Lock()
	defer builds.Unlock()
	if binary, done := builds.done[what]; done {
		return binary, nil
	}
	binary, err := buildBinary(ctx, what)
	if err != nil {
		return "", err
	}
	if builds.done == nil {
		builds.done = map[built]string{}
	}
	builds.done[what] = binary
	return binary, nil
}

func buildBinary(ctx context.Context, what built) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	cache, err := cacheFolder("build")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-tags=" + what.tags}
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
	binary := filepath.Join(part, what.name)
	command := exec.CommandContext(ctx, "go", append(args, "-o", binary, what.folder)...)
	command.Dir, command.Env = root, environment
	stop := printProgressEvery(30*time.Second, "building "+what.name)
	out, err := command.CombinedOutput()
	stop()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", what.name, err, out)
	}
	return keepBinary(binary, cache, fmt.Sprintf("%s\n%s\n%v", root, what.tags, RaceDetector))
}

// keepBinary moves the binary where others with the same key find it, so that the cache does not grow.
func keepBinary(binary, cache, key string) (string, error) {
	sum := sha256.Sum256([]byte(key))
	dir := filepath.Join(cache, hex.EncodeToString(sum[:6]))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) { // a cache of programs
		return "", fmt.Errorf("make a folder for the binary: %w", err)
	}
	kept := filepath.Join(dir, filepath.Base(binary))
	if err := os.Rename(binary, kept); err != nil {
		return "", fmt.Errorf("keep the binary: %w", err)
	}
	return kept, nil
}
