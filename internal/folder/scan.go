package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/manifest"
)

const (
	// quietPeriod is how long a file must have been left alone before it is read: an editor that writes in place
	// empties it first.
	quietPeriod = 100 * time.Millisecond
	// maxFiles bounds a folder that was not meant, like the root of the disk.
	maxFiles = 100_000
)

// manifestFile is a manifest file as it was last read.
type manifestFile struct {
	path string // in the folder, with slashes
	stat fs.FileInfo
	set  manifest.Set
}

// hasNoInvalidBut reports whether every document of the file is valid but those known not to be: then what is not in it is
// meant not to be there.
func (f *manifestFile) hasNoInvalidBut(known map[manifest.Fingerprint]bool) bool {
	for invalid := range f.set.InvalidDocuments {
		if !known[invalid] {
			return false
		}
	}
	return true
}

// isUnchanged reports whether the file was not written since it was read. It was read after quietPeriod, so a later write
// has a later time.
func (f *manifestFile) isUnchanged(now fs.FileInfo) bool {
	return os.SameFile(f.stat, now) && f.stat.Size() == now.Size() && f.stat.ModTime().Equal(now.ModTime())
}

// scanResult is what one scan of the folder found.
type scanResult struct {
	// files that are there, by path. One that cannot be read now stands as it was read before.
	files map[string]*manifestFile
	// changed says that a file came, went or was written since the scan before; writeInProgress that some are
	// being written, so that what is missing may be on its way.
	changed, writeInProgress bool
	// unread are folders whose files are not known.
	unread   []string
	problems []manifest.Problem
}

// mayHide reports whether the file of a path may be there unseen.
func (r *scanResult) mayHide(path string) bool {
	return slices.ContainsFunc(r.unread, func(folder string) bool {
		return folder == "." || strings.HasPrefix(path, folder+"/")
	})
}

// scanner reads a folder. Symbolic links are followed, as a mounted ConfigMap wants it.
type scanner struct {
	root   string
	reader *manifest.Reader
	before map[string]*manifestFile
	now    time.Time
	// onFolder is called with every folder before it is read.
	onFolder func(folder string)

	scanResult
	parents []fs.FileInfo // of the folder that is being read, and itself
}

func (s *scanner) scanRoot() scanResult {
	s.files = make(map[string]*manifestFile, len(s.before))
	s.scanFolder(".")
	for path := range s.before {
		if s.files[path] == nil && s.mayHide(path) {
			s.files[path] = s.before[path]
		}
		s.changed = s.changed || s.files[path] == nil
	}
	return s.scanResult
}

// displayName returns what messages call a path.
func (s *scanner) displayName(at string) string { return filepath.Join(s.root, filepath.FromSlash(at)) }

func (s *scanner) scanFolder(at string) {
	stat, err := os.Stat(s.displayName(at))
	if err != nil {
		s.keepUnreadFolder(at, err)
		return
	}
	if slices.ContainsFunc(s.parents, func(above fs.FileInfo) bool { return os.SameFile(above, stat) }) {
		return // a link to a folder it is in
	}
	s.parents = append(s.parents, stat)
	defer func() { s.parents = s.parents[:len(s.parents)-1] }()
	s.onFolder(s.displayName(at))
	entries, err := os.ReadDir(s.displayName(at))
	if err != nil {
		s.keepUnreadFolder(at, err)
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			s.scanEntry(path.Join(at, entry.Name()), entry)
		}
	}
}

func (s *scanner) scanEntry(at string, entry fs.DirEntry) {
	isFolder := entry.IsDir()
	if !isFolder && !manifest.IsManifestName(at) && entry.Type()&fs.ModeSymlink == 0 {
		return
	}
	stat, err := os.Stat(s.displayName(at))
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone meanwhile, or a link to nothing
	case err != nil:
		s.keepUnreadable(at, err)
	case stat.IsDir():
		s.scanFolder(at)
	case manifest.IsManifestName(at):
		s.scanFile(at, stat)
	}
}

func (s *scanner) scanFile(at string, stat fs.FileInfo) {
	before := s.before[at]
	if before != nil && before.isUnchanged(stat) {
		s.files[at] = before
		return
	}
	if age := s.now.Sub(stat.ModTime()); age >= 0 && age < quietPeriod {
		s.postponeFile(at)
		return
	}
	if len(s.files) == maxFiles {
		s.addProblem(s.root, fmt.Sprintf("the folder has more than %d manifest files; the rest is not read", maxFiles))
		return
	}
	content, after, err := manifest.ReadFile(os.DirFS(s.root), at)
	read := &manifestFile{path: at, stat: stat}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		s.keepUnreadable(at, err)
		return
	case !read.isUnchanged(after):
		s.postponeFile(at)
		return
	}
	read.set = s.reader.Read(manifest.File{Name: s.displayName(at), Content: content})
	s.files[at], s.changed = read, true
}

// postponeFile leaves a file that is being written for the next scan.
func (s *scanner) postponeFile(at string) {
	s.writeInProgress = true
	if before := s.before[at]; before != nil {
		s.files[at] = before
	}
}

// keepUnreadable keeps what was read before of a file that is there and cannot be read.
func (s *scanner) keepUnreadable(at string, err error) {
	message := "cannot be read: " + reasonWithoutPath(err)
	if before := s.before[at]; before != nil {
		s.files[at] = before
		message += "; what was read of it before stays"
	}
	s.addProblem(s.displayName(at), message)
}

// keepUnreadFolder keeps what was read before of a folder that cannot be read. One inside the folder that is gone is gone
// with what was in it.
func (s *scanner) keepUnreadFolder(at string, err error) {
	if at != "." && errors.Is(err, fs.ErrNotExist) {
		return
	}
	s.addProblem(s.displayName(at), "the folder cannot be read: "+reasonWithoutPath(err)+"; what was read of it before stays")
	s.unread = append(s.unread, at)
}

func (s *scanner) addProblem(name, message string) {
	s.problems = append(s.problems, manifest.Problem{Place: manifest.Place{File: name}, Message: message})
}

// reasonWithoutPath returns an error of the file system without the path, which stands before it.
func reasonWithoutPath(err error) string {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		return inner.Err.Error()
	}
	if inner, ok := errors.AsType[*os.LinkError](err); ok {
		return inner.Err.Error()
	}
	return err.Error()
}
