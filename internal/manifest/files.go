package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
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

// ReadFolder reads a folder with the folders in it, in order of names; hidden ones are passed over. Each file is
// called by what name makes of its path in the folder. A file that cannot be read is a problem; one that
// goes away meanwhile is none.
func ReadFolder(folder fs.FS, name func(string) string) ([]File, []Problem) {
	var files []File
	var problems []Problem
	failed := func(at string, err error) {
		if errors.Is(err, fs.ErrNotExist) && at != "." {
			return
		}
		if inner, ok := errors.AsType[*fs.PathError](err); ok {
			err = inner.Err
		}
		problems = append(problems, Problem{Place: Place{File: name(at)}, Message: fmt.Sprintf("cannot be read: %v", err)})
	}
	// The function below gives no error, so the walk gives none.
	_ = fs.WalkDir(folder, ".", func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			failed(at, err)
		case entry.IsDir():
			if strings.HasPrefix(entry.Name(), ".") && at != "." {
				return fs.SkipDir
			}
		case IsManifestName(at):
			content, _, err := ReadFile(folder, at)
			if err != nil {
				failed(at, err)
				return nil
			}
			files = append(files, File{Name: name(at), Content: content})
		}
		return nil
	})
	return files, problems
}

// ReadFile gives the content of a file, one byte more than is allowed at most so that split can tell, and how the file
// was afterwards.
func ReadFile(folder fs.FS, name string) ([]byte, fs.FileInfo, error) {
	before, err := fs.Stat(folder, name)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() { // to open a pipe is to wait for who writes to it
		return nil, nil, errors.New("it is not a regular file")
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
