package testenv

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// PinnedProgram returns the path of a program that hack/tools/install.sh pins, which it builds where it is not there yet:
// minutes, once.
func PinnedProgram(ctx context.Context, name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	defer printProgressEvery(30*time.Second, "building "+name)()
	path, err := runForLastLine(ctx, filepath.Join(root, "hack", "tools", "install.sh"), name)
	if err != nil {
		return "", fmt.Errorf("find the pinned program %s: %w", name, err)
	}
	return path, nil
}
