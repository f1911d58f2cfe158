package writetrace

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/seal"
)

// Intent is what a trace is of.
type Intent struct {
	// ConnectionUID is that of the object, ID that of the row, Mark what ends the texts that are written.
	ConnectionUID, ID, Mark string
}

// ErrForged says that nobody who has the keys encoded a trace, or not for this intent.
var ErrForged = errors.New("it was not sealed for this write")

// sealedTrace is a trace as it is stored. People read it where nobody can find out what became of a write.
type sealedTrace struct {
	sdp.WriteTrace
	Seal []byte `json:"seal"`
}

// cell is where the digest of a trace is sealed for.
func (i Intent) cell() seal.Cell {
	return seal.Cell{Table: "sdp_writes", Column: "trace", Connection: i.ConnectionUID, Row: i.ID + " " + i.Mark}
}

// digestTrace returns a digest of the JSON of a trace, which is the same however a database spells it.
func digestTrace(trace *sdp.WriteTrace) ([]byte, error) {
	encoded, err := json.Marshal(trace)
	if err != nil {
		return nil, fmt.Errorf("write a trace: %w", err)
	}
	sum := sha256.Sum256(encoded)
	return sum[:], nil
}

// Encode returns the JSON of a trace, an object, with a seal that binds it to its intent.
func Encode(keys *seal.StorageKeys, of Intent, trace *sdp.WriteTrace) ([]byte, error) {
	digest, err := digestTrace(trace)
	if err != nil {
		return nil, err
	}
	sealed, err := keys.Seal(digest, of.cell())
	if err != nil {
		return nil, fmt.Errorf("seal a trace: %w", err)
	}
	return json.Marshal(sealedTrace{*trace, sealed})
}

// Decode returns a trace of Encode. The error wraps ErrForged, or seal.ErrUnknownKey where the key that sealed it is not there: what it
// says must not be looked up.
func Decode(keys *seal.StorageKeys, of Intent, stored []byte) (sdp.WriteTrace, error) {
	var read sealedTrace
	if json.Unmarshal(stored, &read) != nil {
		return sdp.WriteTrace{}, ErrForged
	}
	sealed, err := keys.Open(read.Seal, of.cell())
	switch {
	case errors.Is(err, seal.ErrNotOpened):
		return sdp.WriteTrace{}, ErrForged
	case err != nil:
		return sdp.WriteTrace{}, fmt.Errorf("open the seal of a trace: %w", err)
	}
	digest, err := digestTrace(&read.WriteTrace)
	if err != nil || !bytes.Equal(sealed, digest) {
		return sdp.WriteTrace{}, ErrForged
	}
	return read.WriteTrace, nil
}
