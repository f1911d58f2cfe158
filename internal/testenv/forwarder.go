package testenv

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
)

// Forwarder is an address that leads to a server and can be moved to another one, as a virtual address or a Service is:
// connections that are there stay where they are.
type Forwarder struct {
	listener net.Listener
	ended    sync.WaitGroup

	mu      sync.Mutex
	target  string
	open    map[net.Conn]struct{}
	stopped bool
}

// StartForwarder leads to the server of a URL.
func StartForwarder(to string) (*Forwarder, error) {
	listener, err := listenOnLoopback(0)
	if err != nil {
		return nil, fmt.Errorf("start a forwarder: %w", err)
	}
	f := &Forwarder{listener: listener, open: map[net.Conn]struct{}{}}
	f.Move(to)
	f.ended.Go(f.acceptAll)
	return f, nil
}

// Move leads new connections to the server of another URL.
func (f *Forwarder) Move(to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = replaceHost(to, "").Host
}

// Route returns the URL by which the same database is reached through the forwarder.
func (f *Forwarder) Route(to string) string {
	return replaceHost(to, f.listener.Addr().String()).String()
}

// replaceHost returns a URL with another host; its own when it is empty.
func replaceHost(text, host string) *url.URL {
	at, err := url.Parse(text)
	if err != nil {
		panic(err) // it was connected to
	}
	if host != "" {
		at.Host = host
	}
	return at
}

// Stop ends the forwarder and all its connections.
func (f *Forwarder) Stop() error {
	err := f.listener.Close()
	f.mu.Lock()
	f.stopped = true
	for conn := range f.open {
		_ = conn.Close()
	}
	f.mu.Unlock()
	f.ended.Wait()
	return err
}

func (f *Forwarder) acceptAll() {
	for {
		client, err := f.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		f.mu.Lock()
		target := f.target
		f.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			_ = client.Close()
			continue
		}
		if !f.keepOpen(client, server) {
			return
		}
		f.ended.Go(func() { f.forward(client, server) })
		f.ended.Go(func() { f.forward(server, client) })
	}
}

// keepOpen has Stop end two connections. Those that were accepted while it began are ended at once.
func (f *Forwarder) keepOpen(client, server net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		_, _ = client.Close(), server.Close()
		return false
	}
	f.open[client], f.open[server] = struct{}{}, struct{}{}
	return true
}

// forward passes bytes on until one side ends, and ends both.
func (f *Forwarder) forward(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	_ = from.Close()
	_ = to.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, from)
	delete(f.open, to)
}
