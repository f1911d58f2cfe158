package folder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/manifest/edit"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// page is what is to be written: a file as it was, and as it is to be. Nil is no file.
type page struct {
	path, name    string
	before, after []byte
}

// write carries the decision out. It returns errMoved, and has written nothing, when the file is not as it was.
func (p *page) write() error {
	switch {
	case p.before == nil:
		return create(p.name, p.after)
	case p.after == nil:
		return remove(p.name, p.before)
	case bytes.Equal(p.before, p.after):
		return nil
	default:
		return replace(p.name, p.before, p.after)
	}
}

// decide makes a page of a request. An *end is an error that is the answer.
func (f *Folder) decide(ctx context.Context, request *store.ChangeRequest) (*page, error) {
	if request.Action == store.ActionAdd {
		return f.addition(ctx, request)
	}
	e, there := f.entries[request.Key]
	if !there {
		return nil, conflict(store.ReasonNotFound, "there is no prompt %s", request.Key)
	}
	if err := f.expected(ctx, request); err != nil {
		return nil, err
	}
	p, err := f.open(e)
	if err != nil {
		return nil, err
	}
	if request.Action == store.ActionDelete {
		p.after, err = f.without(e, p.before)
	} else {
		p.after, err = f.edited(ctx, e, request, p.before)
	}
	return p, err
}

// expected refuses who decided on something else than what there is.
func (f *Folder) expected(ctx context.Context, request *store.ChangeRequest) error {
	if request.ExpectedVersion == 0 {
		return nil
	}
	if channel := request.Edit.Channel; channel != nil {
		r, err := f.store.GetView(ctx, request.Key, prompt.Selector{Channel: channel.Name})
		if err != nil || r.Version != request.ExpectedVersion {
			return conflict(store.ReasonVersionMismatch, "channel %s does not point to version %d any more; look again and decide", channel.Name, request.ExpectedVersion)
		}
		return nil
	}
	newest, err := f.store.ListVersions(ctx, request.Key, 0, 1)
	if err != nil || newest[0].Version != request.ExpectedVersion {
		current := int64(0)
		if err == nil {
			current = newest[0].Version
		}
		return conflict(store.ReasonVersionMismatch, "the newest version is %d, not %d; read it and decide again", current, request.ExpectedVersion)
	}
	return nil
}

// open reads the file of an entry, which must be as it was when the entry was read, and one that may be written.
func (f *Folder) open(e entry) (*page, error) {
	known := f.files[e.path]
	if known == nil || !slices.Contains(known.set.Manifests, e.Manifest) {
		return nil, refused(store.ReasonInvalid, "%s has faults, and what is served is from before them; mend the file first", e.File)
	}
	p := &page{path: e.path, name: filepath.Join(f.root, filepath.FromSlash(e.path))}
	content, stat, err := manifest.ReadFile(os.DirFS(f.root), p.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errMoved
	case err != nil:
		return nil, err
	case !known.same(stat):
		return nil, errMoved
	case stat.Mode().Perm()&0o200 == 0:
		return nil, refused(store.ReasonOwnedElsewhere, "%s is read-only; make it writable, or change it where it comes from", e.File)
	}
	p.before = content
	return p, nil
}

// edited is the file with the edit in it.
func (f *Folder) edited(ctx context.Context, e entry, request *store.ChangeRequest, content []byte) ([]byte, error) {
	spec, err := promptobject.ApplyEdit(e.Prompt.Spec, request.Edit)
	if err != nil {
		return nil, invalid(err)
	}
	after, err := edit.RewriteSpec(content, request.Key, spec)
	if err == nil && statesNumber(&request.Edit) {
		after, err = f.numbered(after, request.Key)
	}
	if err != nil {
		return nil, invalid(err)
	}
	return after, f.judge(ctx, e.File, request, after)
}

func statesNumber(edit *store.Edit) bool {
	return edit.Withdraw != 0 || edit.Channel != nil && edit.Channel.Version != 0
}

