package prompts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

// latestVersion selects what a change is an edit of, whatever version callers are served.
var latestVersion = prompt.Selector{Channel: store.Latest}

type addInput struct {
	Name        string          `json:"name" description:"Name of the prompt, at most 100 characters"`
	Content     string          `json:"content" description:"Text of the prompt; in a template {{word}} is a variable"`
	Description *string         `json:"description,omitempty" description:"What it is for"`
	IsTemplate  *bool           `json:"isTemplate,omitempty" description:"Whether the text has variables; default false"`
	Tags        *[]string       `json:"tags,omitempty" description:"Tags"`
	Category    *string         `json:"category,omitempty" description:"Category"`
	Metadata    json.RawMessage `json:"metadata,omitempty" description:"Free JSON object"`
	Namespace   *string         `json:"namespace,omitempty" description:"Where to create it, when not in your own"`
	repeatable
}

func (s *Service) addPrompt(ctx context.Context, in addInput) (*tool.Result[changeResult], error) {
	namespace, err := s.chooseNamespace(ctx, ptr.Deref(in.Namespace, ""))
	if err != nil {
		return nil, err
	}
	if err := s.authorize(ctx, auth.Create, store.Key{Namespace: namespace}); err != nil {
		if errors.Is(err, auth.ErrDenied) {
			err = tool.NewForbidden("you may not create prompts in namespace %s; ask for the verb create on prompts.lectern.dev there, or name another namespace", namespace)
		}
		return nil, err
	}
	if err := s.checkWatched(namespace); err != nil {
		return nil, err
	}
	edit, err := trimEdit(store.Edit{
		Title: &in.Name, Content: &in.Content, Description: in.Description, IsTemplate: in.IsTemplate,
		Tags: in.Tags, Category: in.Category, Metadata: in.Metadata,
	})
	if err != nil {
		return nil, err
	}
	request := store.ChangeRequest{Key: store.Key{Namespace: namespace}, Action: store.ActionAdd, Edit: edit}
	outcome, err := s.changeAndWait(ctx, in.repeatable, func(ctx context.Context, id string) (store.ChangeRequest, error) {
		spec, err := promptobject.SpecFromEdit(edit)
		if err = rejectionError(change.View{Request: request, EditError: err}); err == nil {
			_, err = promptobject.ResolveAndCompile(ctx, s.library, namespace, promptobject.SpecOf(&spec))
		}
		if err == nil {
			request.Key, err = s.findFreeName(ctx, namespace, *edit.Title, id)
		}
		return request, err
	}, request)
	if err != nil {
		return nil, err
	}
	return newVersionResult(s.omittedNamespace(ctx), outcome, *edit.Title, fmt.Sprintf("Created prompt %s with ID: %s",
		quoteName(*edit.Title), formatID(s.omittedNamespace(ctx), outcome.Key))), nil
}

type updateInput struct {
	target
	Name            *string         `json:"name,omitempty" description:"New name"`
	Content         *string         `json:"content,omitempty" description:"New text; replaces the whole text"`
	Description     *string         `json:"description,omitempty" description:"New description; a blank removes it"`
	IsTemplate      *bool           `json:"isTemplate,omitempty" description:"Whether the text has variables"`
	Tags            *[]string       `json:"tags,omitempty" description:"New tags, all of them"`
	Category        *string         `json:"category,omitempty" description:"New category; a blank removes it"`
	Metadata        json.RawMessage `json:"metadata,omitempty" description:"New metadata object"`
	ExpectedVersion *int64          `json:"expectedVersion,omitempty" description:"Refuse unless this is the newest version"`
	repeatable
}

func (s *Service) updatePrompt(ctx context.Context, in updateInput) (*tool.Result[changeResult], error) {
	key, err := s.resolvePromptID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if key, err = s.authorizeChange(ctx, auth.Patch, key, in.ID); err != nil {
		return nil, err
	}
	edit, err := trimEdit(store.Edit{
		Title: in.Name, Content: in.Content, Description: in.Description, IsTemplate: in.IsTemplate,
		Tags: in.Tags, Category: in.Category, Metadata: in.Metadata,
	})
	if err != nil {
		return nil, err
	}
	if reflect.ValueOf(edit).IsZero() {
		return nil, tool.NewInvalid("there is nothing to change: give name, content, description, isTemplate, tags, category or metadata")
	}
	request := store.ChangeRequest{Key: key, Action: store.ActionUpdate, Edit: edit, ExpectedVersion: ptr.Deref(in.ExpectedVersion, 0)}
	var name string
	outcome, err := s.changeAndWait(ctx, in.repeatable, func(ctx context.Context, _ string) (store.ChangeRequest, error) {
		r, err := s.library.GetView(ctx, key, latestVersion)
		if err != nil {
			return request, err
		}
		name = titleOrName(&r)
		return request, s.validateEdit(ctx, &r, request)
	}, request)
	if err != nil {
		return nil, err
	}
	switch {
	case edit.Title != nil:
		name = *edit.Title
	case name == "":
		name = s.titleAt(ctx, outcome)
	}
	return newVersionResult(s.omittedNamespace(ctx), outcome, name, fmt.Sprintf("Updated prompt %s (version %d)", quoteName(name), outcome.Version)), nil
}

