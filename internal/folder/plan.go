package folder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/manifest/edit"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// fileEdit is what is to be written: a file as it was, and as it is to be. Nil is no file.
type fileEdit struct {
	path, name    string
	before, after []byte
	// set is what after says, where that was read.
	set *manifest.Set
}

// write writes the file. It returns errMoved, and has written nothing, when the file is not as it was.
func (p *fileEdit) write() error {
	switch {
	case p.before == nil:
		return createFile(p.name, p.after)
	case p.after == nil:
		return removeFile(p.name, p.before)
	case bytes.Equal(p.before, p.after):
		return nil
	default:
		return replaceFile(p.name, p.before, p.after)
	}
}

// planChange decides about a request, and plans the edit of a file that it makes. A *change.Rejection is an error that is
// the answer.
func (f *Folder) planChange(ctx context.Context, request *store.ChangeRequest) (*fileEdit, error) {
	e, exists := f.entries[request.Key]
	var before *v1alpha1.PromptSpec
	presence := change.Absent
	if exists {
		before, presence = &e.Prompt.Spec, change.Present
	}
	spec, err := promptobject.EditedSpec(before, *request)
	view := change.View{
		Request:   *request,
		Object:    change.Object{Presence: presence},
		Reserved:  f.reservation(request.Key),
		EditError: err,
		Published: f.expectedState(ctx, request),
	}
	if err := change.Decide(view).AsError(); err != nil {
		return nil, err
	}
	if request.Action == store.ActionAdd {
		return f.planNewFile(ctx, request, spec)
	}
	p, err := f.readForEdit(e)
	if err != nil {
		return nil, err
	}
	if request.Action == store.ActionDelete {
		p.after, err = f.withoutPrompt(e, p.before)
	} else {
		err = f.planSpec(ctx, p, request, spec)
	}
	return p, err
}

// expectedState reads what the expected version is held against, or nothing when none is expected.
func (f *Folder) expectedState(ctx context.Context, request *store.ChangeRequest) *store.PublishedState {
	if request.ExpectedVersion == 0 {
		return nil
	}
	// What cannot be read is not there, and so not at the version.
	var state store.PublishedState
	if channel := request.Edit.Channel; channel != nil {
		if r, err := f.store.GetView(ctx, request.Key, prompt.Selector{Channel: channel.Name}); err == nil {
			state.Channels = map[string]int64{channel.Name: r.Version}
		}
	} else if newest, err := f.store.ListVersions(ctx, request.Key, 0, 1); err == nil {
		state.Version = newest[0].Version
	}
	return &state
}

// readForEdit reads the file of an entry, which must be as it was when the entry was read, and one that may be written.
func (f *Folder) readForEdit(e entry) (*fileEdit, error) {
	known := f.files[e.path]
	if known == nil {
		return nil, errMoved
	}
	if !slices.Contains(known.set.Manifests, e.Manifest) {
		return nil, change.NewRefusal(store.ReasonInvalid, "%s has faults, and what is served is from before them; mend the file first", e.File)
	}
	p := &fileEdit{path: e.path, name: filepath.Join(f.root, filepath.FromSlash(e.path))}
	content, stat, err := manifest.ReadFile(os.DirFS(f.root), p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errMoved
	case err != nil:
		return nil, err
	case !isSameState(known.stat, stat):
		return nil, errMoved
	case sha256.Sum256(content) != known.sum:
		known.suspect = true
		return nil, errMoved
	case stat.Mode().Perm()&0o200 == 0:
		return nil, change.NewRefusal(store.ReasonOwnedElsewhere, "%s is read-only; make it writable, or change it where it comes from", e.File)
	}
	p.before = content
	return p, nil
}

// planSpec plans to write the spec into the file.
func (f *Folder) planSpec(ctx context.Context, p *fileEdit, request *store.ChangeRequest, spec v1alpha1.PromptSpec) error {
	after, err := edit.RewriteSpec(p.before, request.Key, spec)
	if err == nil && statesNumber(&request.Edit) {
		after, err = f.withVersionNoted(after, request.Key)
	}
	if err != nil {
		return refuseInvalid(err)
	}
	p.after = after
	return f.validateResult(ctx, p, request)
}

func statesNumber(edit *store.Edit) bool {
	return edit.Withdraw != 0 || edit.Channel != nil && edit.Channel.Version != 0
}

