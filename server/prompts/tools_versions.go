package prompts

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// historyRows is how many versions are listed without a limit, maxHistory with the highest.
	historyRows = 50
	maxHistory  = 100 // about 7,000 tokens
	// maxAuthor bounds the name of who made a version, in characters: a subject may be any.
	maxAuthor = 200
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
	Cursor *string `json:"cursor,omitempty" description:"nextCursor from before"`
}

// versionsResult is a history.
type versionsResult struct {
	Versions   []any  `json:"versions"`
	NextCursor string `json:"nextCursor,omitempty"`
}

func (s *Service) listVersions(ctx context.Context, in versionsInput) (*tool.Result[versionsResult], error) {
	key, err := s.resolvePromptID(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	search := tool.Fingerprint("versions", transport.FromContext(ctx).Namespace, key)
	if key, err = s.authorizeLookup(ctx, key); err != nil {
		return nil, err
	}
	before, err := parseVersionCursor(search, ptr.Deref(in.Cursor, ""))
	if err != nil {
		return nil, err
	}
	limit := min(cmp.Or(clampToInt(in.Limit), historyRows), maxHistory)
	history, err := s.library.ListVersions(ctx, key, before, limit+1)
	if err != nil {
		return nil, err
	}
	list, err := s.newVersionList(history[:min(len(history), limit)])
	if err != nil {
		return nil, err
	}
	shown := len(list.Rows())
	result := tool.NewResult(list.Text(), versionsResult{Versions: list.Rows()})
	if shown < len(history) {
		// What comes next is below the last version shown.
		last := history[shown-1].Version
		result.Structured.NextCursor = tool.EncodeCursor(search, strconv.FormatInt(last, 10))
		if given := clampToInt(in.Limit); given == 0 || given > shown { // cut by the server, not by the caller
			result.Texts = append(result.Texts, fmt.Sprintf("Showing versions %d to %d; call again with cursor=%s for older ones",
				history[0].Version, last, result.Structured.NextCursor))
		}
	}
	return result, nil
}

// describeAuthor says who made a version: who asked for it over MCP, with the field manager of the write, else the field
// manager alone, or what made it when nobody wrote.
func describeAuthor(p store.Provenance) string {
	switch {
	case p.Cause != "":
		return "lectern (" + p.Cause + ")"
	case p.ChangedBy != "" && p.Manager != "":
		return p.ChangedBy + " (" + p.Manager + ")"
	default:
		return cmp.Or(p.ChangedBy, p.Manager)
	}
}

// newVersionList returns the lines of a history, as many as a result may have.
func (s *Service) newVersionList(history []store.VersionInfo) (*tool.List, error) {
	list := tool.NewList(s.resultLimit)
	for i := range history {
		v := &history[i]
		fits, err := list.Append(versionJSON{
			Version: v.Version, Digest: v.Digest, PublishedAt: formatTime(v.PublishedAt),
			By:       excerpt.Truncate(describeAuthor(v.Provenance), maxAuthor),
			Channels: nonNil(v.Channels), Withdrawn: v.Withdrawn,
		})
		if err != nil || !fits {
			return list, err
		}
	}
	return list, nil
}

// parseVersionCursor returns the version a history goes on below, or tool.ErrCursor; 0 without a cursor.
func parseVersionCursor(search, cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	fields, err := tool.DecodeCursor(search, cursor)
	if err != nil {
		return 0, err
	}
	version, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || version < 1 || tool.EncodeCursor(search, strconv.FormatInt(version, 10)) != cursor {
		return 0, tool.ErrCursor
	}
	return version, nil
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
		key, err = s.authorizeLookup(ctx, key)
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