// trimEdit removes the white space around texts, which a model that writes over MCP does not mean. It refuses a name or a
// content that is empty then.
func trimEdit(edit store.Edit) (store.Edit, error) {
	edit.Title, edit.Content = trimText(edit.Title), trimText(edit.Content)
	edit.Description, edit.Category = trimText(edit.Description), trimText(edit.Category)
	switch {
	case edit.Title != nil && *edit.Title == "":
		return store.Edit{}, tool.NewInvalid("argument %q: is empty", "name")
	case edit.Content != nil && *edit.Content == "":
		return store.Edit{}, tool.NewInvalid("argument %q: is empty", "content")
	}
	return edit, nil
}

func trimText(text *string) *string {
	if text == nil {
		return nil
	}
	return new(strings.TrimSpace(*text))
}

// titleAt returns the title of a prompt after an earlier change, or the name of its object where the version is gone.
func (s *Service) titleAt(ctx context.Context, o store.ChangeOutcome) string {
	ctx, cancel := s.withQueryTimeout(ctx)
	defer cancel()
	r, err := s.library.GetView(ctx, o.Key, prompt.Selector{Version: o.Version})
	if err != nil {
		return o.Key.Name
	}
	return titleOrName(&r)
}

// validateEdit refuses an update that would not be made, or would end in a prompt that cannot be published.
func (s *Service) validateEdit(ctx context.Context, r *store.PromptView, request store.ChangeRequest) error {
	before := promptobject.SpecFromDocument(&r.Document)
	after, err := promptobject.EditedSpec(&before, request)
	if err != nil {
		// The place to change it in is the manifest; show what stands there.
		bare := before
		bare.Messages = nil
		if patch, patchErr := promptobject.ProposedPatch(bare, before); patchErr == nil {
			err = fmt.Errorf("%w, which say:\n%s", err, excerpt.Truncate(patch, proposalLength))
		}
	}
	published := &store.PublishedState{Version: r.Version}
	if err := rejectionError(change.View{Request: request, EditError: err, Published: published}); err != nil {
		return err
	}
	_, err = promptobject.ResolveAndCompile(ctx, s.library, r.Key.Namespace, promptobject.SpecOf(&after))
	return err
}

// proposalLength keeps an error from being a whole document, in characters.
const proposalLength = 1000

type deleteInput struct {
	target
	Version *int64 `json:"version,omitempty" description:"Delete only this version; its number is not used again"`
	repeatable
}

func (s *Service) deletePrompt(ctx context.Context, in deleteInput) (*tool.Result[changeResult], error) {
	key, selector, err := s.resolveVersionID(ctx, in.ID, selection{Version: in.Version})
	if err == nil && selector.Channel != "" {
		err = tool.NewInvalid("argument %q: a channel is removed by set_prompt_channel with remove=true; leave %s out", "id", selector)
	}
	if err == nil {
		key, err = s.authorizeChange(ctx, auth.Delete, key, in.ID)
	}
	var outcome store.ChangeOutcome
	if err == nil {
		whole := store.ChangeRequest{Key: key, Action: store.ActionDelete, ExpectedVersion: selector.Version}
		candidates := []store.ChangeRequest{whole}
		if selector.Version != 0 {
			candidates = append(candidates, newWithdrawal(key, selector.Version))
		}
		outcome, err = s.changeAndWait(ctx, in.repeatable, func(ctx context.Context, _ string) (store.ChangeRequest, error) {
			return s.planDeletion(ctx, whole)
		}, candidates...)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, auth.ErrDenied) {
		err = &tool.Error{Text: fmt.Sprintf("Prompt with ID %s not found", excerpt.Truncate(in.ID, 200)) + expiredSuffix(err), Sentence: true}
	}
	if err != nil {
		return nil, err
	}
	id := formatID(s.omittedNamespace(ctx), key)
	return newChangeResult(s.omittedNamespace(ctx), outcome, key.Name, "Deleted prompt with ID: "+id), nil
}

// newWithdrawal makes the request that withdraws a version.
func newWithdrawal(key store.Key, version int64) store.ChangeRequest {
	return store.ChangeRequest{Key: key, Action: store.ActionUpdate, Edit: store.Edit{Withdraw: version}}
}

// planDeletion returns the request that deletes a prompt, or withdraws the version of it that whole expects.
func (s *Service) planDeletion(ctx context.Context, whole store.ChangeRequest) (store.ChangeRequest, error) {
	key, selector := whole.Key, latestVersion
	if whole.ExpectedVersion != 0 {
		selector = prompt.Selector{Version: whole.ExpectedVersion}
	}
	r, err := s.library.GetView(ctx, key, selector)
	if err != nil || whole.ExpectedVersion == 0 {
		return whole, err
	}
	if r.Version == r.Latest {
		if only, err := s.isOnlyVersion(ctx, key, r.Version); err != nil || only {
			return whole, err // and not what is published meanwhile
		}
	}
	request := newWithdrawal(key, r.Version)
	channels := slices.DeleteFunc(slices.Clone(r.Channels), func(name string) bool { return name == store.Latest })
	withdrawn := &change.Withdrawn{Newest: r.Version == r.Latest, Channels: channels}
	return request, rejectionError(change.View{Request: request, Withdrawn: withdrawn})
}

// isOnlyVersion reports whether no other version is left of a prompt than its newest.
func (s *Service) isOnlyVersion(ctx context.Context, key store.Key, version int64) (bool, error) {
	for before := version; ; {
		older, err := s.library.ListVersions(ctx, key, before, maxHistory)
		if err != nil || len(older) == 0 {
			return err == nil, err
		}
		if slices.ContainsFunc(older, func(v store.VersionInfo) bool { return !v.Withdrawn }) {
			return false, nil
		}
		before = older[len(older)-1].Version
	}
}
