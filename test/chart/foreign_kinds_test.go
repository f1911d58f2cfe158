package chart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// foreignKinds are the files of custom resource definitions by the modules that crds/go.mod pins. The modules' code is
// never compiled.
var foreignKinds = map[string][]string{
	"github.com/cert-manager/cert-manager":               {"deploy/crds/cert-manager.io_certificates.yaml"},
	"github.com/external-secrets/external-secrets":       {"config/crds/bases/external-secrets.io_externalsecrets.yaml"},
	"github.com/prometheus-operator/prometheus-operator": {"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml", "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"},
	"sigs.k8s.io/gateway-api":                            {"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
}

var requirement = regexp.MustCompile(`(?m)^\t(\S+) (v\S+)$`)

// findForeignKinds returns the paths of all files of foreignKinds in Go's module cache, where they are downloaded to and
// verified by crds/go.sum.
func findForeignKinds(ctx context.Context) ([]string, error) {
	const module = "crds"
	content, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return nil, err
	}
	args := []string{"mod", "download", "-json"}
	for _, required := range requirement.FindAllSubmatch(content, -1) {
		args = append(args, fmt.Sprintf("%s@%s", required[1], required[2]))
	}
	// Asked by path and version, it downloads these and nothing that they require.
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = module
	out, failed := command.Output()
	var files []string
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var downloaded struct{ Path, Dir, Error string }
		if err := decoder.Decode(&downloaded); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if downloaded.Error != "" {
			failed = errors.Join(failed, errors.New(downloaded.Error))
		}
		for _, file := range foreignKinds[downloaded.Path] {
			files = append(files, filepath.Join(downloaded.Dir, filepath.FromSlash(file)))
		}
	}
	if failed != nil {
		return nil, fmt.Errorf("download the modules of %s: %w", module, failed)
	}
	return files, nil
}
