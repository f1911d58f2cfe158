package testenv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstallPackages_MissingNPM: a test that needs them fails with what to do, and leaves nothing half
// done for the next one.
func TestInstallPackages_MissingNPM(t *testing.T) {
	files := map[string][]byte{
		"package.json":      []byte(`{"name":"x","dependencies":{"left-pad":"1.3.0"}}`),
		"package-lock.json": []byte(`{"name":"x","lockfileVersion":3,"packages":{"":{"name":"x","dependencies":{"left-pad":"1.3.0"}},"node_modules/left-pad":{"version":"1.3.0"}}}`),
	}
	for name, tc := range map[string]struct {
		environment map[string]string
		want        string
	}{
		"no npm": {
			map[string]string{"PATH": ""},
			"the npm packages of hack/some are needed, and npm is not there: install it (Debian: apt-get install npm)",
		},
		"no registry": {
			map[string]string{"npm_config_registry": "http://127.0.0.1:1", "npm_config_fetch_retries": "0"},
			"npm ci for the packages of hack/some, which needs the npm registry once: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range tc.environment {
				t.Setenv(variable, value)
			}
			cache := t.TempDir()
			t.Setenv("npm_config_cache", t.TempDir())
			err := runNPMCleanInstall(t.Context(), "hack/some", files, cache, filepath.Join(cache, "kept"))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got %v, want %s…", err, tc.want)
			}
			left, err := os.ReadDir(cache)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
