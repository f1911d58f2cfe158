package prompts

import (
	"math"
	"strconv"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// searchPosition is how far a search was read: so many prompts after a place in the order, or after the beginning.
type searchPosition struct {
	after *store.PageMark
	skip  int
}

// encodeCursor returns the cursor of a position in the search of a fingerprint.
func (p searchPosition) encodeCursor(search string) string {
	fields := []string{strconv.Itoa(p.skip)}
	if p.after != nil {
		fields = append(fields,
			strconv.FormatUint(uint64(math.Float32bits(p.after.Rank)), 16),
			strconv.FormatInt(p.after.CreatedAt.UnixNano(), 10),
			p.after.Key.Namespace, p.after.Key.Name)
	}
	return tool.EncodeCursor(search, fields...)
}

// parseSearchCursor returns the position of a cursor of the same search, or tool.ErrCursor.
func parseSearchCursor(search, cursor string) (searchPosition, error) {
	fields, err := tool.DecodeCursor(search, cursor)
	if err != nil {
		return searchPosition{}, err
	}
	var p searchPosition
	if len(fields) != 1 && len(fields) != 5 {
		return searchPosition{}, tool.ErrCursor
	}
	if p.skip, err = strconv.Atoi(fields[0]); err != nil || p.skip < 0 || p.skip > math.MaxInt32 {
		return searchPosition{}, tool.ErrCursor
	}
	if len(fields) == 5 {
		if p.after = parsePageMark(fields[1:]); p.after == nil {
			return searchPosition{}, tool.ErrCursor
		}
	}
	if p.encodeCursor(search) != cursor { // a number written in another way
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
