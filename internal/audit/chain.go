package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	hashSize = sha256.Size
	saltSize = 16
)

// chains are the rows of one process, one chain for each connection and one for what concerns none: retention takes the beginning of a
// chain, so that whatever is missing in the middle was lost or taken away.
//
// The hash of a row is the SHA-256 of the hash of the row before, 32 zero bytes for the first, and of the SHA-256 of the row. The first
// has a salt, which no server can read again: so none computes how another's chain ends, though it reads all that was audited.
type chains struct {
	writer uuid.UUID
	heads  map[string]*chainHead
	// newest keeps times from going back: retention takes rows by their time.
	newest time.Time
	// pending are the heads as they are once the rows that were just encoded are stored.
	pending []pendingHead
}

type chainHead struct {
	seq  int64
	hash [hashSize]byte
}

type pendingHead struct {
	connection string
	head       chainHead
}

func newChains() *chains {
	return &chains{writer: NewID(), heads: map[string]*chainHead{}}
}

// appendRow appends an encoded row to what e has, as the next one of its chain. It takes its place once commit is called.
func (c *chains) appendRow(e *encoder, row Row, now time.Time) {
	if now.Before(c.newest) {
		now = c.newest
	}
	c.newest = now
	connection := connectionOf(row)
	head := c.nextHead(connection)
	begin := len(e.bytes)
	at := place{loggedAt: now, writer: c.writer, connection: connection, seq: head.seq + 1}
	if at.seq == 1 {
		at.salt = make([]byte, saltSize)
		_, _ = rand.Read(at.salt) // it never fails
	}
	e.addRow(row, &at)
	head.seq++
	head.hash = chainHash(head.hash, e.bytes[begin+hashedOffset:])
	e.addBytes(head.hash[:])
	c.pending = append(c.pending, pendingHead{connection, head})
}

func (c *chains) nextHead(connection string) chainHead {
	for _, v := range slices.Backward(c.pending) {
		if v.connection == connection {
			return v.head
		}
	}
	if head := c.heads[connection]; head != nil {
		return *head
	}
	return chainHead{}
}

// commit has the rows that were encoded since be rows of their chains; rollback has them never have been.
func (c *chains) commit() {
	for _, p := range c.pending {
		if head := c.heads[p.connection]; head != nil {
			*head = p.head
			continue
		}
		c.heads[p.connection] = &chainHead{p.head.seq, p.head.hash}
	}
	c.pending = c.pending[:0]
}

func (c *chains) rollback() { c.pending = c.pending[:0] }

func chainHash(previous [hashSize]byte, hashed []byte) [hashSize]byte {
	own := sha256.Sum256(hashed)
	var both [2 * hashSize]byte
	copy(both[:], previous[:])
	copy(both[hashSize:], own[:])
	return sha256.Sum256(both[:])
}

// loggedAtOf returns when an encoded row was written.
func loggedAtOf(tuple []byte) time.Time {
	return decodeTime(int64(binary.BigEndian.Uint64(tuple[loggedAtOffset:]))) //nolint:gosec // two's complement
}
