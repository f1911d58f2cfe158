package transporttest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/server/auth"
)

// Console is a client that started the server: what it writes the server reads.
type Console struct {
	io.WriteCloser
	Out   *io.PipeReader
	Lines *bufio.Reader
	// asked has what is known of requests, by id.
	asked map[string][2]string
	// End ends the server, and ended is what it returned.
	End   context.CancelFunc
	ended chan error
}

// OnPipes is what can be served over pipes.
type OnPipes interface {
	ServeStdio(ctx context.Context, identity auth.Identity, namespace string, in io.Reader, out io.Writer) error
}

// Start connects a console to a server by pipes, until the test ends.
func Start(tb testing.TB, server OnPipes, namespace string) *Console {
	tb.Helper()
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	c := &Console{WriteCloser: in, Out: out, Lines: bufio.NewReader(out), asked: make(map[string][2]string), End: cancel, ended: make(chan error, 1)}
	go func() {
		c.ended <- server.ServeStdio(ctx, auth.Identity{Subject: "local:anna"}, namespace, stdin, stdout)
	}()
	tb.Cleanup(func() {
		cancel()
		_ = in.Close()
		_ = out.Close()
	})
	return c
}

// Say writes lines.
func (c *Console) Say(tb testing.TB, lines ...string) {
	tb.Helper()
	for _, line := range lines {
		c.SayPart(tb, line+"\n")
	}
}

// SayPart writes a line that may lack its end.
func (c *Console) SayPart(tb testing.TB, line string) {
	tb.Helper()
	if id := MessageID([]byte(line)); id != "" {
		method, revision := RequestInfo(nil, []byte(line))
		c.asked[id] = [2]string{method, revision}
	}
	if _, err := io.WriteString(c, line); err != nil {
		tb.Fatal(err)
	}
}

// Next returns the next line; empty at the end.
func (c *Console) Next(tb testing.TB) string {
	tb.Helper()
	defer time.AfterFunc(Patience, func() { _ = c.Out.CloseWithError(fmt.Errorf("nothing for %s", Patience)) }).Stop()
	line, err := c.Lines.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		tb.Fatal(err)
	}
	line = strings.TrimSuffix(line, "\n")
	if line == "" {
		return ""
	}
	asked, known := c.asked[MessageID([]byte(line))]
	if !known {
		asked = [2]string{"", Older}
		if strings.Contains(line, "subscriptionId") {
			asked[1] = Newest
		}
	}
	if err := Official().Check(asked[1], asked[0], []byte(line)); err != nil {
		tb.Errorf("the answer to %s breaks the schema\n%s\n%v", asked[0], line, err)
	}
	return line
}

// MessageID returns the id of a message as it is written; empty without one.
func MessageID(message []byte) string {
	var identified struct{ ID json.RawMessage }
	_ = json.Unmarshal(message, &identified) // what is no message has none
	return string(identified.ID)
}

// Wait returns what the server returned at its end.
func (c *Console) Wait(tb testing.TB) string {
	tb.Helper()
	select {
	case err := <-c.ended:
		return fmt.Sprint(err)
	case <-time.After(Patience):
		tb.Fatal("the server does not end")
		return ""
	}
}

// Initialize is how an older client begins.
const Initialize = `{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`

// Deep is so many lists in each other.
func Deep(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

// Same fails the test when a text is not the one that is wanted.
func Same(tb testing.TB, want, got string) {
	tb.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("(-want +got)\n%s", diff)
	}
}
