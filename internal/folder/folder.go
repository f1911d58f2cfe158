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
	"time"

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
	// historyLimit is how many versions are kept where a manifest does not say.
	historyLimit = 1000
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

	// mu is held by a scan and by a change: one at a time.
	mu    sync.Mutex
	files map[string]*manifestFile
	// unread is what kept the last scan from seeing all.
	unread    []manifest.Problem
	entries   map[store.Key]entry
	published map[store.Key]publishedEntry
	// missing were not found by the last scan. What two scans in a row miss is removed.
	missing map[store.Key]bool
	// logged are the problems of the last scan.
	logged   map[manifest.Problem]bool
	outcomes *outcomes
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
		return nil, fmt.Errorf("the folder of prompts %q cannot be used: %s; give a folder that is there", root, reasonWithoutPath(err))
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
		entries: map[store.Key]entry{}, published: map[store.Key]publishedEntry{}, missing: map[store.Key]bool{},
		outcomes: newOutcomes(), onFolder: func(string) {},
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f, f.syncUntilQuiet(ctx, startQuietTimeout)
}

// syncUntilQuiet scans until nothing is being written, but no longer than timeout.
func (f *Folder) syncUntilQuiet(ctx context.Context, timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); f.syncOnce(ctx) && time.Now().Before(deadline); {
		pause := time.NewTimer(quietPeriod)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
	}
	return ctx.Err()
}

// syncOnce reads what changed in the folder and brings the store in step with it. It returns true when there is reason to
// scan again soon.
func (f *Folder) syncOnce(ctx context.Context) (again bool) {
	s := scanner{root: f.root, reader: f.reader, before: f.files, now: time.Now(), onFolder: f.onFolder}
	seen := s.scanRoot()
	if f.files != nil && !seen.changed && !seen.writeInProgress && len(f.missing) == 0 && slices.Equal(seen.problems, f.unread) {
		return false
	}
	return f.applyScan(ctx, &seen)
}

// applyScan brings the store in step with what was seen.
func (f *Folder) applyScan(ctx context.Context, seen *scanResult) (again bool) {
	f.files, f.unread = seen.files, seen.problems
	now, gone, problems := resolveEntries(seen, f.entries)
	problems = append(problems, seen.problems...)
	for _, read := range seen.files {
		problems = append(problems, read.set.Problems...)
	}
	waiting := f.removeMissing(ctx, gone, now, seen.writeInProgress)
	f.entries = now
	problems = append(problems, f.publishAll(ctx)...)
	f.logProblems(ctx, problems)
	return seen.writeInProgress || waiting
}

// removeMissing removes what two scans in a row missed, unless this one met a file being written. The rest stays, and is
// waited for.
func (f *Folder) removeMissing(ctx context.Context, gone []store.Key, now map[store.Key]entry, writeInProgress bool) (waiting bool) {
	missing := map[store.Key]bool{}
	for _, key := range gone {
		if f.missing[key] && !writeInProgress {
			f.removePrompt(ctx, key)
			continue
		}
		missing[key] = true
		now[key] = f.entries[key]
	}
	f.missing = missing
	return len(missing) > 0
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
	for _, key := range sortByDepth(f.entries) {
		e := f.entries[key]
		if e.Prompt.Spec.Suspend {
			continue
		}
		if last := f.published[key]; last.manifest != e.Manifest || last.err != nil || len(includedNames(e)) > 0 {
			outcome, err := f.publishEntry(ctx, e)
			f.published[key] = publishedEntry{manifest: e.Manifest, outcome: outcome, err: err}
			if outcome.NewVersion {
				f.log.DebugContext(ctx, "Published", "prompt", key.String(), "version", outcome.Version)
			}
		}
		if problem := f.problemOf(ctx, e); problem != nil {
			problems = append(problems, *problem)
		}
	}
	return problems
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
	if err := prompt.CheckIncludes(key.Name, spec, includesIn(f.entries, key.Namespace)); err != nil {
		return store.Publication{}, err
	}
	compiled, err := promptobject.ResolveAndCompile(ctx, f.store, key.Namespace, spec)
	if err != nil {
		return store.Publication{}, err
	}
	publication := promptobject.PublicationOf(m.Prompt, compiled, historyLimit)
	publication.Owner = owner
	return publication, nil
}

// logProblems logs the problems that the scan before did not have.
func (f *Folder) logProblems(ctx context.Context, problems []manifest.Problem) {
	said := make(map[manifest.Problem]bool, len(problems))
	manifest.SortProblems(problems)
	for _, p := range problems {
		if !f.logged[p] && !said[p] {
			f.log.WarnContext(ctx, "Problem in a manifest", "at", p.Place.String(), "problem", p.Message)
		}
		said[p] = true
	}
	if len(said) == 0 && len(f.logged) > 0 {
		f.log.InfoContext(ctx, "No more problems in the manifests")
	}
	f.logged = said
}
