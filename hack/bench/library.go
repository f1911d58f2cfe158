package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/bulk"
)

// library is a database of its own with many prompts, and a server on it.
type library struct {
	bulk.Set
	binary  string // the lectern that serves it
	url     string
	address string
	metrics string
	server  string // its name in the stack
	pid     int
	store   *postgres.Store
}

// The smallest catalog there is has no room for a page of the list; the largest wanted here has room
// for everything.
const (
	smallestCatalog = 1 << 20
	roomyCatalog    = 512 << 20
)

// openLibrary opens a database with so many prompts, filled once a run, and starts a server on it.
func (b *bench) openLibrary(ctx context.Context, prompts, catalogBytes int) (*library, error) {
	return b.openLibraryOf(ctx, b.stack.Binary, prompts, catalogBytes)
}

// openLibraryOf does that with a server of another binary.
func (b *bench) openLibraryOf(ctx context.Context, binary string, prompts, catalogBytes int) (*library, error) {
	l := &library{binary: binary, Set: bulk.Set{Prompts: prompts, Words: 150}}
	name := fmt.Sprintf("bench_%d_%d", os.Getpid(), prompts)
	url, filled := b.filled[prompts]
	if !filled {
		b.say("Filling a database with %d prompts.", prompts)
		var err error
		if url, err = l.CreateDatabase(ctx, b.stack, name); err != nil {
			return nil, err
		}
		b.filled[prompts] = url
	}
	l.url = url
	var err error
	if l.store, err = postgres.Open(ctx, postgres.Options{URL: l.url}); err != nil {
		return nil, err
	}
	return l, b.startServer(ctx, l, catalogBytes)
}

// closeLibrary ends the server and leaves the database to those who measure next.
func (b *bench) closeLibrary(l *library) {
	b.stack.Terminate(l.server)
	l.store.Close()
}

func (b *bench) startServer(ctx context.Context, l *library, catalogBytes int) error {
	port, err := testenv.FreePort()
	if err != nil {
		return err
	}
	probe, err := testenv.FreePort()
	if err != nil {
		return err
	}
	l.address, l.metrics = fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("http://127.0.0.1:%d/metrics", probe)
	l.server = fmt.Sprintf("server on %d prompts at %d", l.Prompts, port)
	file := filepath.Join(b.stack.Dir, fmt.Sprintf("library-%d.url", port))
	if err := os.WriteFile(file, []byte(l.url), 0o600); err != nil {
		return err
	}
	if err := b.stack.StartProcess(ctx, testenv.Process{
		Name: l.server, Path: l.binary, Ready: fmt.Sprintf("http://127.0.0.1:%d/readyz", probe),
		Args: []string{"server", "--address=" + l.address, fmt.Sprintf("--metrics-address=127.0.0.1:%d", probe),
			"--database-url-file=" + file, fmt.Sprintf("--catalog-bytes=%d", catalogBytes)},
	}); err != nil {
		return err
	}
	l.pid = b.stack.Pid(l.server)
	return nil
}
