package server

import (
	"context"

	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport"
)

// reviewStreams finds out what the streams of a caller may hear.
type reviewStreams = func(context.Context, []transport.Followed) ([]transport.StreamRights, error)

// keptReviews is what a review of a stream keeps of both.
type keptReviews struct {
	// prompts is what the review of prompts keeps; readsPrompts is whether it allowed the stream, where isDecided says that it was asked.
	prompts                 any
	isDecided, readsPrompts bool
	desk                    servicedesk.StreamRights
}

// joinReviews returns a review for rights on prompts and on connections: a stream that follows the list of tools lives on either.
func joinReviews(prompts reviewStreams, desk *servicedesk.Service) reviewStreams {
	if desk == nil {
		return prompts
	}
	return func(ctx context.Context, streams []transport.Followed) ([]transport.StreamRights, error) {
		last := make([]keptReviews, len(streams))
		ofPrompts := make([]transport.Followed, len(streams))
		for i, followed := range streams {
			if followed.Last != nil {
				last[i], _ = followed.Last.Kept.(keptReviews)
				before := *followed.Last
				before.Kept = last[i].prompts
				followed.Last = &before
			}
			ofPrompts[i] = followed
		}
		found, err := prompts(ctx, ofPrompts)
		if err != nil {
			return nil, err
		}
		for i := range streams {
			if err := joinReview(ctx, prompts, desk, &streams[i], &found[i], last[i]); err != nil {
				return nil, err
			}
		}
		return found, nil
	}
}

// joinReview adds to what was found of a stream by rights on prompts what there is by those on connections.
func joinReview(
	ctx context.Context, prompts reviewStreams, desk *servicedesk.Service, followed *transport.Followed, found *transport.StreamRights, last keptReviews,
) error {
	kept := keptReviews{prompts: found.Kept, readsPrompts: found.Readable, isDecided: followed.Last != nil}
	var err error
	switch {
	case followed.Tools && followed.Last == nil:
		kept.desk, err = desk.OpenStream(ctx, followed.Namespace)
	case followed.Tools:
		kept.desk, err = desk.ReviewStream(ctx, followed.Namespace, last.desk)
	}
	if err != nil {
		return err
	}
	if followed.Last != nil && kept.desk.Differs(last.desk) || last.isDecided && kept.readsPrompts != last.readsPrompts {
		found.ToolsChanged = true
	}
	if last.isDecided && kept.readsPrompts && !last.readsPrompts { // what is seen now is what later changes are compared with
		opened, err := prompts(ctx, []transport.Followed{{
			Namespace: followed.Namespace, Prompts: followed.Prompts, Tools: followed.Tools, Resources: followed.Resources, URIs: followed.URIs,
		}})
		if err != nil {
			return err
		}
		kept.prompts, found.ListsChanged = opened[0].Kept, true
	}
	found.Readable = found.Readable || kept.desk.IsUser
	found.Kept = kept
	return nil
}