// withVersionNoted notes beside a number which text has which: the next process would give the first number to another
// one, and a channel, or a withdrawal, must never come to mean another text.
func (f *Folder) withVersionNoted(content []byte, key store.Key) ([]byte, error) {
	live := f.published[key]
	if live.err != nil {
		return nil, fmt.Errorf("the prompt is not served as the file says: %w", live.err)
	}
	return edit.NoteVersion(content, key, store.LastObserved{Version: live.outcome.Version, Digest: live.outcome.Digest})
}

// withoutPrompt returns the file without the prompt, or nil when nothing else was in it. What another file says too would
// only take its place.
func (f *Folder) withoutPrompt(e entry, content []byte) ([]byte, error) {
	for path, other := range f.files {
		for _, m := range other.set.Manifests {
			if path != e.path && m.Key() == e.Key() {
				return nil, change.NewRefusal(store.ReasonInvalid, "prompt %s is in two files, %s and %s; remove one of them", e.Key(), e.Place, m.Place)
			}
		}
	}
	after, err := edit.RemovePrompt(content, e.Key())
	if err != nil {
		return nil, refuseInvalid(err)
	}
	return after, nil
}

// planNewFile plans a new file. One that is there is never written to, whatever is in it.
func (f *Folder) planNewFile(ctx context.Context, request *store.ChangeRequest, spec v1alpha1.PromptSpec) (*fileEdit, error) {
	p := &fileEdit{path: newFilePath(request.Key, "")}
	if _, err := os.Lstat(filepath.Join(f.root, p.path)); err == nil {
		p.path = newFilePath(request.Key, "-"+request.ID[:min(8, len(request.ID))])
	}
	p.name = filepath.Join(f.root, p.path)
	var err error
	if p.after, err = edit.FormatPrompt(promptobject.NewObject(request.Key, spec)); err != nil {
		return nil, refuseInvalid(err)
	}
	return p, f.validateResult(ctx, p, request)
}

// newFilePath returns the path of a new file for a key.
func newFilePath(key store.Key, suffix string) string {
	path := key.Name + suffix + ".yaml"
	if key.Namespace != promptobject.DefaultNamespace {
		path = key.Namespace + "." + path // no name has a dot
	}
	return path
}

// ReservesName reports whether a file with faults is there that stands for a prompt once it is mended: the name is not free.
func (f *Folder) ReservesName(key store.Key) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reservation(key) != ""
}

// reservation says what keeps the name from being taken, or nothing.
func (f *Folder) reservation(key store.Key) string {
	named := newFilePath(key, "")
	if there := f.files[named]; there != nil && len(there.set.InvalidDocuments) > 0 {
		return reservedBy(named)
	}
	for path, other := range f.files {
		if other.set.IsInvalid(key) {
			return reservedBy(path)
		}
	}
	return ""
}

func reservedBy(path string) string {
	return fmt.Sprintf("the file %s is there and has faults; mend it", path)
}

// validateResult refuses a file in which the prompt would not be served, or would not be as asked for.
func (f *Folder) validateResult(ctx context.Context, p *fileEdit, request *store.ChangeRequest) error {
	set := f.reader.Read(manifest.File{Name: p.name, Content: p.after})
	p.set = &set
	var m *manifest.Manifest
	for _, one := range set.Manifests {
		if one.Key() == request.Key {
			m = one
		}
	}
	if m == nil {
		for _, p := range set.Problems {
			if !p.Warning {
				return change.NewRefusal(store.ReasonInvalid, "%s", p.Message)
			}
		}
		return change.NewRefusal(store.ReasonInvalid, "prompt %s would not be read from the file", request.Key)
	}
	publication, err := f.buildPublication(ctx, m)
	if err != nil {
		return refuseInvalid(err)
	}
	would, err := publishOverTombstone(publication, f.store.DryRunPublish)
	if err != nil {
		return err
	}
	// A rule that was not met before may stay so; what is asked for now must be met.
	if request.Edit.NotAchievedBy(&would) {
		_, message := promptobject.UnmetReason(would)
		return change.NewRefusal(store.ReasonInvalid, "%s", message)
	}
	return nil
}

// refuseInvalid refuses what cannot be compiled or written.
func refuseInvalid(err error) *change.Rejection {
	return change.NewRefusal(store.ReasonInvalid, "%s", err)
}
