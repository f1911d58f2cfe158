package folder

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/fileerror"
	"github.com/lectern-dev/lectern/internal/manifest"
)

// maxFiles bounds a folder that was not meant, like the root of the disk.
const maxFiles = 100_000

// scanResult is what one scan of the folder found.
type scanResult struct {
	// files that are there, by path. One that cannot be read now, or may still be written, stands as it was read before.
	files map[string]*manifestFile
	// pending are the files that may still be written, by path.
	pending map[string]pendingFile
	// walkTime is what it took to find them, without reading those that changed.
	walkTime time.Duration
	// changed says that a file came, went or was written since the scan before.
	changed bool
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

// mayHoldMissing reports whether what is missing may be on its way, in a file that is being written.
func (r *scanResult) mayHoldMissing(now time.Time) bool {
	for _, p := range r.pending {
		if !p.own && now.Sub(p.first) < busyTimeout {
			return true
		}
	}
	return false
}

// nextIn returns in what time the first of the pending files is at rest, or 0 when there is none.
func (r *scanResult) nextIn(now time.Time) time.Duration {
	var next time.Duration
	for _, p := range r.pending {
		if in := max(p.restIn(now), time.Millisecond); next == 0 || in < next {
			next = in
		}
	}
	return next
}

// scanner reads a folder.
type scanner struct {
	root   string
	reader *manifest.Reader
	// before and pendingBefore are what the scans before found, and lastScan when a path was last looked at.
	before        map[string]*manifestFile
	pendingBefore map[string]pendingFile
	lastScan      func(path string) time.Time
	// onFolder is called with every folder before it is read.
	onFolder func(folder string)

	scanResult
	// atRest are the files to read.
	atRest []fileAtRest
}

// fileAtRest is a file that is at rest, and what became of reading it.
type fileAtRest struct {
	path  string
	state pendingFile
	// isOpen says that a program has it open for writing.
	isOpen bool
	read   *manifestFile
	after  fs.FileInfo
	err    error
}

// scanRoot reads what changed in the folder. Its error is that of ctx, and says that not all was read.
func (s *scanner) scanRoot(ctx context.Context) (scanResult, error) {
	s.files = make(map[string]*manifestFile, len(s.before))
	s.pending = map[string]pendingFile{}
	begun := time.Now()
	for found := range manifest.Walk(ctx, s.root) {
		switch {
		case found.Err == nil && found.Stat.IsDir():
			s.onFolder(s.displayName(found.Path))
		case found.Err == nil:
			s.scanFile(found.Path, found.Stat)
		case found.Path != "." && found.Stat == nil && manifest.IsManifestName(found.Path):
			s.keepUnreadable(found.Path, found.Err)
		default:
			s.keepUnreadFolder(found.Path, found.Err)
		}
	}
	if ctx.Err() != nil {
		return scanResult{}, ctx.Err()
	}
	s.walkTime = time.Since(begun)
	if err := s.readFilesAtRest(ctx); err != nil {
		return scanResult{}, err
	}
	for path := range s.before {
		if s.files[path] == nil && s.mayHide(path) {
			s.files[path] = s.before[path]
		}
		s.changed = s.changed || s.files[path] == nil
	}
	return s.scanResult, nil
}

// scanPaths reads what changed in some files of the folder; the others stand as they were. Its error is that of ctx. It is not ok
// when only a scan of the whole folder would tell.
func (s *scanner) scanPaths(ctx context.Context, paths []string) (found scanResult, ok bool, err error) {
	s.files, s.pending = maps.Clone(s.before), maps.Clone(s.pendingBefore)
	for _, path := range paths {
		delete(s.files, path)
		delete(s.pending, path)
		stat, err := os.Stat(s.displayName(path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.changed = s.changed || s.before[path] != nil
		case err != nil || stat.IsDir():
			return scanResult{}, false, nil //nolint:nilerr // a look at the whole folder says why
		default:
			s.scanFile(path, stat)
		}
	}
	if err := s.readFilesAtRest(ctx); err != nil {
		return scanResult{}, false, err
	}
	return s.scanResult, len(s.problems) == 0, nil
}

// displayName returns what messages call a path.
func (s *scanner) displayName(at string) string { return filepath.Join(s.root, filepath.FromSlash(at)) }

func (s *scanner) scanFile(at string, stat fs.FileInfo) {
	before := s.before[at]
	isKnown := before != nil && !before.suspect && isSameState(before.stat, stat)
	if isKnown && !before.fresh {
		s.files[at] = before
		return
	}
	if before == nil && len(s.files)+len(s.atRest) == maxFiles {
		s.addProblem(s.root, fmt.Sprintf("the folder has more than %d manifest files; the rest is not read", maxFiles))
		return
	}
	now := time.Now()
	earlier, isPending := s.pendingBefore[at]
	state := nextPending(earlier, isPending, stat, now, s.lastScan(at))
	state.own = isKnown
	if state.isAtRest(now) {
		s.atRest = append(s.atRest, fileAtRest{path: at, state: state})
	} else {
		s.postponeFile(at, state)
	}
}

// postponeFile leaves a file that may still be written for a later scan.
func (s *scanner) postponeFile(at string, state pendingFile) {
	s.pending[at] = state
	if before := s.before[at]; before != nil {
		s.files[at] = before
	}
}

// readFilesAtRest reads the files that are at rest. Its error is that of ctx.
func (s *scanner) readFilesAtRest(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range s.atRest {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			s.readFile(ctx, &s.atRest[i])
			return nil
		})
	}
	_ = group.Wait() // what failed is said of each file
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := time.Now()
	for _, f := range s.atRest {
		switch {
		case errors.Is(f.err, fs.ErrNotExist):
		case f.err != nil:
			s.keepUnreadable(f.path, f.err)
		case f.isOpen:
			f.state.notBefore = now.Add(openRetry)
			s.postponeFile(f.path, f.state)
		case !isSameState(f.state.stat, f.after):
			state := nextPending(f.state, true, f.after, now, s.lastScan(f.path))
			state.doubtful = true
			s.postponeFile(f.path, state)
		default:
			s.files[f.path] = f.read
			before := s.before[f.path]
			s.changed = s.changed || before == nil || before.sum != f.read.sum
		}
	}
	return nil
}

