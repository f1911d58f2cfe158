package folder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lectern-dev/lectern/internal/fileerror"
	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// rescanInterval is how often the folder is scanned without an event: events are hints.
	rescanInterval = 5 * time.Second
	// startQuietTimeout is how long Open waits for files that are being written.
	startQuietTimeout = 3 * time.Second
	// stopGrace is how long a scan may go on when the program ends: a change that waits for a short one is carried out.
	stopGrace = 300 * time.Millisecond
	// historyLimit is how many versions are kept where a manifest does not say, and historyBytes how many bytes of their texts.
	historyLimit = 1000
	historyBytes = 64 << 20
)

// owner owns every row: one process writes to the store, and has no object to ask about.
var owner = store.Owner{UID: "folder", Generation: 1}

// Store is what is needed of the store that a folder is published to. Nobody else writes to it.
type Store interface {
	PublishAt(ctx context.Context, p store.Publication, at time.Time) (store.Published, error)
	DryRunPublish(p store.Publication) (store.Published, error)
	Remove(ctx context.Context, key store.Key, uid string, retain bool) error
	GetView(ctx context.Context, key store.Key, selector prompt.Selector) (store.PromptView, error)
	ListVersions(ctx context.Context, key store.Key, before int64, limit int) ([]store.VersionInfo, error)
	LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error)
}

// Folder keeps a store in step with a folder of manifests.
type Folder struct {
	root   string
	store  Store
	reader *manifest.Reader
	log    *slog.Logger

	// stopping ends stopGrace after the context of Open.
	stopping context.Context

	// mu is held by a scan and by a change: one at a time.
	mu    sync.Mutex
	files map[string]*manifestFile
	// pending are the files that may still be written, lastScan is when the last scan of the whole folder began, and
	// pathScans when single files were scanned since.
	pending   map[string]pendingFile
	lastScan  time.Time
	pathScans map[string]time.Time
	// walkTime is what it took the last scan to find the files.
	walkTime time.Duration
	// watched says that every folder is watched: what changes is heard of.
	watched bool
	// unread is what kept the last scan from seeing all.
	unread    []manifest.Problem
	entries   map[store.Key]entry
	includes  *includeGraphs
	published map[store.Key]publishedEntry
	// missing were not found by the last scan. What two scans in a row miss is removed.
	missing     map[store.Key]bool
	connections connections
	// logged are the problems of the last scan.
	logged   map[manifest.Problem]bool
	outcomes *outcomes
	// faults are those of the last scan.
	faults atomic.Pointer[faultList]
	// onFolder is called with every folder before it is read.
	onFolder func(folder string)
}

// publishedEntry is what became of publishing an entry.
type publishedEntry struct {
	manifest *manifest.Manifest
	outcome  store.Published
	err      error
}

// Open reads a folder and publishes what is in it. Problems of manifests are logged, and keep only those from being
// served. It returns an error when there is no such folder.
func Open(ctx context.Context, root string, into Store, log *slog.Logger) (*Folder, error) {
	stat, err := os.Stat(root)
	if err == nil && !stat.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("the folder of prompts %q cannot be used: %s; give a folder that is there", root, fileerror.ReasonOf(err))
	}
	root, err = filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("find the folder of prompts: %w", err)
	}
	reader, err := manifest.NewReader()
	if err != nil {
		return nil, err
	}
	f := &Folder{
		root: root, store: into, reader: reader, log: log,
		entries: map[store.Key]entry{}, published: map[store.Key]publishedEntry{}, missing: map[store.Key]bool{}, pathScans: map[string]time.Time{},
		outcomes: newOutcomes(), includes: newIncludeGraphs(), onFolder: func(string) {}, stopping: delayEnd(ctx, stopGrace),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.syncUntilQuiet(ctx, startQuietTimeout); err != nil {
		return nil, err
	}
	f.logServed(ctx)
	return f, nil
}

// delayEnd returns a context that ends some time after ctx.
func delayEnd(ctx context.Context, by time.Duration) context.Context {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return late
}

// syncUntilQuiet scans until nothing is being written, but no longer than timeout.
func (f *Folder) syncUntilQuiet(ctx context.Context, timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); ; {
		wait := f.syncOnce(ctx)
		if wait == 0 || time.Now().After(deadline) || ctx.Err() != nil {
			return ctx.Err()
		}
		waitFor(ctx, wait)
	}
}

