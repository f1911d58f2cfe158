package audit

import (
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Table is where a row belongs.
type Table byte

// The tables.
const (
	ToolUsageTable Table = iota
	APICallTable
	tableCount
)

// A row is encoded once, as a tuple of Postgres's binary COPY: the number of fields in 2 bytes, and each field after its length in 4, -1
// for nothing; highest byte first. What is hashed is in it: the fields from the third to the last but one.
const (
	toolUsageFields = 30
	apiCallFields   = 29

	// The first two fields are of a fixed length, and may be changed when the row is loaded.
	loggedAtOffset = 2 + 4
	clampedOffset  = loggedAtOffset + 8 + 4
	hashedOffset   = clampedOffset + 1
)

// What a field of a row may have, in bytes: a longer text is cut, and a longer payload left out.
const (
	maxName    = 512
	maxTarget  = 1024
	maxPayload = 64 << 10
	maxSealed  = 1 << 20
	maxCodes   = 64
)

type encoder struct{ bytes []byte }

func (e *encoder) addInt64(n int64) {
	e.bytes = binary.BigEndian.AppendUint32(e.bytes, 8)
	e.bytes = binary.BigEndian.AppendUint64(e.bytes, uint64(n)) //nolint:gosec // two's complement
}

func (e *encoder) addInt32(n int32) {
	e.bytes = binary.BigEndian.AppendUint32(e.bytes, 4)
	e.bytes = binary.BigEndian.AppendUint32(e.bytes, uint32(n)) //nolint:gosec // two's complement
}

func (e *encoder) addBool(b bool) {
	e.bytes = append(e.bytes, 0, 0, 0, 1, 0)
	if b {
		e.bytes[len(e.bytes)-1] = 1
	}
}

func (e *encoder) addTime(t time.Time) { e.addInt64(encodeTime(t)) }

func (e *encoder) addUUID(id uuid.UUID) {
	e.bytes = append(e.bytes, 0, 0, 0, 16)
	e.bytes = append(e.bytes, id[:]...)
}

func (e *encoder) addNull() { e.bytes = append(e.bytes, 0xff, 0xff, 0xff, 0xff) }

func (e *encoder) addBytes(b []byte) {
	e.bytes = binary.BigEndian.AppendUint32(e.bytes, uint32(len(b))) //nolint:gosec // its length is bounded
	e.bytes = append(e.bytes, b...)
}

// addText adds what a column of type text takes, and no more than limit bytes of it.
func (e *encoder) addText(text string, limit int) {
	if len(text) > limit || strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		text = cutText(text, limit)
	}
	e.bytes = binary.BigEndian.AppendUint32(e.bytes, uint32(len(text))) //nolint:gosec // its length is bounded
	e.bytes = append(e.bytes, text...)
}

// cutText returns text that a database takes: without U+0000 and what is no UTF-8, and at most limit bytes with the mark of the cut.
func cutText(text string, limit int) string {
	const mark = "…"
	text = strings.ReplaceAll(strings.ToValidUTF8(text[:min(len(text), 2*limit)], "\uFFFD"), "\x00", "\uFFFD")
	if len(text) <= limit {
		return text
	}
	end := limit - len(mark)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}

// addPayload adds both columns of a payload. One that is too long, or no text a database takes, is left out.
func (e *encoder) addPayload(p *Payload) {
	switch {
	case len(p.Redacted) == 0:
		e.addNull()
	case len(p.Redacted) > maxPayload || !utf8.Valid(p.Redacted):
		e.addBytes([]byte(leftOutPayload))
	default:
		e.addBytes(p.Redacted)
	}
	if len(p.Sealed) == 0 || len(p.Sealed) > maxSealed {
		e.addNull()
		return
	}
	e.addBytes(p.Sealed)
}

// leftOutPayload takes the place of a payload that is too long.
const leftOutPayload = `{"leftOut":"it is too long"}`

// addCodes adds an array of integers of one dimension, of none when it is empty, as Postgres itself sends it.
func (e *encoder) addCodes(codes []int32) {
	const integerType = 23
	codes = codes[:min(len(codes), maxCodes)]
	if len(codes) == 0 {
		e.bytes = append(e.bytes, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, integerType)
		return
	}
	e.bytes = binary.BigEndian.AppendUint32(e.bytes, uint32(20+8*len(codes))) //nolint:gosec // at most maxCodes
	e.bytes = append(e.bytes, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, integerType)
	e.bytes = binary.BigEndian.AppendUint32(e.bytes, uint32(len(codes))) //nolint:gosec // at most maxCodes
	e.bytes = append(e.bytes, 0, 0, 0, 1)
	for _, code := range codes {
		e.addInt32(code)
	}
}

