package prompts

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

// mark is how far a search was read: so many prompts after a place, or after the beginning.
type mark struct {
	after *store.PageMark
	skip  int
}

// errCursor is said of a cursor that was given out for something else, or by nobody.
var errCursor = invalid("argument %q: this cursor is not from a call with these arguments; call again without it", "cursor")

// fingerprint tells searches apart: a cursor means nothing in another one.
func fingerprint(parts ...any) string {
	raw, err := json.Marshal(parts)
	if err != nil {
		panic(err) // what callers give are texts
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}

// cursorOf is the mark as the caller gets it. It is a place in an order, and no right to see anything.
func (m mark) cursorOf(search string) string {
	fields := []string{search, strconv.Itoa(m.skip)}
	if m.after != nil {
		fields = append(fields,
			strconv.FormatUint(uint64(math.Float32bits(m.after.Rank)), 16),
			strconv.FormatInt(m.after.CreatedAt.UnixNano(), 10),
			m.after.Key.Namespace, m.after.Key.Name)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(fields, "/")))
}

// readCursor is the mark a cursor of the same search stands for.
func readCursor(search, cursor string) (mark, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return mark{}, errCursor
	}
	fields := strings.Split(string(raw), "/")
	if len(fields) != 2 && len(fields) != 6 || fields[0] != search {
		return mark{}, errCursor
	}
	var m mark
	if m.skip, err = strconv.Atoi(fields[1]); err != nil || m.skip < 0 || m.skip > math.MaxInt32 {
		return mark{}, errCursor
	}
	if len(fields) == 6 {
		if m.after = placeOf(fields[2:]); m.after == nil {
			return mark{}, errCursor
		}
	}
	if m.cursorOf(search) != cursor {
		return mark{}, errCursor
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
