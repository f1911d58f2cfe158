package prompts

import (
	"math"
	"strconv"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// mark is how far a search was read: so many prompts after a place, or after the beginning.
type mark struct {
	after *store.PageMark
	skip  int
}

// cursorOf is the mark as the caller gets it.
func (m mark) cursorOf(search string) string {
	fields := []string{strconv.Itoa(m.skip)}
	if m.after != nil {
		fields = append(fields,
			strconv.FormatUint(uint64(math.Float32bits(m.after.Rank)), 16),
			strconv.FormatInt(m.after.CreatedAt.UnixNano(), 10),
			m.after.Key.Namespace, m.after.Key.Name)
	}
	return tool.EncodeCursor(search, fields...)
}

// readCursor is the mark a cursor of the same search stands for.
func readCursor(search, cursor string) (mark, error) {
	fields, err := tool.DecodeCursor(search, cursor)
	if err != nil {
		return mark{}, err
	}
	var m mark
	if len(fields) != 1 && len(fields) != 5 {
		return mark{}, tool.ErrCursor
	}
	if m.skip, err = strconv.Atoi(fields[0]); err != nil || m.skip < 0 || m.skip > math.MaxInt32 {
		return mark{}, tool.ErrCursor
	}
	if len(fields) == 5 {
		if m.after = placeOf(fields[1:]); m.after == nil {
			return mark{}, tool.ErrCursor
		}
	}
	if m.cursorOf(search) != cursor { // a number written in another way
		return mark{}, tool.ErrCursor
	}
	return m, nil
}

// placeOf reads a store.PageMark, or nil.
func placeOf(fields []string) *store.PageMark {
	rank, err := strconv.ParseUint(fields[0], 16, 32)
	if err != nil {
		return nil
	}
	created, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || !isLabel(fields[2]) || !isLabel(fields[3]) {
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