// place is where a row is in its chain.
type place struct {
	loggedAt   time.Time
	writer     uuid.UUID
	connection string
	seq        int64
	// salt is random for the first row of a chain, which the hashes of all others come from; nil for others.
	salt []byte
}

func (e *encoder) begin(fields byte, p *place) {
	e.bytes = append(e.bytes, 0, fields)
	e.addTime(p.loggedAt)
	e.addBool(false)
	e.addUUID(p.writer)
	e.addText(p.connection, maxName)
	e.addInt64(p.seq)
}

// addRow adds all fields of a row but its hash.
func (e *encoder) addRow(row Row, p *place) {
	switch r := row.(type) {
	case *ToolUsage:
		e.addToolUsage(r, p)
	case *APICall:
		e.addAPICall(r, p)
	}
	if p.salt == nil {
		e.addNull()
		return
	}
	e.addBytes(p.salt)
}

func (e *encoder) addToolUsage(r *ToolUsage, p *place) {
	e.begin(toolUsageFields, p)
	e.addUUID(r.CallID)
	e.addTime(r.StartedAt)
	e.addInt64(r.Took.Microseconds())
	e.addText(r.Method, maxName)
	e.addText(r.Tool, maxName)
	e.addBool(r.Write)
	e.addText(r.Actor.Subject, maxName)
	e.addText(r.Actor.Proof, maxName)
	e.addText(r.Actor.OIDCClient, maxName)
	e.addText(r.Client.Name, maxName)
	e.addText(r.Client.Version, maxName)
	e.addText(r.Connection.Namespace, maxName)
	e.addText(r.Connection.Name, maxName)
	e.addText(r.Traceparent, maxName)
	e.addText(r.Target, maxTarget)
	e.addText(r.Prompt.Namespace, maxName)
	e.addText(r.Prompt.Name, maxName)
	e.addInt64(r.Prompt.Version)
	e.addText(r.Prompt.Digest, maxName)
	e.addText(string(r.Outcome), maxName)
	e.addText(r.ErrorKind, maxName)
	e.addPayload(&r.Payload)
}

func (e *encoder) addAPICall(r *APICall, p *place) {
	e.begin(apiCallFields, p)
	e.addUUID(r.ID)
	if r.CallID == uuid.Nil {
		e.addNull()
	} else {
		e.addUUID(r.CallID)
	}
	e.addTime(r.StartedAt)
	e.addInt64(r.Took.Microseconds())
	e.addText(r.Operation, maxName)
	e.addText(r.Method, maxName)
	e.addText(r.Template, maxName)
	e.addBool(r.Write)
	e.addText(r.Actor.Subject, maxName)
	e.addText(r.Actor.Proof, maxName)
	e.addText(r.Actor.OIDCClient, maxName)
	e.addText(r.Connection.Namespace, maxName)
	e.addText(r.Connection.Name, maxName)
	e.addText(r.Traceparent, maxName)
	e.addText(r.Target, maxTarget)
	e.addInt32(int32(r.Attempt)) //nolint:gosec // a few
	e.addInt32(int32(r.Status))  //nolint:gosec // three digits
	e.addCodes(r.Codes)
	e.addText(string(r.Outcome), maxName)
	e.addText(r.ErrorKind, maxName)
	e.addPayload(&r.Payload)
}

// postgresEpoch is when times of Postgres begin, in microseconds of Unix.
const postgresEpoch = 946_684_800_000_000

func encodeTime(t time.Time) int64 { return t.UnixMicro() - postgresEpoch }

func decodeTime(n int64) time.Time { return time.UnixMicro(n + postgresEpoch).UTC() }

func rowTable(row Row) Table {
	if _, is := row.(*APICall); is {
		return APICallTable
	}
	return ToolUsageTable
}

func connectionOf(row Row) string {
	switch r := row.(type) {
	case *APICall:
		return r.Connection.UID
	case *ToolUsage:
		return r.Connection.UID
	}
	return ""
}
