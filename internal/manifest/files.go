package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// File is a file that may hold manifests.
type File struct {
	// Name is what messages call it.
	Name    string
	Content []byte
}

// IsManifestName says whether a folder's file is looked into.
func IsManifestName(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return !strings.HasPrefix(path.Base(name), ".")
	}
	return false
}

// ReadFolder reads the manifest files of a folder as Walk finds them. A file that cannot be read is a problem; one that goes
// away meanwhile is none. The error is that of ctx.
func ReadFolder(ctx context.Context, root string) ([]File, []Problem, error) {
	var files []File
	var problems []Problem
	for found := range Walk(ctx, root) {
		name, err := filepath.Join(root, filepath.FromSlash(found.Path)), found.Err
		if err == nil && !found.Stat.IsDir() {
			var content []byte
			if content, _, err = ReadFile(os.DirFS(root), found.Path); err == nil {
				files = append(files, File{Name: name, Content: content})
			}
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) && found.Path != "." {
			continue
		}
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			err = inner.Err
		}
		problems = append(problems, Problem{Place: Place{File: name}, Message: fmt.Sprintf("cannot be read: %v", err)})
	}
	return files, problems, ctx.Err()
}

// ErrTooLarge refuses a file by its size.
var ErrTooLarge = fmt.Errorf("the file has more than %d bytes (%d MiB); split it", MaxFile, MaxFile>>20)

// ReadFile gives the content of a file, and how the file was afterwards. One that is too large is not read; one that grows
// meanwhile has one byte more than is allowed.
func ReadFile(folder fs.FS, name string) ([]byte, fs.FileInfo, error) {
	before, err := fs.Stat(folder, name)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() { // to open a pipe is to wait for who writes to it
		return nil, nil, errors.New("it is not a regular file")
	}
	if before.Size() > MaxFile {
		return nil, nil, ErrTooLarge
	}
	file, err := folder.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	if err != nil {
		return nil, nil, err
	}
	after, err := file.Stat()
	return content, after, err
}
