package folder

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/lectern-dev/lectern/internal/manifest"
)

// debounce is how long events are gathered before the folder is scanned: one save is several.
const debounce = 20 * time.Millisecond

// Follow keeps the store in step with the folder until ctx ends. Events are hints; without them the folder is scanned
// every rescanInterval.
func (f *Folder) Follow(ctx context.Context) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		f.log.Warn("Cannot watch the folder, polling it", "every", rescanInterval, "err", err)
		watcher = &fsnotify.Watcher{} // without events
	} else {
		defer watcher.Close() //nolint:errcheck // nothing is left to do with it
		f.watchFolders(watcher)
		defer f.unwatch()
	}
	next, due, minWait := time.NewTimer(0), time.Now(), debounce
	defer next.Stop()
	// An event brings the scan forward and never puts it off: where something is written all the time, none would come.
	scanWithin := func(wait time.Duration) {
		if at := time.Now().Add(wait); at.Before(due) {
			due = at
			next.Reset(wait)
		}
	}
	heard := changedPaths{all: true}
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-watcher.Events:
			if heard.add(f.root, event) {
				scanWithin(minWait)
			}
		case err := <-watcher.Errors:
			f.log.Warn("Watch events of the folder were lost, scanning it", "err", err)
			heard.all = true
			scanWithin(minWait)
		case <-next.C:
			var wait time.Duration
			wait, minWait = f.syncAndSchedule(ctx, heard)
			heard = changedPaths{}
			due = time.Now().Add(wait)
			next.Reset(wait)
		}
	}
}

// changedPaths are the files that events were about, or all.
type changedPaths struct {
	all   bool
	paths map[string]bool
}

// add notes what an event is about, and reports whether anything is to be looked at for it.
func (c *changedPaths) add(root string, event fsnotify.Event) bool {
	base := filepath.Base(event.Name)
	path, err := filepath.Rel(root, event.Name)
	switch {
	case event.Op == fsnotify.Chmod, strings.HasPrefix(base, tempPrefix):
		return false
	case err == nil && manifest.IsManifestName(base):
		if c.paths == nil {
			c.paths = map[string]bool{}
		}
		c.paths[filepath.ToSlash(path)] = true
		return true
	case event.Op == fsnotify.Write: // to what is neither a manifest nor a folder
		return false
	default: // a folder came or went, or a link to one
		c.all = true
		return true
	}
}

// watchFolders has every folder watched before it is read, so that nothing falls between.
func (f *Folder) watchFolders(watcher *fsnotify.Watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watched = true
	failed := false
	f.onFolder = func(folder string) {
		if err := watcher.Add(folder); err != nil && !failed {
			failed, f.watched = true, false
			f.log.Warn("Cannot watch a folder, polling it", "folder", folder, "every", rescanInterval, "err", err)
		}
	}
}

func (f *Folder) unwatch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watched, f.onFolder = false, func(string) {}
}

// syncAndSchedule scans what was heard of and what is pending, or the whole folder, which it does every rescanInterval. It
// returns when to scan again, without an event and at the earliest with one: where a scan takes long, and something is written
// all the time, four fifths of the time stay for changes.
func (f *Folder) syncAndSchedule(ctx context.Context, heard changedPaths) (wait, minWait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	untilScan := rescanInterval - time.Since(f.lastScan)
	if heard.all || untilScan <= 0 {
		wait = f.syncOnce(ctx)
		untilScan = rescanInterval
	} else {
		paths := slices.AppendSeq(slices.Collect(maps.Keys(f.pending)), maps.Keys(heard.paths))
		slices.Sort(paths)
		wait = f.syncPaths(ctx, slices.Compact(paths))
	}
	if wait == 0 {
		wait = untilScan
	}
	minWait = max(debounce, 4*f.walkTime)
	return max(min(wait, untilScan), minWait), minWait
}
