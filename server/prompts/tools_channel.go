package prompts

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

type channelInput struct {
	target
	Channel         string `json:"channel" description:"Name of the channel, such as production"`
	Version         *int64 `json:"version,omitempty" description:"Version to point to; absent: follow the newest"`
	Remove          *bool  `json:"remove,omitempty" description:"true: remove the channel"`
	ExpectedVersion *int64 `json:"expectedVersion,omitempty" description:"Refuse unless the channel points to this version"`
	repeatable
}

// channelResult is the structured result of set_prompt_channel: the version the channel pointed to and points to; null for
// none. A repeat does not know what was before the first request.
type channelResult struct {
	ID       string               `json:"id"`
	Name     string               `json:"name"`
	Channel  string               `json:"channel"`
	ChangeID string               `json:"changeId"`
	State    string               `json:"state"`
	Before   tool.Optional[int64] `json:"before,omitzero"`
	After    *int64               `json:"after"`
}

func (s *Service) setChannel(ctx context.Context, in channelInput) (*tool.Result[channelResult], error) {
	key, err := s.resolvePromptID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	edit, err := in.channelEdit()
	if err != nil {
		return nil, err
	}
	if key, err = s.authorizeChange(ctx, auth.Promote, key, in.ID); err != nil {
		return nil, err
	}
	request := store.ChangeRequest{
		Key: key, Action: store.ActionUpdate, Edit: store.Edit{Channel: &edit}, ExpectedVersion: ptr.Deref(in.ExpectedVersion, 0),
	}
	var (
		name   string
		before tool.Optional[int64]
	)
	outcome, err := s.changeAndWait(ctx, in.repeatable, func(ctx context.Context, _ string) (store.ChangeRequest, error) {
		r, err := s.library.GetView(ctx, key, latestVersion)
		if err != nil {
			return request, err
		}
		points, err := s.channelVersion(ctx, key, edit.Name)
		name, before = titleOrName(&r), tool.Optional[int64]{Given: true, Value: points}
		if err == nil {
			err = s.validateChannelMove(ctx, request, points)
		}
		return request, err
	}, request)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = s.titleAt(ctx, outcome)
	}
	return newChannelResult(s.omittedNamespace(ctx), outcome, name, edit, before), nil
}

// validateChannelMove refuses a move from where the channel is not, or to where nothing is.
func (s *Service) validateChannelMove(ctx context.Context, request store.ChangeRequest, from *int64) error {
	to := request.Edit.Channel
	published := &store.PublishedState{Channels: map[string]int64{to.Name: ptr.Deref(from, 0)}}
	if err := rejectionError(change.View{Request: request, Published: published}); err != nil {
		return err
	}
	if to.Version == 0 {
		return nil
	}
	_, err := s.library.GetView(ctx, request.Key, prompt.Selector{Version: to.Version})
	if errors.Is(err, store.ErrNotFound) {
		return tool.NewInvalid("argument %q: there is no version %d; list_prompt_versions shows which there are%s", "version", to.Version, expiredSuffix(err))
	}
	return err
}

// channelEdit validates channel, version and remove: without a version the channel follows the newest.
func (in channelInput) channelEdit() (store.ChannelEdit, error) {
	if _, err := parseChannel(in.Channel); err != nil {
		return store.ChannelEdit{}, err
	}
	if in.Channel == store.Latest {
		return store.ChannelEdit{}, tool.NewInvalid("argument %q: latest moves by itself; it is always the newest version", "channel")
	}
	edit := store.ChannelEdit{Name: in.Channel, Version: ptr.Deref(in.Version, 0), Remove: ptr.Deref(in.Remove, false)}
	if edit.Remove && edit.Version != 0 {
		return store.ChannelEdit{}, tool.NewInvalid("give version to move the channel or remove to remove it, not both")
	}
	return edit, nil
}

// channelVersion returns the version a channel points to, or nil.
func (s *Service) channelVersion(ctx context.Context, key store.Key, channel string) (*int64, error) {
	r, err := s.library.GetView(ctx, key, prompt.Selector{Channel: channel})
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnresolved):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &r.Version, nil
}

func newChannelResult(omitted string, o store.ChangeOutcome, name string, edit store.ChannelEdit, before tool.Optional[int64]) *tool.Result[channelResult] {
	result := channelResult{
		ID: formatID(omitted, o.Key), Name: name, Channel: edit.Name, ChangeID: o.ID, State: lowerCaseState(o.State), Before: before,
	}
	if o.State != store.ChangePublished {
		return tool.NewResult(acceptedSentence(o, name), result)
	}
	sentence := fmt.Sprintf("Channel %s of prompt %s ", edit.Name, quoteName(name))
	switch {
	case edit.Remove:
		sentence += "is removed"
	case edit.Version == 0:
		result.After = &o.Version
		sentence += fmt.Sprintf("follows the newest version, now %d", o.Version)
	default:
		result.After = &edit.Version
		sentence += fmt.Sprintf("points to version %d", edit.Version)
	}
	if before.Given {
		sentence += "; before: " + versionOrNone(before.Value)
	}
	return tool.NewResult(sentence, result)
}

func versionOrNone(version *int64) string {
	if version == nil {
		return "none"
	}
	return fmt.Sprintf("version %d", *version)
}
