package servicedesk

import (
	"github.com/lectern-dev/lectern/server/tool"
)

// UseCursorKey has places in lists of tickets sealed with the key that this returns, the same for every server. The error wraps
// store.ErrUnavailable. It is called before the first call of a tool.
func (s *Service) UseCursorKey(key func() ([]byte, error)) { s.cursorKey = key }

// sealPlace returns the cursor of a place in a list of tickets, from 1; nothing for 0, the end. It is sealed: SDP counts what is outside
// of the ceilings too where it ignores conditions.
func (s *Service) sealPlace(fingerprint string, place int) (string, error) {
	if place == 0 {
		return "", nil
	}
	key, err := s.cursorKey()
	if err != nil {
		return "", err
	}
	sealed, err := tool.SealNumber(key, fingerprint, uint64(place)) //nolint:gosec // places are counted from 1
	if err != nil {
		return "", err
	}
	return tool.EncodeCursor(fingerprint, sealed), nil
}

// openPlace returns the place of a cursor, 1 without one.
func (s *Service) openPlace(fingerprint string, cursor *string) (int, error) {
	if cursor == nil {
		return 1, nil
	}
	fields, err := tool.DecodeCursor(fingerprint, *cursor)
	if err != nil {
		return 0, err
	}
	if len(fields) != 1 {
		return 0, tool.ErrCursor
	}
	key, err := s.cursorKey()
	if err != nil {
		return 0, err
	}
	place, err := tool.OpenNumber(key, fingerprint, fields[0])
	if err != nil || place < 1 || place > maxPlace {
		return 0, tool.ErrCursor
	}
	return int(place), nil
}