// numbered notes beside a number which text has which: the next process would give the first number to another one, and
// a channel, or a withdrawal, must never come to mean another text.
func (f *Folder) numbered(content []byte, key store.Key) ([]byte, error) {
	live := f.live[key]
	if live.err != nil {
		return nil, fmt.Errorf("the prompt is not served as the file says: %w", live.err)
	}
	return edit.NoteVersion(content, key, store.LastObserved{Version: live.outcome.Version, Digest: live.outcome.Digest})
}

// without is the file without the prompt, or nil when nothing else was in it. What another file says too would
// only take its place.
func (f *Folder) without(e entry, content []byte) ([]byte, error) {
	for path, other := range f.files {
		for _, m := range other.set.Manifests {
			if path != e.path && m.Key() == e.Key() {
				return nil, refused(store.ReasonInvalid, "prompt %s is in two files, %s and %s; remove one of them", e.Key(), e.Place, m.Place)
			}
		}
	}
	after, err := edit.RemovePrompt(content, e.Key())
	if err != nil {
		return nil, invalid(err)
	}
	return after, nil
}

// addition is a new file. One that is there is never written to, whatever is in it.
func (f *Folder) addition(ctx context.Context, request *store.ChangeRequest) (*page, error) {
	if _, there := f.entries[request.Key]; there {
		return nil, conflict(store.ReasonAlreadyExists, "prompt %s is there already", request.Key)
	}
	if file := f.claims(request.Key); file != "" {
		return nil, conflict(store.ReasonAlreadyExists, "the name %s is not free: the file %s is there and has faults; mend it, or choose another name", request.Key, file)
	}
	spec, err := promptobject.SpecFromEdit(request.Edit)
	if err != nil {
		return nil, invalid(err)
	}
	p := &page{path: fileOf(request.Key, "")}
	if _, err := os.Lstat(filepath.Join(f.root, p.path)); err == nil {
		p.path = fileOf(request.Key, "-"+request.ID[:min(8, len(request.ID))])
	}
	p.name = filepath.Join(f.root, p.path)
	if p.after, err = edit.FormatPrompt(promptobject.NewObject(request.Key, spec)); err != nil {
		return nil, invalid(err)
	}
	return p, f.judge(ctx, p.name, request, p.after)
}

// fileOf is the path of a new file for a key.
func fileOf(key store.Key, suffix string) string {
	path := key.Name + suffix + ".yaml"
	if key.Namespace != promptobject.DefaultNamespace {
		path = key.Namespace + "." + path // no name has a dot
	}
	return path
}

// Claims says whether a file with faults is there that stands for a prompt once it is mended: the name is not free.
func (f *Folder) Claims(key store.Key) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.claims(key) != ""
}

// claims gives the path of such a file, or nothing.
func (f *Folder) claims(key store.Key) string {
	named := fileOf(key, "")
	if there := f.files[named]; there != nil && len(there.set.InvalidDocuments) > 0 {
		return named
	}
	for path, other := range f.files {
		if other.set.IsInvalid(key) {
			return path
		}
	}
	return ""
}

// judge refuses a file in which the prompt would not be served, or would not be as asked for.
func (f *Folder) judge(ctx context.Context, name string, request *store.ChangeRequest, content []byte) error {
	set := f.reader.Read(manifest.File{Name: name, Content: content})
	var m *manifest.Manifest
	for _, one := range set.Manifests {
		if one.Key() == request.Key {
			m = one
		}
	}
	if m == nil {
		for _, p := range set.Problems {
			if !p.Warning {
				return refused(store.ReasonInvalid, "%s", p.Message)
			}
		}
		return refused(store.ReasonInvalid, "prompt %s would not be read from the file", request.Key)
	}
	publication, err := f.compile(ctx, m)
	if err != nil {
		return invalid(err)
	}
	would, err := overTombstone(publication, f.store.DryRunPublish)
	if err != nil {
		return err
	}
	// A rule that was not met before may stay so; what is asked for now must be met.
	if request.Edit.NotAchievedBy(&would) {
		_, message := promptobject.UnmetReason(would)
		return refused(store.ReasonInvalid, "%s", message)
	}
	return nil
}

// invalid refuses what cannot be compiled or written.
func invalid(err error) *end { return refused(store.ReasonInvalid, "%s", err) }
