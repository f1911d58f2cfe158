package catalogtest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
)

// Author publishes to a database of the test's own. What is embedded reads it as the role of a
// server, and is a catalog.Source.
type Author struct {
	*postgres.Store
	// Owner is how the database is reached as its owner.
	Owner postgres.Options

	tb     testing.TB
	writer *postgres.Writer
	// written counts what was published or deleted: each is a newer generation. Lives counts the
	// deletions of a key: what is made again has another UID.
	written int64
	lives   map[store.Key]int
}

// NewAuthor makes the database; it is dropped when the test ends.
func NewAuthor(tb testing.TB) *Author {
	tb.Helper()
	a := &Author{Owner: pgtest.New(tb), tb: tb, lives: make(map[store.Key]int)}
	a.Store = a.open(pgtest.ServerRole(tb, a.Owner))
	a.writer = a.open(a.Owner).Writer("cluster-1")
	a.must(a.writer.Claim(tb.Context()))
	return a
}

// Text is the spec of a prompt that is one text.
func Text(text string) prompt.Spec {
	return prompt.Spec{Messages: []prompt.Message{{Role: prompt.User, Text: text}}}
}

// Publish compiles a spec with the fragments there are and publishes it, listed and without channels
// where change does not say otherwise.
func (a *Author) Publish(key store.Key, spec prompt.Spec, change ...func(*store.Publication)) {
	a.tb.Helper()
	refs, err := prompt.References(spec)
	a.must(err)
	fragments, err := a.writer.Fragments(a.tb.Context(), key.Namespace, refs)
	a.must(err)
	compiled, err := prompt.Compile(spec, fragments)
	a.must(err)
	a.written++
	p := store.Publication{
		Key: key, Owner: store.Owner{UID: a.uid(key), Generation: a.written},
		Exposure: store.Listed, HistoryLimit: 100, Compiled: compiled,
	}
	for _, c := range change {
		c(&p)
	}
	_, err = a.writer.Publish(a.tb.Context(), p)
	if fenced, ok := errors.AsType[*store.FencedError](err); ok {
		p.Takeover = &fenced.Row // the test's object is always the live one
		_, err = a.writer.Publish(a.tb.Context(), p)
	}
	a.must(err)
}

// Delete leaves a tombstone.
func (a *Author) Delete(key store.Key) {
	a.tb.Helper()
	a.must(a.writer.Remove(a.tb.Context(), key, a.uid(key), false))
	a.lives[key]++
}

func (a *Author) uid(key store.Key) string { return fmt.Sprintf("%s-%d", key, a.lives[key]) }

func (a *Author) open(opts postgres.Options) *postgres.Store {
	a.tb.Helper()
	db, err := postgres.Open(a.tb.Context(), opts)
	a.must(err)
	a.tb.Cleanup(db.Close)
	return db
}

func (a *Author) must(err error) {
	a.tb.Helper()
	if err != nil {
		a.tb.Fatal(err)
	}
}
