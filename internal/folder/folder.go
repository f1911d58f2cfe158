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
	"github.com/lectern-dev/lectern/internal/store/memory"
)

const (
	// rescan is how often the folder is looked at though nothing was heard of it: what was heard is a hint.
	rescan = 5 * time.Second
	// startPatience is how long the first look waits for files that are being written.
	startPatience = 3 * time.Second
	// historyLimit is how many versions are kept where a manifest does not say.
	historyLimit = 1000
)

// owner is whose every row is: one process writes to the store, and has no object to ask about.
var owner = store.Owner{UID: "folder", Generation: 1}

// Folder keeps a store in step with a folder of manifests.
type Folder struct {
	root   string
	store  *memory.Store
	reader *manifest.Reader
	log    *slog.Logger

	// mu is held by a look and by a change: one at a time.
	mu    sync.Mutex
	files map[string]*file
	// unread is what kept the last look from seeing all.
	unread  []manifest.Problem
	entries map[store.Key]entry
	live    map[store.Key]published
	// missing were not found by the last look. What two looks in a row miss is removed.
	missing  map[store.Key]bool
	said     map[manifest.Problem]bool
	outcomes *outcomes
	// entering is told of every folder that is looked into.
	entering func(folder string)
}

// published is what became of an entry.
type published struct {
	manifest *manifest.Manifest
	outcome  store.Published
	err      error
}

// Open reads a folder and publishes what is in it. Faults of manifests are logged and keep only those from being
// served. An error is that there is no such folder.
func Open(ctx context.Context, root string, into *memory.Store, log *slog.Logger) (*Folder, error) {
	stat, err := os.Stat(root)
	if err == nil && !stat.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("the folder of prompts %q cannot be used: %s; give a folder that is there", root, reason(err))
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
		entries: map[store.Key]entry{}, live: map[store.Key]published{}, missing: map[store.Key]bool{},
		outcomes: newOutcomes(), entering: func(string) {},
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f, f.settle(ctx, startPatience)
}

// settle looks until nothing is being written, but no longer than patience.
func (f *Folder) settle(ctx context.Context, patience time.Duration) error {
	for deadline := time.Now().Add(patience); f.look(ctx) && time.Now().Before(deadline); {
		pause := time.NewTimer(settling)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
	}
	return ctx.Err()
}

// look reads what changed in the folder and brings the store in step with it. It returns true when there is reason to
// look again soon.
func (f *Folder) look(ctx context.Context) (again bool) {
	w := walk{root: f.root, reader: f.reader, before: f.files, now: time.Now(), entering: f.entering}
	seen := w.run()
	if f.files != nil && !seen.changed && !seen.unsettled && len(f.missing) == 0 && slices.Equal(seen.problems, f.unread) {
		return false
	}
	return f.apply(ctx, &seen)
}

// apply brings the store in step with what was seen.
func (f *Folder) apply(ctx context.Context, seen *look) (again bool) {
	f.files, f.unread = seen.files, seen.problems
	now, gone, problems := pick(seen, f.entries)
	problems = append(problems, seen.problems...)
	for _, read := range seen.files {
		problems = append(problems, read.set.Problems...)
	}
	waiting := f.remove(ctx, gone, now, seen.unsettled)
	f.entries = now
	problems = append(problems, f.publishAll(ctx)...)
	f.tell(ctx, problems)
	return seen.unsettled || waiting
}

// remove takes away what two looks missed in a row, none of which met a file being written. The rest stays, and
// is waited for.
func (f *Folder) remove(ctx context.Context, gone []store.Key, now map[store.Key]entry, unsettled bool) (waiting bool) {
	missing := map[store.Key]bool{}
	for _, key := range gone {
		if f.missing[key] && !unsettled {
			f.bury(ctx, key)
			continue
		}
		missing[key] = true
		now[key] = f.entries[key]
	}
	f.missing = missing
	return len(missing) > 0
}

// bury ends serving a prompt.
func (f *Folder) bury(ctx context.Context, key store.Key) {
	retain := promptobject.RetainsTexts(f.entries[key].Prompt)
	// A store in memory refuses nothing of this.
	_ = f.store.Remove(ctx, key, owner.UID, retain)
	delete(f.live, key)
	f.log.InfoContext(ctx, "Removed", "prompt", key.String())
}

// publishAll publishes what is new, and again whatever includes something.
func (f *Folder) publishAll(ctx context.Context) []manifest.Problem {
	var problems []manifest.Problem
	for _, key := range inOrder(f.entries) {
		e := f.entries[key]
		if e.Prompt.Spec.Suspend {
			continue
		}
		if last := f.live[key]; last.manifest != e.Manifest || last.err != nil || len(includedNames(e)) > 0 {
			outcome, err := f.publish(ctx, e)
			f.live[key] = published{manifest: e.Manifest, outcome: outcome, err: err}
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

// problemOf is why an entry is not served as it is in its file.
func (f *Folder) problemOf(ctx context.Context, e entry) *manifest.Problem {
	live := f.live[e.Key()]
	if e.kept {
		return &manifest.Problem{Place: manifest.Place{File: e.File}, Message: "the file has faults; " + f.served(ctx, e.Key())}
	}
	if live.err != nil {
		problem := e.ProblemOf(live.err)
		problem.Message += "; " + f.served(ctx, e.Key())
		return &problem
	}
	if _, message := promptobject.UnmetReason(live.outcome); message != "" {
		return &manifest.Problem{Place: e.Place, Message: message}
	}
	return nil
}

// served says what is served under a key that cannot be published as it is.
func (f *Folder) served(ctx context.Context, key store.Key) string {
	if _, err := f.store.ListVersions(ctx, key, 0, 1); err != nil {
		return fmt.Sprintf("prompt %s is not served", key)
	}
	return fmt.Sprintf("the last good text of prompt %s stays", key)
}

// publish compiles an entry and stores it.
func (f *Folder) publish(ctx context.Context, e entry) (store.Published, error) {
	publication, err := f.compile(ctx, e.Manifest)
	if err != nil {
		return store.Published{}, err
	}
	return overTombstone(publication, func(p store.Publication) (store.Published, error) {
		return f.store.PublishAt(ctx, p, e.written)
	})
}

// overTombstone publishes again where the row is a tombstone, which can only be this folder's own.
func overTombstone(p store.Publication, publish func(store.Publication) (store.Published, error)) (store.Published, error) {
	outcome, err := publish(p)
	if fenced, is := errors.AsType[*store.FencedError](err); is {
		p.Takeover = &fenced.Row
		outcome, err = publish(p)
	}
	return outcome, err
}

// compile is what would be published of a manifest now.
func (f *Folder) compile(ctx context.Context, m *manifest.Manifest) (store.Publication, error) {
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

// tell logs problems that were not there at the look before.
func (f *Folder) tell(ctx context.Context, problems []manifest.Problem) {
	said := make(map[manifest.Problem]bool, len(problems))
	manifest.SortProblems(problems)
	for _, p := range problems {
		if !f.said[p] && !said[p] {
			f.log.WarnContext(ctx, "Problem in a manifest", "at", p.Place.String(), "problem", p.Message)
		}
		said[p] = true
	}
	if len(said) == 0 && len(f.said) > 0 {
		f.log.InfoContext(ctx, "No more problems in the manifests")
	}
	f.said = said
}
