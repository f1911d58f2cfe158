package prompts

import (
	"context"
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// moved is what set_prompt_channel gives beside the text: where the channel was and is, as far as it is. Where it
// was before the first request a repeat does not know.
type moved struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	Channel  string  `json:"channel"`
	ChangeID string  `json:"changeId"`
	State    string  `json:"state"`
	Before   **int64 `json:"before,omitempty"`
	After    *int64  `json:"after"`
}

func (s *Surface) setChannel(ctx context.Context, in given) (answer, error) {
	key, err := s.locateWhole(ctx, in)
	if err != nil {
		return answer{}, err
	}
	edit, err := channelEditOf(in)
	if err != nil {
		return answer{}, err
	}
	if err := s.may(ctx, auth.Promote, key, in); err != nil {
		return answer{}, err
	}
	request := store.ChangeRequest{
		Key: key, Action: store.ActionUpdate, Edit: store.Edit{Channel: &edit}, ExpectedVersion: in.whole("expectedVersion"),
	}
	var (
		name   string
		before **int64
	)
	outcome, err := s.change(ctx, in, func(ctx context.Context, _ string) (store.ChangeRequest, error) {
		r, err := s.library.GetView(ctx, key, newest)
		if err != nil {
			return request, err
		}
		points, err := s.pointsTo(ctx, key, edit.Name)
		name, before = titleOf(&r), &points
		if err == nil {
			err = s.mayPoint(ctx, request, points)
		}
		return request, err
	}, request)
	if err != nil {
		return answer{}, err
	}
	if name == "" {
		name = s.nameThen(ctx, outcome)
	}
	return movedTo(s.bare(ctx), outcome, name, edit, before), nil
}

// mayPoint refuses a move from where the channel is not, or to where nothing is.
func (s *Surface) mayPoint(ctx context.Context, request store.ChangeRequest, from *int64) error {
	expected, to := request.ExpectedVersion, request.Edit.Channel
	if expected != 0 && (from == nil || *from != expected) {
		return conflict("channel %s points to %s, not to version %d; look again and decide", to.Name, versionOrNone(from), expected)
	}
	if to.Version == 0 {
		return nil
	}
	_, err := s.library.GetView(ctx, request.Key, prompt.Selector{Version: to.Version})
	if errors.Is(err, store.ErrNotFound) {
		return invalid("argument %q: there is no version %d; list_prompt_versions shows which there are%s", "version", to.Version, explained(err))
	}
	return err
}

// channelEditOf reads channel and version: without a version the channel follows the newest, with null it
// is removed.
func channelEditOf(in given) (store.ChannelEdit, error) {
	name := in.text("channel")
	if _, err := channelNamed(name); err != nil {
		return store.ChannelEdit{}, err
	}
	if name == store.Latest {
		return store.ChannelEdit{}, invalid("argument %q: latest moves by itself; it is always the newest version", "channel")
	}
	value, stated := in["version"]
	return store.ChannelEdit{Name: name, Version: in.whole("version"), Remove: stated && value == nil}, nil
}

// pointsTo is the version a channel is at, or nil.
func (s *Surface) pointsTo(ctx context.Context, key store.Key, channel string) (*int64, error) {
	r, err := s.library.GetView(ctx, key, prompt.Selector{Channel: channel})
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnresolved):
		return nil, nil //nolint:nilnil // no version is an answer
	case err != nil:
		return nil, err
	}
	return &r.Version, nil
}

func movedTo(bare string, o store.ChangeOutcome, name string, edit store.ChannelEdit, before **int64) answer {
	result := moved{
		ID: idOf(bare, o.Key), Name: name, Channel: edit.Name, ChangeID: o.ID, State: stateOf(o.State), Before: before,
	}
	if o.State != store.ChangePublished {
		return answer{texts: []string{accepted(o, name)}, structured: result}
	}
	sentence := fmt.Sprintf("Channel %s of prompt %s ", edit.Name, inQuotes(name))
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
	if before != nil {
		sentence += "; before: " + versionOrNone(*before)
	}
	return answer{texts: []string{sentence}, structured: result}
}

func versionOrNone(version *int64) string {
	if version == nil {
		return "none"
	}
	return fmt.Sprintf("version %d", *version)
}
