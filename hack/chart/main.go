// Command chart writes what the charts take from config and internal, so that it is said once: custom resource
// definitions, rules, roles, admission policies, samples. Templates of the charts add names and labels.
//
//	go run ./hack/chart
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// folders are those that are written, each with nothing else in it.
var folders = []string{"charts/lectern/files", "charts/lectern-samples/files"}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := testenv.Root()
	if err != nil {
		return err
	}
	files, err := readFiles(os.DirFS(root))
	if err != nil {
		return err
	}
	return writeFiles(root, folders, files)
}

// writeFiles makes folders below the root hold these files and no others.
func writeFiles(root string, folders []string, files map[string][]byte) error {
	for _, folder := range folders {
		if err := os.RemoveAll(filepath.Join(root, filepath.FromSlash(folder))); err != nil {
			return err
		}
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
