package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"golang.org/x/sync/errgroup"
)

// The two eras of MCP a request can be of.
const (
	modernEra = "modern"
	legacyEra = "legacy"
)

// rpcMessage returns a request of MCP. The params are JSON members.
func rpcMessage(era, method, params string) string {
	if era == modernEra {
		if params != "" {
			params += ","
		}
		params += fmt.Sprintf(`"_meta":{%q:%q,"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},%q:{}}`,
			mcp.MetaKeyProtocolVersion, mcp.ProtocolVersion20260728, mcp.MetaKeyClientCapabilities)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":%q,"params":{%s}}`, method, params)
}

// httpRequest returns the whole HTTP request for a message, as it goes over the wire. The name is that of a
// prompt, or empty.
func httpRequest(era, method, name, params string) []byte {
	version, headers := "2025-11-25", ""
	if era == modernEra {
		version, headers = mcp.ProtocolVersion20260728, "Mcp-Method: "+method+"\r\n"
		if name != "" {
			headers += "Mcp-Name: " + name + "\r\n"
		}
	}
	body := rpcMessage(era, method, params)
	return fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n"+
		"Accept: application/json, text/event-stream\r\nMcp-Protocol-Version: %s\r\n%sContent-Length: %d\r\n\r\n%s",
		version, headers, len(body), body)
}

// load is what clients ask of a server, each over a connection of its own that it keeps.
type load struct {
	address  string
	clients  int
	requests [][]byte
}

// askFor asks for a while, once at least, and returns how many answers came. An answer that is no result is an error.
func (l load) askFor(ctx context.Context, d time.Duration) (int, error) {
	counts := make([]int, l.clients)
	until := time.Now().Add(d)
	group, ctx := errgroup.WithContext(ctx)
	for client := range counts {
		group.Go(func() error {
			c, err := dial(ctx, l.address)
			if err != nil {
				return err
			}
			defer c.Close() //nolint:errcheck // nothing is buffered for writing
			for at := client; at == client || time.Now().Before(until); at += l.clients {
				if err := c.ask(l.requests[at%len(l.requests)]); err != nil {
					return fmt.Errorf("ask %s: %w", l.address, err)
				}
				counts[client]++
			}
			return nil
		})
	}
	total := 0
	err := group.Wait()
	for _, count := range counts {
		total += count
	}
	return total, err
}

// askOnce sends the first request and returns the answer's body.
func (l load) askOnce(ctx context.Context) ([]byte, error) {
	c, err := dial(ctx, l.address)
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // nothing is buffered for writing
	if err := c.ask(l.requests[0]); err != nil {
		return nil, fmt.Errorf("ask %s: %w", l.address, err)
	}
	return bytes.Clone(c.answer.Bytes()), nil
}

// connection is a client that costs next to nothing: it writes what is ready and reads the answer.
type connection struct {
	net.Conn
	reader *bufio.Reader
	answer bytes.Buffer
}

const patience = 30 * time.Second

func dial(ctx context.Context, address string) (*connection, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, reader: bufio.NewReaderSize(conn, 64<<10)}, nil
}

func (c *connection) ask(request []byte) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	c.answer.Reset()
	if _, err := io.Copy(&c.answer, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s: %s", response.Status, c.answerStart())
	}
	if !bytes.Contains(c.answer.Bytes(), []byte(`"result":`)) {
		return errors.New("no result: " + c.answerStart())
	}
	if bytes.Contains(c.answer.Bytes(), []byte(`"isError":true`)) {
		return errors.New("a tool refused: " + c.answerStart())
	}
	return nil
}

func (c *connection) answerStart() string { return strings.ToValidUTF8(string(c.answer.Next(300)), "") }

// sample is what an answer cost: processor seconds of the server, and the time between answers.
type sample struct{ processor, elapsed float64 }

// measureLoad loads the process for a while.
func (l load) measureLoad(ctx context.Context, pid int, d time.Duration) (sample, error) {
	before, err := processorTime(pid)
	if err != nil {
		return sample{}, err
	}
	began := time.Now()
	answers, err := l.askFor(ctx, d)
	if err != nil {
		return sample{}, err
	}
	elapsed := time.Since(began).Seconds()
	after, err := processorTime(pid)
	if err != nil {
		return sample{}, err
	}
	return sample{processor: (after - before) / float64(answers), elapsed: elapsed / float64(answers)}, nil
}
