package tool

const (
	// sealedNames is how many names are sealed together, nameRoom the bytes each takes: how long it is, and up to 63.
	sealedNames = 2
	nameRoom    = 64
)

// SealNames hides two DNS labels, either of which may be empty, from whoever does not have the key, in a field of a cursor: of
// the same length and different each time, whatever they are. Use is what they are for; for another use they do not open.
//
// See sealBytes for how.
func SealNames(key []byte, use string, names [2]string) (string, error) {
	plain := make([]byte, 0, sealedNames*nameRoom)
	for i, name := range names {
		if len(name) >= nameRoom {
			return "", ErrCursor
		}
		plain = append(append(plain, byte(len(name))), name...) //nolint:gosec // it is below nameRoom
		plain = plain[:(i+1)*nameRoom]
	}
	return sealBytes(key, use, plain)
}

// OpenNames returns what SealNames sealed, or ErrCursor where that was for another use, with another key, or by nobody.
func OpenNames(key []byte, use, sealed string) (names [2]string, err error) {
	plain, err := openBytes(key, use, sealed, sealedNames*nameRoom)
	if err != nil {
		return names, err
	}
	for i := range names {
		room := plain[i*nameRoom : (i+1)*nameRoom]
		names[i] = string(room[1 : 1+min(int(room[0]), nameRoom-1)])
	}
	return names, nil
}