// readFile reads one file. What has the content it had before says what it said before.
func (s *scanner) readFile(ctx context.Context, f *fileAtRest) {
	f.isOpen = f.state.stat.Mode().IsRegular() && time.Since(f.state.since) < openTimeout && isOpenForWriting(s.displayName(f.path))
	if f.isOpen {
		return
	}
	var content []byte
	if content, f.after, f.err = manifest.ReadFile(os.DirFS(s.root), f.path); f.err != nil {
		return
	}
	f.read = &manifestFile{path: f.path, stat: f.state.stat, sum: sha256.Sum256(content)}
	if before := s.before[f.path]; before != nil && before.sum == f.read.sum {
		f.read.set = before.set
	} else if isSameState(f.state.stat, f.after) {
		f.read.set, f.err = readManifests(ctx, s.reader, manifest.File{Name: s.displayName(f.path), Content: content})
	}
}

// readManifests reads the manifests of a file, or returns the error of ctx as soon as it ends. What was begun by then ends by
// itself: it is bounded by the size of a file, and holds nothing.
func readManifests(ctx context.Context, reader *manifest.Reader, file manifest.File) (manifest.Set, error) {
	read := make(chan manifest.Set, 1)
	go func() { read <- reader.Read(file) }()
	select {
	case set := <-read:
		return set, nil
	case <-ctx.Done():
		return manifest.Set{}, ctx.Err()
	}
}

// keepUnreadable keeps what was read before of a file that is there and cannot be read.
func (s *scanner) keepUnreadable(at string, err error) {
	message := "cannot be read: " + fileerror.ReasonOf(err)
	if before := s.before[at]; before != nil {
		s.files[at] = before
		message += "; what was read of it before stays"
	}
	s.addProblem(s.displayName(at), message)
}

// keepUnreadFolder keeps what was read before of a folder that cannot be read.
func (s *scanner) keepUnreadFolder(at string, err error) {
	s.addProblem(s.displayName(at), "the folder cannot be read: "+fileerror.ReasonOf(err)+"; what was read of it before stays")
	s.unread = append(s.unread, at)
}

func (s *scanner) addProblem(name, message string) {
	s.problems = append(s.problems, manifest.Problem{Place: manifest.Place{File: name}, Message: message})
}
