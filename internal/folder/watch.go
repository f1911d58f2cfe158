package folder

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
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
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-watcher.Events:
			if event.Op != fsnotify.Chmod {
				scanWithin(minWait)
			}
		case err := <-watcher.Errors:
			f.log.Warn("Watch events of the folder were lost, scanning it", "err", err)
			scanWithin(minWait)
		case <-next.C:
			var wait time.Duration
			wait, minWait = f.syncAndSchedule(ctx)
			due = time.Now().Add(wait)
			next.Reset(wait)
		}
	}
}

// watchFolders has every folder watched before it is read, so that nothing falls between.
func (f *Folder) watchFolders(watcher *fsnotify.Watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failed := false
	f.onFolder = func(folder string) {
		if err := watcher.Add(folder); err != nil && !failed {
			failed = true
			f.log.Warn("Cannot watch a folder, polling it", "folder", folder, "every", rescanInterval, "err", err)
		}
	}
}

// syncAndSchedule scans, and returns when to scan again, without an event and at the earliest with one: where a scan takes
// long, and something is written all the time, four fifths of the time stay for changes.
func (f *Folder) syncAndSchedule(ctx context.Context) (wait, minWait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	begun := time.Now()
	wait = rescanInterval
	if f.syncOnce(ctx) {
		wait = quietPeriod
	}
	minWait = max(debounce, 4*time.Since(begun))
	return max(wait, minWait), minWait
}
