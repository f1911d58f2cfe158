package server

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// statementCounter stands between a server and its database and counts what is executed, by the names of the queries. It reads
// the frontend's messages (Postgres, message formats): what the server really sends, whoever in it does.
type statementCounter struct {
	listener net.Listener
	upstream string

	mu    sync.Mutex
	count map[string]int
	// open are the connections of the server; none is taken while it is cut off.
	open map[net.Conn]struct{}
	cut  bool
}

func newStatementCounter(t *testing.T, upstream string) *statementCounter {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &statementCounter{listener: listener, upstream: upstream, count: make(map[string]int), open: make(map[net.Conn]struct{})}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { c.relay(client) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return c
}

func (c *statementCounter) address() string { return c.listener.Addr().String() }

// take returns what was executed since the last time, without what follows the feed.
func (c *statementCounter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counted := c.count
	c.count = make(map[string]int)
	maps.DeleteFunc(counted, func(name string, _ int) bool {
		switch name {
		case "ReadFeed", "ChangedSince", "SendProbe", "DescribeSession", "SchemaVersion", "ReadCursorKey", "":
			return true
		}
		return false
	})
	return counted
}

// cutOff ends all connections, and every new one at once: the database is away.
func (c *statementCounter) cutOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for client := range c.open {
		_ = client.Close()
	}
}

func (c *statementCounter) admit(client net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cut {
		c.open[client] = struct{}{}
	}
	return !c.cut
}

func (c *statementCounter) forget(client net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, client)
}

// relay passes everything on until either end closes.
func (c *statementCounter) relay(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !c.admit(client) {
		return
	}
	defer c.forget(client)
	database, err := net.Dial("tcp", c.upstream)
	if err != nil {
		return
	}
	defer func() { _ = database.Close() }()
	go func() { _, _ = io.Copy(client, database); _ = client.Close() }()
	_ = c.readMessages(bufio.NewReader(client), database)
}

func (c *statementCounter) readMessages(from *bufio.Reader, to io.Writer) error {
	for started := false; !started; { // these have no type
		message, err := copyMessage(from, to, nil)
		if err != nil {
			return err
		}
		started = binary.BigEndian.Uint32(message) == 3<<16
	}
	prepared, bound := make(map[string]string), ""
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return err
		}
		message, err := copyMessage(from, to, []byte{kind})
		if err != nil {
			return err
		}
		switch first, rest, _ := strings.Cut(string(message), "\x00"); kind {
		case 'P': // Parse: name, query
			prepared[first] = nameOfQuery(rest)
		case 'B': // Bind: portal, statement
			statement, _, _ := strings.Cut(rest, "\x00")
			bound = prepared[statement]
		case 'E':
			c.add(bound)
		case 'Q':
			c.add(nameOfQuery(first))
		}
	}
}

func (c *statementCounter) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[name]++
}

// copyMessage passes a message on behind its type, and returns what is in it.
func copyMessage(from io.Reader, to io.Writer, kind []byte) ([]byte, error) {
	length := make([]byte, 4)
	if _, err := io.ReadFull(from, length); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length)
	if n < 4 {
		return nil, errors.New("a message without its length")
	}
	message := make([]byte, n-4)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, err
	}
	_, err := to.Write(append(append(kind, length...), message...))
	return message, err
}

var queryName = regexp.MustCompile(`^-- name: (\w+)`)

// nameOfQuery returns the name of one of the store's queries, and nothing for others.
func nameOfQuery(sql string) string {
	if found := queryName.FindStringSubmatch(sql); found != nil {
		return found[1]
	}
	return ""
}
