package prompts

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// searchPosition is how far a search was read: so many prompts after a place in the order of a window, or after its beginning.
type searchPosition struct {
	after *store.PageMark
	skip  int
	// window is which namespaces are being read, of which the caller may not be shown every name; all of them when it is zero.
	window namespaceRange
	// before is how many prompts the windows before it have.
	before int64
}

// encodeFields returns a position without its window as fields of a cursor.
func (p searchPosition) encodeFields() []string {
	fields := []string{strconv.Itoa(p.skip)}
	if p.after != nil {
		fields = append(fields,
			strconv.FormatUint(uint64(math.Float32bits(p.after.Rank)), 16),
			strconv.FormatInt(p.after.CreatedAt.UnixNano(), 10),
			p.after.Key.Namespace, p.after.Key.Name)
	}
	if p.window != (namespaceRange{}) {
		fields = append(fields, strconv.FormatInt(p.before, 10))
	}
	return fields
}

// sealingUse is what a window is sealed for: its place in the search, so that it is moved to no other.
func sealingUse(search string, fields []string) string {
	return search + "/" + strings.Join(fields, "/")
}

// encodeSearchCursor returns the cursor of a position in the search of a fingerprint.
func (s *Service) encodeSearchCursor(ctx context.Context, search string, p searchPosition) (string, error) {
	fields := p.encodeFields()
	if p.window == (namespaceRange{}) {
		return tool.EncodeCursor(search, fields...), nil
	}
	sealed, err := s.sealRange(ctx, sealingUse(search, fields), p.window)
	return tool.EncodeCursor(search, append(fields, sealed)...), err
}

// parseSearchCursor returns the position of a cursor of the same search, or tool.ErrCursor.
func (s *Service) parseSearchCursor(ctx context.Context, search, cursor string) (searchPosition, error) {
	fields, err := tool.DecodeCursor(search, cursor)
	if err != nil {
		return searchPosition{}, err
	}
	var p searchPosition
	if last := len(fields) - 1; last == 2 || last == 6 { // a window, and how many there are before it
		if p.window, err = s.openRange(ctx, sealingUse(search, fields[:last]), fields[last]); err != nil {
			return searchPosition{}, err
		}
		if p.before, err = strconv.ParseInt(fields[last-1], 10, 64); err != nil || p.before < 0 {
			return searchPosition{}, tool.ErrCursor
		}
		fields = fields[:last]
	}
	if p.skip, err = strconv.Atoi(fields[0]); err != nil || p.skip < 0 || p.skip > math.MaxInt32 {
		return searchPosition{}, tool.ErrCursor
	}
	if len(fields) >= 5 {
		if p.after = parsePageMark(fields[1:5]); p.after == nil {
			return searchPosition{}, tool.ErrCursor
		}
	}
	if !slices.Equal(p.encodeFields(), fields) { // a number written in another way, or too many fields
		return searchPosition{}, tool.ErrCursor
	}
	return p, nil
}

// parsePageMark reads a store.PageMark; nil when it is none.
func parsePageMark(fields []string) *store.PageMark {
	rank, err := strconv.ParseUint(fields[0], 16, 32)
	if err != nil {
		return nil
	}
	created, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || !isDNSLabel(fields[2]) || !isDNSLabel(fields[3]) {
		return nil
	}
	place := &store.PageMark{
		Rank: math.Float32frombits(uint32(rank)), CreatedAt: time.Unix(0, created).UTC(),
		Key: store.Key{Namespace: fields[2], Name: fields[3]},
	}
	if !(place.Rank >= 0) || math.IsInf(float64(place.Rank), 0) {
		return nil
	}
	return place
}
