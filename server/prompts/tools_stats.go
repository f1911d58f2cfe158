package prompts

import (
	"context"
	"unicode/utf8"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// statsResult counts prompts. The names with the most prompts are listed; the others are counted.
type statsResult struct {
	Total           int64            `json:"total"`
	Templates       int64            `json:"templates"`
	Regular         int64            `json:"regular"`
	Categories      map[string]int64 `json:"categories"`
	OtherCategories int64            `json:"otherCategories,omitempty"`
	Tags            map[string]int64 `json:"tags"`
	OtherTags       int64            `json:"otherTags,omitempty"`
	NextCursor      string           `json:"nextCursor,omitempty"`
}

// statsWithUses also says which versions were used, to who may see what others did.
type statsWithUses struct {
	statsResult
	Uses []versionUse `json:"uses,omitempty"`
}

type statsInput struct {
	Cursor *string `json:"cursor,omitempty" description:"nextCursor from before"`
}

// getStats counts in all namespaces the caller may list, or in those that could be decided and says how to go on.
func (s *Service) getStats(ctx context.Context, in statsInput) (*tool.Result[statsWithUses], error) {
	list := tool.Fingerprint("stats", transport.FromContext(ctx).Namespace)
	part, err := s.decideNext(ctx, list, ptr.Deref(in.Cursor, ""))
	if err != nil {
		return nil, err
	}
	counted := store.Stats{}
	if !part.isEmpty() {
		if counted, err = s.library.Stats(ctx, part.scope); err != nil {
			return nil, err
		}
	}
	next, err := s.encodeNext(ctx, list, part)
	if err != nil {
		return nil, err
	}
	shown := statsResult{Total: counted.Total, Templates: counted.Templates, Regular: counted.Total - counted.Templates, NextCursor: next}
	room := tool.CharacterLimit(s.resultLimit) - statsFrame
	var left int
	shown.Categories, shown.OtherCategories, left = selectMostFrequent(counted.Categories, room/2)
	shown.Tags, shown.OtherTags, _ = selectMostFrequent(counted.Tags, room-room/2+left)
	shown.OtherCategories += counted.OtherCategories
	shown.OtherTags += counted.OtherTags
	structured := statsWithUses{statsResult: shown}
	if in.Cursor == nil {
		structured.Uses = s.countUses(ctx)
	}
	return tool.NewJSONResult(shown, structured)
}

const (
	// statsFrame is how many characters statistics have without categories and tags, countRow those of a line beside the name.
	statsFrame = 300
	countRow   = 30
)

// selectMostFrequent returns the names that were counted most often, as many as there is room for in characters, and the
// number of the others and the room that is left.
func selectMostFrequent(counts map[string]int64, room int) (most map[string]int64, others int64, left int) {
	names := store.SortByCount(counts)
	most = make(map[string]int64)
	for i, name := range names {
		if room -= utf8.RuneCountInString(name) + countRow; room < 0 {
			return most, int64(len(names) - i), 0
		}
		most[name] = counts[name]
	}
	return most, 0, room
}
