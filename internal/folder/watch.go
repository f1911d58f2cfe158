package folder

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"
)

// gather is how long events are gathered before the folder is looked at: one save is several.
const gather = 20 * time.Millisecond

// Follow keeps the store in step with the folder until ctx ends. Events are hints; without them the folder is
// looked at every few seconds.
func (f *Folder) Follow(ctx context.Context) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		f.log.Warn("Changes in the folder are not heard of, looking at it from time to time", "every", rescan, "err", err)
		watcher = &fsnotify.Watcher{} // says nothing
	} else {
		defer watcher.Close() //nolint:errcheck // nothing is left to do with it
		f.watchWith(watcher)
	}
	next, due, calm := time.NewTimer(0), time.Now(), gather
	defer next.Stop()
	// An event brings the look forward and never puts it off: where something is written all the time, none would come.
	within := func(wait time.Duration) {
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
				within(calm)
			}
		case err := <-watcher.Errors:
			f.log.Warn("Events of the folder were lost, looking at it", "err", err)
			within(calm)
		case <-next.C:
			var wait time.Duration
			wait, calm = f.lookOnce(ctx)
			due = time.Now().Add(wait)
			next.Reset(wait)
		}
	}
}

// watchWith has every folder watched before it is read, so that nothing falls between.
func (f *Folder) watchWith(watcher *fsnotify.Watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	failed := false
	f.entering = func(folder string) {
		if err := watcher.Add(folder); err != nil && !failed {
			failed = true
			f.log.Warn("A folder cannot be watched, looking at it from time to time", "folder", folder, "every", rescan, "err", err)
		}
	}
}

// lookOnce looks and says when to look again, and how soon at most: where a look takes long, and something is written
// all the time, four fifths of the time stay for changes.
func (f *Folder) lookOnce(ctx context.Context) (wait, calm time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	begun := time.Now()
	wait = rescan
	if f.look(ctx) {
		wait = settling
	}
	calm = max(gather, 4*time.Since(begun))
	return max(wait, calm), calm
}
