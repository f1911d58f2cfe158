package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"syscall"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// changeQuietTimeout is how long a change waits for files that are being written.
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
	unlock, err := lockFolder(f.root)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	defer unlock()
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
				"the files of the prompts cannot be written here: %s; change the file where it comes from", reasonWithoutPath(err)).OutcomeFor(*request), nil
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
	if err := f.syncUntilQuiet(ctx, changeQuietTimeout); err != nil {
		return store.ChangeOutcome{}, err
	}
	p, err := f.planChange(ctx, request)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	if err := p.write(); err != nil {
		return store.ChangeOutcome{}, err
	}
	return f.reloadFile(ctx, request, p)
}

// reloadFile publishes what was written, without waiting for quietPeriod: the file is known to be complete.
func (f *Folder) reloadFile(ctx context.Context, request *store.ChangeRequest, p *fileEdit) (store.ChangeOutcome, error) {
	// As if a write were in progress, because nothing was scanned: what is missing is not gone yet.
	seen := scanResult{files: maps.Clone(f.files), changed: true, writeInProgress: true}
	delete(seen.files, p.path)
	if p.after != nil {
		content, stat, err := manifest.ReadFile(os.DirFS(f.root), p.path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(content, p.after) {
			return store.ChangeOutcome{}, change.NewConflict(store.ReasonSuperseded, "%s", store.MessageSuperseded)
		}
		if err != nil {
			return store.ChangeOutcome{}, err
		}
		seen.files[p.path] = &manifestFile{path: p.path, stat: stat, set: f.reader.Read(manifest.File{Name: p.name, Content: content})}
	}
	if request.Action == store.ActionDelete {
		f.removePrompt(ctx, request.Key)
		delete(f.entries, request.Key)
	}
	f.applyScan(ctx, &seen)
	return f.outcomeOf(ctx, request)
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
