package gitops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// Repository is a folder with prompts as people keep them in Git.
type Repository struct {
	// Dir is the working tree.
	Dir string
}

// PromptsFolder is where in a Repository the prompts are.
const PromptsFolder = "prompts"

// NewRepository makes a Git repository in a folder, with the manifests of config/samples and a kustomization of them.
func NewRepository(ctx context.Context, dir string) (*Repository, error) {
	root, err := testenv.Root()
	if err != nil {
		return nil, err
	}
	samples, err := filepath.Glob(filepath.Join(root, "config", "samples", "*.yaml"))
	if err != nil || len(samples) == 0 {
		return nil, errors.Join(errors.New("config/samples has no manifests"), err)
	}
	r := &Repository{Dir: dir}
	if _, err := r.git(ctx, "init", "--quiet", "--initial-branch=main"); err != nil {
		return nil, err
	}
	for _, sample := range samples {
		content, err := os.ReadFile(filepath.Clean(sample))
		if err != nil {
			return nil, fmt.Errorf("read a sample: %w", err)
		}
		if filepath.Base(sample) == "kustomization.yaml" {
			continue // of the folder as it is here
		}
		if err := r.Write(filepath.Base(sample), string(content)); err != nil {
			return nil, err
		}
	}
	_, err = r.Commit(ctx, "Take the samples")
	return r, err
}

// Write writes a manifest.
func (r *Repository) Write(name, content string) error {
	return r.WriteAt(filepath.Join(PromptsFolder, name), content)
}

// WriteAt writes a file by its path in the repository.
func (r *Repository) WriteAt(path, content string) error {
	at := filepath.Join(r.Dir, path)
	if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Read returns a manifest.
func (r *Repository) Read(name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(r.Dir, PromptsFolder, filepath.Base(name)))
	return string(content), err
}

// Remove removes manifests.
func (r *Repository) Remove(names ...string) error {
	var failed error
	for _, name := range names {
		failed = errors.Join(failed, os.Remove(filepath.Join(r.Dir, PromptsFolder, name)))
	}
	return failed
}

// Replace changes words in a manifest, which must be there.
func (r *Repository) Replace(name, before, after string) error {
	content, err := r.Read(name)
	if err != nil {
		return err
	}
	if !strings.Contains(content, before) {
		return fmt.Errorf("%s lacks %q", name, before)
	}
	return r.Write(name, strings.ReplaceAll(content, before, after))
}

// Commit commits all there is, with a kustomization that names every manifest, and returns the commit.
func (r *Repository) Commit(ctx context.Context, message string) (commit string, err error) {
	entries, err := os.ReadDir(filepath.Join(r.Dir, PromptsFolder))
	if err != nil {
		return "", fmt.Errorf("list the manifests: %w", err)
	}
	var kustomization strings.Builder
	kustomization.WriteString("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n")
	for _, entry := range entries {
		if entry.Name() != "kustomization.yaml" {
			kustomization.WriteString("- " + entry.Name() + "\n")
		}
	}
	if err := r.Write("kustomization.yaml", kustomization.String()); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"add", "--all"}, {"commit", "--quiet", "--allow-empty", "--message", message}} {
		if _, err := r.git(ctx, args...); err != nil {
			return "", err
		}
	}
	return r.git(ctx, "rev-parse", "HEAD")
}

// git runs git as nobody in particular and returns what it printed.
func (r *Repository) git(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", append([]string{"-C", r.Dir,
		"-c", "user.name=Lectern", "-c", "user.email=lectern@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := command.CombinedOutput()
	printed := strings.TrimSpace(string(out))
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, printed)
	}
	return printed, nil
}
