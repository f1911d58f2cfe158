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

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// attempts is how often a change is decided again because its file was written meanwhile.
	attempts = 5
	// changePatience is how long a change waits for files that are being written.
	changePatience = 2 * time.Second
)

// end is how a request ends before anything is written.
type end struct {
	state   store.ChangeState
	reason  string
	message string
}

func (e *end) Error() string { return e.message }

func refused(reason, format string, args ...any) *end {
	return &end{state: store.ChangeRefused, reason: reason, message: fmt.Sprintf(format, args...)}
}

func conflict(reason, format string, args ...any) *end {
	return &end{state: store.ChangeConflict, reason: reason, message: fmt.Sprintf(format, args...)}
}

// RequestChange carries a request out on the files, and answers when it is served, or refused. What fails for want of
// the disk is an error, and may be asked for again.
func (f *Folder) RequestChange(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if before, known, err := f.outcomes.before(&request); known || err != nil {
		return before, err
	}
	// Who stops waiting does not stop what was begun.
	ctx = context.WithoutCancel(ctx)
	unlock, err := lockFolder(f.root)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	defer unlock()
	outcome, err := f.carryOut(ctx, &request)
	if err != nil {
		return store.ChangeOutcome{}, fmt.Errorf("change %s: %w", request.Key, err)
	}
	outcome.ID, outcome.Key, outcome.Action = request.ID, request.Key, request.Action
	f.outcomes.keep(&request, &outcome)
	f.log.InfoContext(ctx, "Change", "id", outcome.ID, "prompt", outcome.Key.String(), "action", outcome.Action,
		"by", request.Subject, "state", outcome.State, "reason", outcome.Reason)
	return outcome, nil
}

// FindEarlierRequest is the outcome of the same request, asked for earlier, or store.ErrNotFound.
func (f *Folder) FindEarlierRequest(_ context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, known, err := f.outcomes.before(&request)
	if err == nil && !known {
		err = store.ErrNotFound
	}
	return before, err
}

// ChangeOutcomes are those of the subject's requests that are remembered.
func (f *Folder) ChangeOutcomes(_ context.Context, subject string, ids []string) ([]store.ChangeOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outcomes.of(subject, ids), nil
}

func (f *Folder) carryOut(ctx context.Context, request *store.ChangeRequest) (store.ChangeOutcome, error) {
	for range attempts {
		outcome, err := f.attempt(ctx, request)
		if errors.Is(err, errMoved) {
			continue
		}
		if said, is := errors.AsType[*end](err); is {
			return store.ChangeOutcome{State: said.state, Reason: said.reason, Message: said.message}, nil
		}
		if isReadOnly(err) {
			return store.ChangeOutcome{
				State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere,
				Message: "the files of the prompts cannot be written here: " + reason(err) + "; change the file where it comes from",
			}, nil
		}
		return outcome, err
	}
	return store.ChangeOutcome{
		State: store.ChangeConflict, Reason: store.ReasonContended,
		Message: "the file was written by others at each attempt; try again",
	}, nil
}

func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// attempt decides on what the files say now, writes, and takes up what it wrote.
func (f *Folder) attempt(ctx context.Context, request *store.ChangeRequest) (store.ChangeOutcome, error) {
	if err := f.settle(ctx, changePatience); err != nil {
		return store.ChangeOutcome{}, err
	}
	p, err := f.decide(ctx, request)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	if err := p.write(); err != nil {
		return store.ChangeOutcome{}, err
	}
	return f.takeUp(ctx, request, p)
}

// takeUp serves what was written, without waiting for it to settle: it is known to be whole.
func (f *Folder) takeUp(ctx context.Context, request *store.ChangeRequest, p *page) (store.ChangeOutcome, error) {
	// Unsettled, because nobody looked: what is missing is not gone yet.
	seen := look{files: maps.Clone(f.files), changed: true, unsettled: true}
	delete(seen.files, p.path)
	if p.after != nil {
		content, stat, err := manifest.ReadFile(os.DirFS(f.root), p.path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !bytes.Equal(content, p.after) {
			return store.ChangeOutcome{}, conflict(store.ReasonSuperseded, "%s", store.MessageSuperseded)
		}
		if err != nil {
			return store.ChangeOutcome{}, err
		}
		seen.files[p.path] = &file{path: p.path, stat: stat, set: f.reader.Read(manifest.File{Name: p.name, Content: content})}
	}
	if request.Action == store.ActionDelete {
		f.bury(ctx, request.Key)
		delete(f.entries, request.Key)
	}
	f.apply(ctx, &seen)
	return f.outcome(ctx, request)
}

// outcome is how the prompt stands after its file was written.
func (f *Folder) outcome(ctx context.Context, request *store.ChangeRequest) (store.ChangeOutcome, error) {
	is := store.ChangeOutcome{State: store.ChangePublished}
	if request.Action == store.ActionDelete {
		return is, nil
	}
	live := f.live[request.Key]
	switch e := f.entries[request.Key]; {
	case e.Manifest == nil:
		return store.ChangeOutcome{}, errors.New("what was written is not there any more")
	case e.Prompt.Spec.Suspend:
		is.State, is.Reason, is.Message = store.ChangeBlocked, promptobject.Suspended, "spec.suspend is set in the file, so what is served stays as it was"
	case live.err != nil:
		is.State, is.Reason, is.Message = store.ChangeBlocked, promptobject.ReasonFor(live.err), live.err.Error()
	default:
		is.Version, is.Served, is.NewVersion = live.outcome.Version, live.outcome.Served, live.outcome.NewVersion
	}
	return is, ctx.Err()
}
