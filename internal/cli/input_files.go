package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/lectern-dev/lectern/internal/manifest"
)

// stdin is what a command calls its standard input.
const stdin = "-"

// readFiles reads the files and folders named. A name that does not exist is an error: it is the caller's
// mistake and not a manifest's.
func readFiles(ctx context.Context, in io.Reader, names []string) ([]manifest.File, []manifest.Problem, error) {
	var files []manifest.File
	var problems []manifest.Problem
	for _, name := range names {
		if name == stdin {
			content, err := io.ReadAll(io.LimitReader(in, manifest.MaxFile+1))
			if err != nil {
				return nil, nil, fmt.Errorf("read standard input: %w", err)
			}
			files = append(files, manifest.File{Name: displayName(name), Content: content})
			continue
		}
		stat, err := os.Stat(name)
		if err != nil {
			return nil, nil, err
		}
		if stat.IsDir() {
			found, failed, err := manifest.ReadFolder(ctx, name)
			if err != nil {
				return nil, nil, err
			}
			files, problems = append(files, found...), append(problems, failed...)
			continue
		}
		if stat.Mode().IsRegular() && stat.Size() > manifest.MaxFile {
			files = append(files, manifest.File{Name: displayName(name)})
			problems = append(problems, manifest.Problem{Place: manifest.Place{File: displayName(name)}, Message: manifest.ErrTooLarge.Error()})
			continue
		}
		content, err := readFile(name)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, manifest.File{Name: displayName(name), Content: content})
	}
	return dedupeFiles(files), problems, nil
}

// displayName returns what messages call a file that is named on the command line.
func displayName(name string) string {
	if name == stdin {
		return "stdin"
	}
	return filepath.Clean(name)
}

// readFile reads one byte more than is allowed at most, for the reader to refuse: how much a pipe has shows only then.
func readFile(name string) ([]byte, error) {
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(file, manifest.MaxFile+1))
}

// dedupeFiles leaves out files named twice, as a folder and a file in it are.
func dedupeFiles(files []manifest.File) []manifest.File {
	seen := map[string]bool{}
	return slices.DeleteFunc(files, func(f manifest.File) bool {
		twice := seen[f.Name] && f.Name != displayName(stdin)
		seen[f.Name] = true
		return twice
	})
}

// inNamedFiles returns the problems of files that are named themselves: a folder may hold anything, but a file that is
// named is meant to hold prompts.
func inNamedFiles(problems []manifest.Problem, names []string) []manifest.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p manifest.Problem) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return displayName(name) == p.File })
	})
}
