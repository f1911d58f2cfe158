// Package egresstest has what tests of where credentials go are made with: a listener that nothing may reach, and names that
// resolve as a test says.
package egresstest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// Listener is an attacker's: it takes connections on the loopback, answers nothing, and counts what it hears.
type Listener struct {
	// URL is http:// with its address, and Port its port alone.
	URL, Port          string
	connections, bytes atomic.Int64
}

// Listen starts a listener until the test ends.
func Listen(t *testing.T) *Listener {
	t.Helper()
	listening, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Listener{URL: "http://" + listening.Addr().String()}
	if _, l.Port, err = net.SplitHostPort(listening.Addr().String()); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			connection, err := listening.Accept()
			if err != nil {
				return
			}
			l.connections.Add(1)
			reading.Go(func() { l.read(connection) })
		}
	})
	t.Cleanup(func() {
		_ = listening.Close()
		reading.Wait()
	})
	return l
}

// read counts what it hears, and hangs up at once.
func (l *Listener) read(connection net.Conn) {
	_ = connection.SetReadDeadline(time.Now().Add(wait.Patience))
	heard := make([]byte, 4096)
	n, _ := connection.Read(heard)
	l.bytes.Add(int64(n))
	_ = connection.Close()
}

// HeardNothing fails the test when something has reached the listener.
func (l *Listener) HeardNothing(t *testing.T) {
	t.Helper()
	if n := l.connections.Load(); n != 0 {
		t.Errorf("the attacker was reached by %d connections with %d bytes", n, l.bytes.Load())
	}
}

// NewResolver answers each question for an IPv4 address with the next of addresses, and the last one for ever.
func NewResolver(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	var asked atomic.Int64
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		serving.Go(func() {
			defer func() { _ = server.Close() }()
			var size [2]byte
			for {
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				question := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, question); err != nil {
					return
				}
				answer := answerQuestion(question, func() string { return addresses[min(int(asked.Add(1)), len(addresses))-1] })
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		})
		return client, nil
	}}
}

func answerQuestion(question []byte, next func() string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		panic(fmt.Sprintf("not one question: %v", err))
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	if asked := m.Questions[0]; asked.Type == dnsmessage.TypeA {
		if addr := netip.MustParseAddr(next()); addr.Is4() {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: asked.Type, Class: asked.Class},
				Body:   &dnsmessage.AResource{A: addr.As4()},
			}}
		}
	}
	answer, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return answer
}