// waitFor waits, or until ctx ends.
func waitFor(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// syncOnce reads what changed in the folder and brings the store in step with it. It returns when there is reason to scan
// again, or 0 when there is none. Nothing is done when ctx ends before all is read.
func (f *Folder) syncOnce(ctx context.Context) (wait time.Duration) {
	begun := time.Now()
	seen, err := f.newScanner().scanRoot(ctx)
	if err != nil {
		return 0
	}
	f.lastScan, f.walkTime = begun, seen.walkTime
	clear(f.pathScans)
	return f.applyChanges(ctx, &seen)
}

// syncPaths is syncOnce for some files, of which it is known that they may have changed.
func (f *Folder) syncPaths(ctx context.Context, paths []string) (wait time.Duration) {
	if f.files == nil || f.isMissingSome() || len(f.unread) > 0 {
		return f.syncOnce(ctx)
	}
	begun := time.Now()
	seen, ok, err := f.newScanner().scanPaths(ctx, paths)
	switch {
	case err != nil:
		return 0
	case !ok:
		return f.syncOnce(ctx)
	}
	f.walkTime = 0
	for _, path := range paths {
		f.pathScans[path] = begun
	}
	return f.applyChanges(ctx, &seen)
}

func (f *Folder) newScanner() *scanner {
	return &scanner{
		root: f.root, reader: f.reader, before: f.files, pendingBefore: f.pending, onFolder: f.onFolder,
		lastScan: func(path string) time.Time {
			if at, scanned := f.pathScans[path]; scanned {
				return at
			}
			return f.lastScan
		},
	}
}

// applyChanges keeps what a scan found, and applies it when something changed. It returns when to scan again, or 0.
func (f *Folder) applyChanges(ctx context.Context, seen *scanResult) (wait time.Duration) {
	isFirst := f.files == nil
	f.pending = seen.pending
	if isFirst || seen.changed || f.isMissingSome() || !slices.Equal(seen.problems, f.unread) {
		f.applyScan(ctx, seen, seen.mayHoldMissing(time.Now()))
	}
	f.files = seen.files
	wait = seen.nextIn(time.Now())
	if f.isMissingSome() && (wait == 0 || wait > quietPeriod) {
		wait = quietPeriod
	}
	return wait
}

// isMissingSome reports whether the next scan decides what is gone.
func (f *Folder) isMissingSome() bool { return len(f.missing) > 0 || len(f.connections.missing) > 0 }

// applyScan brings the store in step with what was seen. With mayCome, what is missing may be on its way.
func (f *Folder) applyScan(ctx context.Context, seen *scanResult, mayCome bool) {
	f.files, f.unread = seen.files, seen.problems
	now, gone, problems := resolveEntries(seen, f.entries)
	problems = append(problems, seen.problems...)
	for _, read := range seen.files {
		problems = append(problems, read.set.Problems...)
	}
	mayComeFrom := func(path string) bool { return mayCome || seen.mayHide(path) }
	f.removeMissing(ctx, gone, now, func(e entry) bool { return mayComeFrom(e.path) })
	f.entries = now
	problems = append(problems, f.connections.apply(seen, mayComeFrom)...)
	problems = append(problems, f.publishAll(ctx)...)
	if ctx.Err() == nil {
		f.logProblems(ctx, problems)
	}
}

// removeMissing removes what two scans in a row missed, unless it may be on its way. The rest stays, and is waited for.
func (f *Folder) removeMissing(ctx context.Context, gone []store.Key, now map[store.Key]entry, mayCome func(entry) bool) {
	missing := map[store.Key]bool{}
	for _, key := range gone {
		if f.missing[key] && !mayCome(f.entries[key]) {
			f.removePrompt(ctx, key)
			continue
		}
		missing[key] = true
		now[key] = f.entries[key]
	}
	f.missing = missing
}

// removePrompt writes the tombstone of a prompt.
func (f *Folder) removePrompt(ctx context.Context, key store.Key) {
	retain := promptobject.RetainsTexts(f.entries[key].Prompt)
	// The store has no other writer that could have come first.
	_ = f.store.Remove(ctx, key, owner.UID, retain)
	delete(f.published, key)
	f.log.InfoContext(ctx, "Removed", "prompt", key.String())
}

// publishAll publishes what is new, and again whatever includes something.
func (f *Folder) publishAll(ctx context.Context) []manifest.Problem {
	var problems []manifest.Problem
	f.includes.update(f.entries)
	for _, key := range f.includes.sortByDepth() {
		if ctx.Err() != nil {
			return problems // what is not published is missing, and nobody asks for it any more
		}
		if problem := f.publishIfChanged(ctx, key); problem != nil {
			problems = append(problems, *problem)
		}
	}
	return problems
}

// publishIfChanged publishes an entry that is new, or that includes something. It returns why it is not served as it is in its
// file, or nil.
func (f *Folder) publishIfChanged(ctx context.Context, key store.Key) *manifest.Problem {
	e := f.entries[key]
	if e.Prompt.Spec.Suspend {
		return nil
	}
	if last := f.published[key]; last.manifest != e.Manifest || last.err != nil || len(f.includes.in(key.Namespace).Includes(key.Name)) > 0 {
		outcome, err := f.publishEntry(ctx, e)
		f.published[key] = publishedEntry{manifest: e.Manifest, outcome: outcome, err: err}
		if outcome.NewVersion {
			f.log.DebugContext(ctx, "Published", "prompt", key.String(), "version", outcome.Version)
		}
	}
	return f.problemOf(ctx, e)
}

// problemOf returns why an entry is not served as it is in its file, or nil.
func (f *Folder) problemOf(ctx context.Context, e entry) *manifest.Problem {
	live := f.published[e.Key()]
	if e.stale {
		return &manifest.Problem{Place: manifest.Place{File: e.File}, Message: "the file has faults; " + f.describeServed(ctx, e.Key())}
	}
	if live.err != nil {
		problem := e.ProblemOf(live.err)
		problem.Message += "; " + f.describeServed(ctx, e.Key())
		return &problem
	}
	if _, message := promptobject.UnmetReason(live.outcome); message != "" {
		return &manifest.Problem{Place: e.Place, Message: message}
	}
	return nil
}

// describeServed says what is served under a key that cannot be published as it is.
func (f *Folder) describeServed(ctx context.Context, key store.Key) string {
	if _, err := f.store.ListVersions(ctx, key, 0, 1); err != nil {
		return fmt.Sprintf("prompt %s is not served", key)
	}
	return fmt.Sprintf("the last good text of prompt %s stays", key)
}

// publishEntry compiles an entry and stores it.
func (f *Folder) publishEntry(ctx context.Context, e entry) (store.Published, error) {
	publication, err := f.buildPublication(ctx, e.Manifest)
	if err != nil {
		return store.Published{}, err
	}
	return publishOverTombstone(publication, func(p store.Publication) (store.Published, error) {
		return f.store.PublishAt(ctx, p, e.written)
	})
}

// publishOverTombstone publishes again where the row is a tombstone, which can only be this folder's own.
func publishOverTombstone(p store.Publication, publish func(store.Publication) (store.Published, error)) (store.Published, error) {
	outcome, err := publish(p)
	if fenced, is := errors.AsType[*store.FencedError](err); is {
		p.Takeover = &fenced.Row
		outcome, err = publish(p)
	}
	return outcome, err
}

// buildPublication returns what would be published of a manifest now.
func (f *Folder) buildPublication(ctx context.Context, m *manifest.Manifest) (store.Publication, error) {
	spec := promptobject.SpecOf(&m.Prompt.Spec)
	key := m.Key()
	if err := f.includes.check(m); err != nil {
		return store.Publication{}, err
	}
	compiled, err := promptobject.ResolveAndCompile(ctx, f.store, key.Namespace, spec)
	if err != nil {
		return store.Publication{}, err
	}
	publication := promptobject.PublicationOf(m.Prompt, compiled, historyLimit)
	publication.Owner, publication.HistoryBytes = owner, historyBytes
	return publication, nil
}

// logProblems logs the problems that the scan before did not have, and keeps those that are faults.
func (f *Folder) logProblems(ctx context.Context, problems []manifest.Problem) {
	said := make(map[manifest.Problem]bool, len(problems))
	manifest.SortProblems(problems)
	f.keepFaults(problems)
	logged := 0
	for _, p := range problems {
		if !f.logged[p] && !said[p] {
			if logged++; logged <= maxLoggedProblems {
				f.log.WarnContext(ctx, "Problem in a manifest", "at", p.Place.String(), "problem", p.Message)
			}
		}
		said[p] = true
	}
	if logged > maxLoggedProblems {
		f.log.WarnContext(ctx, "More problems in manifests", "problems", logged-maxLoggedProblems)
	}
	if len(said) == 0 && len(f.logged) > 0 {
		f.log.InfoContext(ctx, "No more problems in the manifests")
	}
	f.logged = said
}

// logServed logs how many prompts of how many files are served.
func (f *Folder) logServed(ctx context.Context) {
	served := 0
	for _, live := range f.published {
		if live.err == nil {
			served++
		}
	}
	_, faults := f.Faults(0)
	f.log.InfoContext(ctx, "Serving a folder", "folder", f.root, "prompts", served, "files", len(f.files), "faults", faults)
}
