//go:build flux

package flux

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv/gitops"
)

// source answers for a GitRepository in place of source-controller: it serves archives of a repository, and says so in the
// object's status.
type source struct {
	world      *gitops.World
	repository *gitops.Repository
	server     *httptest.Server
	name       string

	mu       sync.Mutex
	archives map[string][]byte // by path
}

func newSource(t *testing.T, w *gitops.World, r *gitops.Repository, name string) *source {
	t.Helper()
	s := &source{world: w, repository: r, name: name, archives: map[string][]byte{}}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	return s
}

func (s *source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	archive, known := s.archives[r.URL.Path]
	s.mu.Unlock()
	if !known {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(archive)
}

// publish commits the repository as it is, makes an archive of it, and tells of it.
func (s *source) publish(ctx context.Context) (revision string, err error) {
	commit, err := s.repository.Commit(ctx, "Change prompts")
	if err != nil {
		return "", err
	}
	archive, err := pack(s.repository.Dir)
	if err != nil {
		return "", err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(archive))
	path := "/" + sum + ".tar.gz"
	s.mu.Lock()
	s.archives[path] = archive
	s.mu.Unlock()
	revision = "main@sha1:" + commit
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("source.toolkit.fluxcd.io/v1")
	object.SetKind("GitRepository")
	object.SetNamespace("flux-system")
	object.SetName(s.name)
	patch := fmt.Appendf(nil, `{"status":{"observedGeneration":1,"artifact":{"path":%q,"url":%q,"revision":%q,"digest":%q,"lastUpdateTime":%q,"size":%d}}}`,
		path, s.server.URL+path, revision, "sha256:"+sum, time.Now().UTC().Format(time.RFC3339), len(archive))
	return revision, s.world.API.Status().Patch(ctx, object, client.RawPatch("application/merge-patch+json", patch))
}

// pack returns a folder as a compressed archive, without Git's own.
func pack(dir string) ([]byte, error) {
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	archive := tar.NewWriter(compressed)
	err := filepath.WalkDir(dir, func(at string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(at, "/.git/") {
			return err
		}
		name, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(filepath.Clean(at))
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	err = compressed.Close()
	return packed.Bytes(), err
}
