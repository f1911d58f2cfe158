package prompts

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// historyRows is how many versions are listed when a call does not say, and at most.
	historyRows = 50
	maxHistory  = 100 // about 7,000 tokens
	// diffLines is how long a comparison may be.
	diffLines = 400
)

// shownVersion is a line of a history.
type shownVersion struct {
	Version     int64         `json:"version"`
	Digest      prompt.Digest `json:"digest"`
	PublishedAt string        `json:"publishedAt"`
	By          string        `json:"by,omitempty"`
	Channels    []string      `json:"channels"`
	Withdrawn   bool          `json:"withdrawn"`
}

func (s *Surface) listVersions(ctx context.Context, in given) (answer, error) {
	key, err := s.locateWhole(ctx, in)
	if err == nil {
		err = s.allow(ctx, auth.Get, key)
	}
	if err != nil {
		return answer{}, err
	}
	search := fingerprint("versions", transport.FromContext(ctx).Namespace, key)
	var from mark
	if cursor := in.text("cursor"); cursor != "" {
		if from, err = readCursor(search, cursor); err != nil {
			return answer{}, err
		}
	}
	limit := min(cmp.Or(in.count("limit"), historyRows), maxHistory)
	history, err := s.library.ListVersions(ctx, key, int64(from.skip), limit+1)
	if err != nil {
		return answer{}, err
	}
	shown := make([]shownVersion, min(len(history), limit))
	for i := range shown {
		v := &history[i]
		shown[i] = shownVersion{
			Version: v.Version, Digest: v.Digest, PublishedAt: moment(v.PublishedAt),
			By: cmp.Or(v.Provenance.ChangedBy, v.Provenance.Manager), Channels: v.Channels, Withdrawn: v.Withdrawn,
		}
		if v.Channels == nil {
			shown[i].Channels = []string{}
		}
	}
	result := struct {
		Versions   []shownVersion `json:"versions"`
		NextCursor string         `json:"nextCursor,omitempty"`
	}{Versions: shown}
	a, err := inJSON(shown, &result)
	if last := len(shown) - 1; len(history) > limit && shown[last].Version <= math.MaxInt32 {
		// What comes next is below the last version shown; its number takes the place of a count.
		result.NextCursor = mark{skip: int(shown[last].Version)}.cursorOf(search)
		if asked := in.count("limit"); asked == 0 || asked > limit { // not who asked, but we have cut it
			a.texts = append(a.texts, fmt.Sprintf("Showing versions %d to %d; call again with cursor=%s for older ones",
				shown[0].Version, shown[last].Version, result.NextCursor))
		}
	}
	return a, err
}

// comparison is what diff_prompt_versions gives beside the text.
type comparison struct {
	From    int64    `json:"from"`
	To      int64    `json:"to"`
	Changed []string `json:"changed"`
	Diff    string   `json:"diff"`
	Omitted int      `json:"omittedLines,omitempty"`
}

func (s *Surface) diffVersions(ctx context.Context, in given) (answer, error) {
	key, err := s.locateWhole(ctx, in)
	if err == nil && in.whole("from") == 0 {
		err = invalid("argument %q: versions are counted from 1", "from")
	}
	if err == nil {
		err = s.allow(ctx, auth.Get, key)
	}
	if err != nil {
		return answer{}, err
	}
	from, err := s.library.GetView(ctx, key, prompt.Selector{Version: in.whole("from")})
	if err != nil {
		return answer{}, err
	}
	to, err := s.library.GetView(ctx, key, prompt.Selector{Version: in.whole("to")})
	if err != nil {
		return answer{}, err
	}
	characters := math.MaxInt
	if s.resultLimit > 0 {
		characters = int(float64(s.resultLimit) * charactersPerToken)
	}
	difference, err := prompt.Diff(&from.Document, &to.Document,
		fmt.Sprintf("%s@%d", key.Name, from.Version), fmt.Sprintf("%s@%d", key.Name, to.Version), diffLines, characters)
	if err != nil {
		return answer{}, err
	}
	result := comparison{From: from.Version, To: to.Version, Diff: difference.Unified, Omitted: difference.Cut, Changed: []string{}}
	for _, field := range difference.Fields {
		result.Changed = append(result.Changed, argumentOf(field))
	}
	return answer{texts: []string{result.text()}, structured: result}, nil
}

// text is the comparison for who reads no structure.
func (c *comparison) text() string {
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
