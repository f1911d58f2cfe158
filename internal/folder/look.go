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
	// settling is how long a file must have been left alone before it is read: an editor that writes in place
	// empties it first.
	settling = 100 * time.Millisecond
	// maxFiles bounds a folder that was not meant, like the root of the disk.
	maxFiles = 100_000
)

// file is a manifest file as it was last read.
type file struct {
	path string // in the folder, with slashes
	stat fs.FileInfo
	set  manifest.Set
}

// soundBut says that everything in the file can be used but what is known not to be: what is not in it is meant not
// to be.
func (f *file) soundBut(known map[manifest.Fingerprint]bool) bool {
	for fault := range f.set.InvalidDocuments {
		if !known[fault] {
			return false
		}
	}
	return true
}

// same says that the file was not written since it was read. It was not read before it had settled, so a later
// write has a later time.
func (f *file) same(now fs.FileInfo) bool {
	return os.SameFile(f.stat, now) && f.stat.Size() == now.Size() && f.stat.ModTime().Equal(now.ModTime())
}

// look is what one walk through the folder found.
type look struct {
	// files that are there, by path. One that cannot be read now stands as it was read before.
	files map[string]*file
	// changed says that a file came, went or was written since the look before; unsettled that some are
	// being written, so that what is missing may be on its way.
	changed, unsettled bool
	// unread are folders whose files are not known.
	unread   []string
	problems []manifest.Problem
}

// hides says that the file of a path may be there unseen.
func (l *look) hides(path string) bool {
	return slices.ContainsFunc(l.unread, func(folder string) bool {
		return folder == "." || strings.HasPrefix(path, folder+"/")
	})
}

// walk looks through a folder. Symbolic links are followed, as a mounted ConfigMap wants it.
type walk struct {
	root   string
	reader *manifest.Reader
	before map[string]*file
	now    time.Time
	// entering is told of every folder before it is read.
	entering func(folder string)

	look
	open []fs.FileInfo // the folders on the way here
}

func (w *walk) run() look {
	w.files = make(map[string]*file, len(w.before))
	w.folder(".")
	for path := range w.before {
		if w.files[path] == nil && w.hides(path) {
			w.files[path] = w.before[path]
		}
		w.changed = w.changed || w.files[path] == nil
	}
	return w.look
}

// name is what messages call a path.
func (w *walk) name(at string) string { return filepath.Join(w.root, filepath.FromSlash(at)) }

func (w *walk) folder(at string) {
	stat, err := os.Stat(w.name(at))
	if err != nil {
		w.lost(at, err)
		return
	}
	if slices.ContainsFunc(w.open, func(above fs.FileInfo) bool { return os.SameFile(above, stat) }) {
		return // a link to a folder it is in
	}
	w.open = append(w.open, stat)
	defer func() { w.open = w.open[:len(w.open)-1] }()
	w.entering(w.name(at))
	entries, err := os.ReadDir(w.name(at))
	if err != nil {
		w.lost(at, err)
		return
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") {
			w.entry(path.Join(at, entry.Name()), entry)
		}
	}
}

func (w *walk) entry(at string, entry fs.DirEntry) {
	isFolder := entry.IsDir()
	if !isFolder && !manifest.IsManifestName(at) && entry.Type()&fs.ModeSymlink == 0 {
		return
	}
	stat, err := os.Stat(w.name(at))
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone meanwhile, or a link to nothing
	case err != nil:
		w.unreadable(at, err)
	case stat.IsDir():
		w.folder(at)
	case manifest.IsManifestName(at):
		w.file(at, stat)
	}
}

func (w *walk) file(at string, stat fs.FileInfo) {
	before := w.before[at]
	if before != nil && before.same(stat) {
		w.files[at] = before
		return
	}
	if age := w.now.Sub(stat.ModTime()); age >= 0 && age < settling {
		w.postpone(at)
		return
	}
	if len(w.files) == maxFiles {
		w.problem(w.root, fmt.Sprintf("the folder has more than %d manifest files; the rest is not read", maxFiles))
		return
	}
	content, after, err := manifest.ReadFile(os.DirFS(w.root), at)
	read := &file{path: at, stat: stat}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		w.unreadable(at, err)
		return
	case !read.same(after):
		w.postpone(at)
		return
	}
	read.set = w.reader.Read(manifest.File{Name: w.name(at), Content: content})
	w.files[at], w.changed = read, true
}

// postpone leaves a file that is being written for the next look.
func (w *walk) postpone(at string) {
	w.unsettled = true
	if before := w.before[at]; before != nil {
		w.files[at] = before
	}
}

// unreadable is a file that is there and cannot be read.
func (w *walk) unreadable(at string, err error) {
	message := "cannot be read: " + reason(err)
	if before := w.before[at]; before != nil {
		w.files[at] = before
		message += "; what was read of it before stays"
	}
	w.problem(w.name(at), message)
}

// lost is a folder that cannot be read: what was in it stays as it was. One inside the folder that is gone is
// gone with what was in it.
func (w *walk) lost(at string, err error) {
	if at != "." && errors.Is(err, fs.ErrNotExist) {
		return
	}
	w.problem(w.name(at), "the folder cannot be read: "+reason(err)+"; what was read of it before stays")
	w.unread = append(w.unread, at)
}

func (w *walk) problem(name, message string) {
	w.problems = append(w.problems, manifest.Problem{Place: manifest.Place{File: name}, Message: message})
}

// reason is an error of the file system without the path, which stands before it.
func reason(err error) string {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		return inner.Err.Error()
	}
	if inner, ok := errors.AsType[*os.LinkError](err); ok {
		return inner.Err.Error()
	}
	return err.Error()
}
