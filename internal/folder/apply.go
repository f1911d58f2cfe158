package folder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"syscall"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/fileerror"
	"github.com/lectern-dev/lectern/internal/folderlock"
	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// changeQuietTimeout is how long a change waits for its file, where that is being written.
const changeQuietTimeout = 2 * time.Second

// RequestChange applies a request to the files, and returns when it is served or rejected. An error is the disk's, and the
// request may be made again.
func (f *Folder) RequestChange(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if before, known, err := f.outcomes.findEarlier(&request); known || err != nil {
		return before, err
	}
	// Who stops waiting does not stop what was begun.
	ctx = context.WithoutCancel(ctx)
	outcome, err := f.applyOrReject(ctx, &request)
	if err != nil {
		return store.ChangeOutcome{}, fmt.Errorf("change %s: %w", request.Key, err)
	}
	f.outcomes.remember(&request, &outcome)
	f.log.InfoContext(ctx, "Change", "id", outcome.ID, "prompt", outcome.Key.String(), "action", outcome.Action,
		"by", request.Subject, "state", outcome.State, "reason", outcome.Reason)
	return outcome, nil
}

// FindEarlierRequest returns the outcome of the same request, made earlier, or store.ErrNotFound.
func (f *Folder) FindEarlierRequest(_ context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, known, err := f.outcomes.findEarlier(&request)
	if err == nil && !known {
		err = store.ErrNotFound
	}
	return before, err
}

// ChangeOutcomes returns those of the subject's requests that are remembered.
func (f *Folder) ChangeOutcomes(_ context.Context, subject string, ids []string) ([]store.ChangeOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outcomes.ofSubject(subject, ids), nil
}

func (f *Folder) applyOrReject(ctx context.Context, request *store.ChangeRequest) (store.ChangeOutcome, error) {
	for range change.MaxAttempts {
		outcome, err := f.attemptChange(ctx, request)
		if errors.Is(err, errMoved) {
			continue
		}
		if rejection, is := errors.AsType[*change.Rejection](err); is {
			return rejection.OutcomeFor(*request), nil
		}
		if isReadOnly(err) {
			return change.NewRefusal(store.ReasonOwnedElsewhere,
				"the files of the prompts cannot be written here: %s; change the file where it comes from", fileerror.ReasonOf(err)).OutcomeFor(*request), nil
		}
		return outcome, err
	}
	return change.RejectContended().OutcomeFor(*request), nil
}

func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// attemptChange decides on what the files say now, writes, and publishes what it wrote. It returns errMoved when a file was
// written meanwhile.
func (f *Folder) attemptChange(ctx context.Context, request *store.ChangeRequest) (store.ChangeOutcome, error) {
	if err := f.syncForChange(ctx, request); err != nil {
		return store.ChangeOutcome{}, err
	}
	unlock, err := folderlock.Acquire(ctx, f.root)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	defer unlock()
	p, err := f.planChange(ctx, request)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	if err := p.write(); err != nil {
		return store.ChangeOutcome{}, err
	}
	return f.reloadFile(ctx, request, p)
}

// syncForChange scans until the file of a change is not being written, but no longer than changeQuietTimeout. While it waits,
// other changes are carried out. Its error says that the program ends.
func (f *Folder) syncForChange(ctx context.Context, request *store.ChangeRequest) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.stopping, cancel)()
	for deadline := time.Now().Add(changeQuietTimeout); ; {
		wait := f.syncFileOf(ctx, request)
		if ctx.Err() != nil {
			return fmt.Errorf("the server is stopping: %w", ctx.Err())
		}
		if wait == 0 || time.Now().After(deadline) || !f.mustWaitFor(request) {
			return nil
		}
		f.mu.Unlock()
		waitFor(ctx, wait)
		f.mu.Lock()
	}
}

// syncFileOf scans the file of a change. The whole folder is scanned where it is not known which file that is, or where nobody
// would hear of changes of others.
func (f *Folder) syncFileOf(ctx context.Context, request *store.ChangeRequest) (wait time.Duration) {
	if !f.watched || time.Since(f.lastScan) > 2*rescanInterval {
		return f.syncOnce(ctx)
	}
	e, exists := f.entries[request.Key]
	switch {
	case exists:
		return f.syncPaths(ctx, []string{e.path})
	case request.Action == store.ActionAdd:
		return f.syncPaths(ctx, []string{newFilePath(request.Key, "")})
	default:
		return f.syncOnce(ctx)
	}
}

