package audit

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strconv"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/seal"
)

// A segment is a file of frames, each a row: a header of 20 bytes, and the body. The header has the version, the flags, two zeros, the
// number of the frame from 0, the length of the body, the CRC-32C of the body, and that of the header itself. Both begin with the
// segment's id, so that nothing that a client sends can look like a frame. The body is the table's byte and the row, or the seal of
// both for this place.
const (
	frameVersion  = 1
	flagSealed    = 1
	headerSize    = 20
	maxFrameBytes = maxSealed + maxPayload + 64<<10
)

// Keys seal what is in segments, and payloads. *seal.StorageKeys implements it.
type Keys interface {
	Seal(text []byte, cell seal.Cell) ([]byte, error)
	Open(sealed []byte, cell seal.Cell) ([]byte, error)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func computeChecksum(segment uuid.UUID, part []byte) uint32 {
	return crc32.Update(crc32.Checksum(segment[:], castagnoli), castagnoli, part)
}

func frameCell(segment uuid.UUID, number uint32) seal.Cell {
	return seal.Cell{Table: "audit segment", Column: "frame", Row: segment.String() + "/" + strconv.FormatUint(uint64(number), 10)}
}

// appendFrame appends a body to out as a frame of a segment. Without keys it is not sealed.
func appendFrame(out []byte, keys Keys, segment uuid.UUID, number uint32, body []byte) ([]byte, error) {
	var flags byte
	if keys != nil {
		sealed, err := keys.Seal(body, frameCell(segment, number))
		if err != nil {
			return out, err
		}
		flags, body = flagSealed, sealed
	}
	begin := len(out)
	out = append(out, frameVersion, flags, 0, 0)
	out = binary.BigEndian.AppendUint32(out, number)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body))) //nolint:gosec // at most maxFrameBytes
	out = binary.BigEndian.AppendUint32(out, computeChecksum(segment, body))
	out = binary.BigEndian.AppendUint32(out, computeChecksum(segment, out[begin:]))
	return append(out, body...), nil
}

// segmentContent is what could be read of a segment.
type segmentContent struct {
	rows Rows
	// damaged are frames that are there and are none, or do not open; unknownKey are those of a key that is not there.
	damaged, unknownKey int
	// cut says that the last frame was not written to its end.
	cut bool
}

// readSegment reads the frames of a segment. A tail that is cut is the end: whoever wrote it never said that its row is kept. What is
// damaged elsewhere costs the frame it is in.
func readSegment(id uuid.UUID, data []byte, keys Keys) segmentContent {
	var content segmentContent
	next := uint32(0)
	for len(data) > 0 {
		header, ok := readHeader(id, data)
		if !ok || header.number < next {
			skipped := findHeader(id, data, next)
			if skipped < 0 {
				content.endWith(data)
				return content
			}
			data = data[skipped:]
			continue
		}
		if len(data) < headerSize+int(header.length) {
			content.cut = true
			return content
		}
		content.damaged += int(header.number - next)
		next = header.number + 1
		content.addFrame(id, header, data[headerSize:headerSize+int(header.length)], keys)
		data = data[headerSize+int(header.length):]
	}
	return content
}

// endWith says what the rest is after which no frame comes: the beginning of a header, zeros of a file system that had no time, or a
// damaged frame.
func (c *segmentContent) endWith(rest []byte) {
	isZero := true
	for _, b := range rest {
		isZero = isZero && b == 0
	}
	if len(rest) < headerSize || isZero {
		c.cut = true
		return
	}
	c.damaged++
}

type frameHeader struct {
	flags                   byte
	number, length, bodyCRC uint32
}

func readHeader(id uuid.UUID, data []byte) (frameHeader, bool) {
	if len(data) < headerSize || data[0] != frameVersion || computeChecksum(id, data[:headerSize-4]) != binary.BigEndian.Uint32(data[headerSize-4:]) {
		return frameHeader{}, false
	}
	h := frameHeader{
		flags: data[1], number: binary.BigEndian.Uint32(data[4:]), length: binary.BigEndian.Uint32(data[8:]), bodyCRC: binary.BigEndian.Uint32(data[12:]),
	}
	return h, h.length <= maxFrameBytes
}

// findHeader returns where the next frame begins after one that is damaged, or -1.
func findHeader(id uuid.UUID, data []byte, next uint32) int {
	for at := 1; at+headerSize <= len(data); at++ {
		if h, ok := readHeader(id, data[at:]); ok && h.number >= next {
			return at
		}
	}
	return -1
}

func (c *segmentContent) addFrame(id uuid.UUID, h frameHeader, body []byte, keys Keys) {
	if computeChecksum(id, body) != h.bodyCRC {
		c.damaged++
		return
	}
	if h.flags&flagSealed != 0 {
		if keys == nil {
			c.unknownKey++
			return
		}
		opened, err := keys.Open(body, frameCell(id, h.number))
		switch {
		case errors.Is(err, seal.ErrUnknownKey):
			c.unknownKey++
			return
		case err != nil:
			c.damaged++
			return
		}
		body = opened
	}
	if len(body) == 0 || !isTuple(Table(body[0]), body[1:]) {
		c.damaged++
		return
	}
	c.rows.add(Table(body[0]), body[1:])
}

// isTuple reports whether a row is as this program encodes it: another release may have written it.
func isTuple(table Table, tuple []byte) bool {
	fields := map[Table]byte{ToolUsageTable: toolUsageFields, APICallTable: apiCallFields}[table]
	if len(tuple) <= hashedOffset || tuple[0] != 0 || tuple[1] != fields || fields == 0 {
		return false
	}
	rest := tuple[2:]
	for range fields {
		if len(rest) < 4 {
			return false
		}
		length := int32(binary.BigEndian.Uint32(rest)) //nolint:gosec // -1 is nothing
		rest = rest[4:]
		if length < -1 || int(length) > len(rest) {
			return false
		}
		rest = rest[max(length, 0):]
	}
	return len(rest) == 0
}
