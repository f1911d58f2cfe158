package prompts

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// historyRows is how many versions are listed without a limit, maxHistory with the highest.
	historyRows = 50
	maxHistory  = 100 // about 7,000 tokens
	// diffLines bounds a diff.
	diffLines = 400
)

// versionJSON is a line of a history.
type versionJSON struct {
	Version     int64         `json:"version"`
	Digest      prompt.Digest `json:"digest"`
	PublishedAt string        `json:"publishedAt"`
	By          string        `json:"by,omitempty"`
	Channels    []string      `json:"channels"`
	Withdrawn   bool          `json:"withdrawn"`
}

type versionsInput struct {
	target
	Limit  *int64  `json:"limit,omitempty" description:"Maximum number of versions; default 50"`
	Cursor *string `json:"cursor,omitempty" description:"nextCursor from the previous call"`
}

// versionsResult is a history.
type versionsResult struct {
	Versions   []versionJSON `json:"versions"`
	NextCursor string        `json:"nextCursor,omitempty"`
}

func (s *Service) listVersions(ctx context.Context, in versionsInput) (*tool.Result[versionsResult], error) {
	key, err := s.resolvePromptID(ctx, in.ID)
	if err == nil {
		err = s.authorize(ctx, auth.Get, key)
	}
	if err != nil {
		return nil, err
	}
	search := tool.Fingerprint("versions", transport.FromContext(ctx).Namespace, key)
	var from searchPosition
	if cursor := ptr.Deref(in.Cursor, ""); cursor != "" {
		if from, err = parseSearchCursor(search, cursor); err != nil {
			return nil, err
		}
	}
	limit := min(cmp.Or(clampToInt(in.Limit), historyRows), maxHistory)
	history, err := s.library.ListVersions(ctx, key, int64(from.skip), limit+1)
	if err != nil {
		return nil, err
	}
	shown := make([]versionJSON, min(len(history), limit))
	for i := range shown {
		v := &history[i]
		shown[i] = versionJSON{
			Version: v.Version, Digest: v.Digest, PublishedAt: formatTime(v.PublishedAt),
			By: cmp.Or(v.Provenance.ChangedBy, v.Provenance.Manager), Channels: nonNil(v.Channels), Withdrawn: v.Withdrawn,
		}
	}
	result, err := tool.NewJSONResult(shown, versionsResult{Versions: shown})
	if err != nil {
		return nil, err
	}
	if last := len(shown) - 1; len(history) > limit && shown[last].Version <= math.MaxInt32 {
		// What comes next is below the last version shown; its number takes the place of a count.
		result.Structured.NextCursor = searchPosition{skip: int(shown[last].Version)}.encodeCursor(search)
		if given := clampToInt(in.Limit); given == 0 || given > limit { // cut by the server, not by the caller
			result.Texts = append(result.Texts, fmt.Sprintf("Showing versions %d to %d; call again with cursor=%s for older ones",
				shown[0].Version, shown[last].Version, result.Structured.NextCursor))
		}
	}
	return result, nil
}

type diffInput struct {
	target
	From int64  `json:"from" description:"First version"`
	To   *int64 `json:"to,omitempty" description:"Second version; the default one when absent"`
}

// diffResult is the structured result of diff_prompt_versions.
type diffResult struct {
	From    int64    `json:"from"`
	To      int64    `json:"to"`
	Changed []string `json:"changed"`
	Diff    string   `json:"diff"`
	Omitted int      `json:"omittedLines,omitempty"`
}

func (s *Service) diffVersions(ctx context.Context, in diffInput) (*tool.Result[diffResult], error) {
	key, err := s.resolvePromptID(ctx, in.ID)
	if err == nil && in.From == 0 {
		err = tool.NewInvalid("argument %q: versions are counted from 1", "from")
	}
	if err == nil {
		err = s.authorize(ctx, auth.Get, key)
	}
	if err != nil {
		return nil, err
	}
	from, err := s.library.GetView(ctx, key, prompt.Selector{Version: in.From})
	if err != nil {
		return nil, err
	}
	to, err := s.library.GetView(ctx, key, prompt.Selector{Version: ptr.Deref(in.To, 0)})
	if err != nil {
		return nil, err
	}
	difference, err := prompt.Diff(&from.Document, &to.Document,
		fmt.Sprintf("%s@%d", key.Name, from.Version), fmt.Sprintf("%s@%d", key.Name, to.Version), diffLines, tool.CharacterLimit(s.resultLimit))
	if err != nil {
		return nil, err
	}
	result := diffResult{From: from.Version, To: to.Version, Diff: difference.Unified, Omitted: difference.Cut, Changed: []string{}}
	for _, field := range difference.Fields {
		result.Changed = append(result.Changed, argumentForField(field))
	}
	return tool.NewResult(result.describeDiff(), result), nil
}

// describeDiff returns the diff as text.
func (c *diffResult) describeDiff() string {
	if len(c.Changed) == 0 {
		return fmt.Sprintf("Versions %d and %d are the same", c.From, c.To)
	}
	text := fmt.Sprintf("Changed from version %d to %d: %s\n", c.From, c.To, strings.Join(c.Changed, ", "))
	if c.Diff != "" {
		text += "\n" + c.Diff
	}
	if c.Omitted > 0 {
		text += fmt.Sprintf("%d more lines of the comparison are left out; get_prompt shows a whole version\n", c.Omitted)
	}
	return text
}