// mustWaitFor reports whether the file of a change may still be written. Where none is known, any of those being written may be
// it; the file of an addition is the one it would make.
func (f *Folder) mustWaitFor(request *store.ChangeRequest) bool {
	isWritten := func(path string) bool {
		p, isPending := f.pending[path]
		return isPending && !p.own
	}
	e, exists := f.entries[request.Key]
	switch {
	case f.missing[request.Key]:
		return true
	case exists:
		return isWritten(e.path)
	case request.Action == store.ActionAdd:
		return isWritten(newFilePath(request.Key, ""))
	default:
		for path := range f.pending {
			if isWritten(path) {
				return true
			}
		}
		return false
	}
}

// reloadFile publishes what was written, without waiting for quietPeriod: the file is known to be complete.
func (f *Folder) reloadFile(ctx context.Context, request *store.ChangeRequest, p *fileEdit) (store.ChangeOutcome, error) {
	var written *manifestFile
	if p.after != nil {
		content, stat, err := manifest.ReadFile(os.DirFS(f.root), p.path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(content, p.after) {
			return store.ChangeOutcome{}, change.NewConflict(store.ReasonSuperseded, "%s", store.MessageSuperseded)
		}
		if err != nil {
			return store.ChangeOutcome{}, err
		}
		written = &manifestFile{path: p.path, stat: stat, sum: sha256.Sum256(content), fresh: true}
		if p.set != nil {
			written.set = *p.set
		} else {
			written.set = f.reader.Read(manifest.File{Name: p.name, Content: content})
		}
	}
	if f.applyAddition(ctx, request, written) {
		return f.outcomeOf(ctx, request)
	}
	seen := scanResult{files: maps.Clone(f.files), problems: f.unread}
	delete(seen.files, p.path)
	if written != nil {
		seen.files[p.path] = written
	}
	if request.Action == store.ActionDelete {
		f.removePrompt(ctx, request.Key)
		delete(f.entries, request.Key)
	}
	// Nothing was scanned: what is missing is not gone yet.
	f.applyScan(ctx, &seen, true)
	return f.outcomeOf(ctx, request)
}

// applyAddition publishes a file of one new prompt, and reports whether that is all there is to do. It is not where something
// waits for a prompt of the name: there is a problem then.
func (f *Folder) applyAddition(ctx context.Context, request *store.ChangeRequest, written *manifestFile) bool {
	if request.Action != store.ActionAdd || len(f.logged) > 0 || len(f.missing) > 0 || f.files[written.path] != nil {
		return false
	}
	_, exists := f.entries[request.Key]
	set := &written.set
	if exists || len(set.Manifests) != 1 || set.Manifests[0].Key() != request.Key || len(set.Problems)+len(set.Foreign) > 0 {
		return false
	}
	e := entry{Manifest: set.Manifests[0], path: written.path, written: written.stat.ModTime(), knownInvalid: set.InvalidDocuments}
	f.files[written.path], f.entries[request.Key] = written, e
	f.includes.set(request.Key, e)
	return f.publishIfChanged(ctx, request.Key) == nil
}

// outcomeOf returns what became of a request after its file was written.
func (f *Folder) outcomeOf(ctx context.Context, request *store.ChangeRequest) (store.ChangeOutcome, error) {
	is := store.ChangeOutcome{ID: request.ID, Key: request.Key, Action: request.Action, State: store.ChangePublished}
	if request.Action == store.ActionDelete {
		return is, nil
	}
	live := f.published[request.Key]
	switch e := f.entries[request.Key]; {
	case e.Manifest == nil:
		return store.ChangeOutcome{}, errors.New("what was written is not there any more")
	case e.Prompt.Spec.Suspend:
		is.State, is.Reason, is.Message = store.ChangeBlocked, v1alpha1.ReasonSuspended, "spec.suspend is set in the file, so what is served stays as it was"
	case live.err != nil:
		is.State, is.Reason, is.Message = store.ChangeBlocked, promptobject.ReasonFor(live.err), live.err.Error()
	default:
		is.Version, is.Served, is.NewVersion = live.outcome.Version, live.outcome.Served, live.outcome.NewVersion
	}
	return is, ctx.Err()
}
