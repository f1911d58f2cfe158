package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxFolders bounds a walk that was not meant, like that of a whole disk.
const maxFolders = 100_000

// Found is a folder or a manifest file that a walk meets, or what kept it from meeting one.
type Found struct {
	// Path is in the folder that is walked, with slashes; "." is that folder itself.
	Path string
	// Stat is of what links lead to. It is nil where that could not be found out.
	Stat fs.FileInfo
	// Err is why a folder was not read, or why there is no Stat.
	Err error
}

// Walk yields the folder root, the folders in it, each before it is read, and their manifest files, in order of names.
// Hidden names are passed over, and so is what goes away meanwhile. Symbolic links are followed, as a mounted ConfigMap wants
// it, and a folder to which several paths lead is entered once, under the first of them. The walk ends early when ctx does.
func Walk(ctx context.Context, root string) iter.Seq[Found] {
	return func(yield func(Found) bool) {
		w := walker{ctx: ctx, root: root, yield: yield, entered: map[folderID]bool{}}
		stat, err := os.Stat(root)
		if err != nil {
			yield(Found{Path: ".", Err: err})
			return
		}
		_ = w.walkFolder(".", stat) && w.yieldUnreached()
	}
}

// walker is a walk under way. Its methods return false when it is to end.
type walker struct {
	ctx     context.Context
	root    string
	yield   func(Found) bool
	entered map[folderID]bool
	// unreached are links to folders that a path was too long for; most are reached by another one.
	unreached []unreachedFolder
	full      bool
}

type unreachedFolder struct {
	id    folderID
	found Found
}

func (w *walker) nameOf(at string) string { return filepath.Join(w.root, filepath.FromSlash(at)) }

func (w *walker) walkFolder(at string, stat fs.FileInfo) bool {
	id := folderIDOf(w.nameOf(at), stat)
	switch {
	case w.ctx.Err() != nil:
		return false
	case w.entered[id]:
		return true
	case len(w.entered) == maxFolders:
		return w.refuseMore(at, stat)
	}
	w.entered[id] = true
	if !w.yield(Found{Path: at, Stat: stat}) {
		return false
	}
	entries, err := os.ReadDir(w.nameOf(at))
	if errors.Is(err, fs.ErrNotExist) && at != "." {
		return true
	}
	if err != nil {
		return w.yield(Found{Path: at, Stat: stat, Err: err})
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), ".") && !w.walkEntry(path.Join(at, entry.Name()), entry) {
			return false
		}
	}
	return true
}

func (w *walker) walkEntry(at string, entry fs.DirEntry) bool {
	if !entry.IsDir() && !IsManifestName(at) && entry.Type()&fs.ModeSymlink == 0 {
		return true
	}
	if w.ctx.Err() != nil {
		return false
	}
	stat, err := os.Stat(w.nameOf(at))
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone meanwhile, or a link to nothing
		return true
	case err != nil:
		return w.postponeUnreached(Found{Path: at, Err: err})
	case stat.IsDir():
		return w.walkFolder(at, stat)
	case IsManifestName(at):
		return w.yield(Found{Path: at, Stat: stat})
	default:
		return true
	}
}

// postponeUnreached keeps a link for the end of the walk: systems follow some 40 links in a path and no more, and paths
// through folders that link to each other have as many as there are folders.
func (w *walker) postponeUnreached(found Found) bool {
	real, err := filepath.EvalSymlinks(w.nameOf(found.Path))
	if err != nil {
		return w.yield(found)
	}
	stat, err := os.Stat(real)
	if err != nil || !stat.IsDir() {
		return w.yield(found)
	}
	w.unreached = append(w.unreached, unreachedFolder{id: folderIDOf(real, stat), found: found})
	return true
}

// yieldUnreached yields the links to folders that were not entered by another path either.
func (w *walker) yieldUnreached() bool {
	for _, u := range w.unreached {
		if !w.entered[u.id] && !w.yield(u.found) {
			return false
		}
	}
	return true
}

// refuseMore says once that there are too many folders.
func (w *walker) refuseMore(at string, stat fs.FileInfo) bool {
	if w.full {
		return true
	}
	w.full = true
	return w.yield(Found{Path: at, Stat: stat, Err: fmt.Errorf("more than %d folders; those from here on are not read; give a folder that holds prompts alone", maxFolders)})
}
