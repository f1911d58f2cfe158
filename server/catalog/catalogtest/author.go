package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// Author publishes to a database of the test's own. What is embedded reads it as the role of a
// server, and is a catalog.Source.
type Author struct {
	*postgres.Store
	// Owner is how the database is reached as its owner.
	Owner postgres.Options

	tb     testing.TB
	writer *postgres.Writer
	// mu keeps the fake controller and the test from publishing at once.
	mu sync.Mutex
	// specs are the objects, as far as a change of them matters.
	specs map[store.Key]v1alpha1.PromptSpec
	// written counts what was published or deleted: each is a newer generation. Lives counts the
	// deletions of a key: what is made again has another UID.
	written int64
	lives   map[store.Key]int
}

// NewAuthor makes a database of the test's own, which is dropped when the test ends.
func NewAuthor(tb testing.TB) *Author {
	tb.Helper()
	a := &Author{Owner: pgtest.New(tb), tb: tb, lives: make(map[store.Key]int), specs: make(map[store.Key]v1alpha1.PromptSpec)}
	a.Store = a.openStore(pgtest.AsServerRole(tb, a.Owner))
	a.writer = a.openStore(a.Owner).Writer("cluster-1")
	require.NoError(a.tb, a.writer.ClaimDatabase(tb.Context()))
	return a
}

// Text returns the spec of a prompt that is one text.
func Text(text string) prompt.Spec {
	return prompt.Spec{Messages: []prompt.Message{{Role: prompt.User, Text: text}}}
}

// Publish compiles a spec with the fragments there are and publishes it, listed and without channels
// where change does not say otherwise.
func (a *Author) Publish(key store.Key, spec prompt.Spec, change ...func(*store.Publication)) {
	a.tb.Helper()
	refs, err := prompt.IncludedRefs(spec)
	require.NoError(a.tb, err)
	fragments, err := a.writer.LoadFragments(a.tb.Context(), key.Namespace, refs)
	require.NoError(a.tb, err)
	compiled, err := prompt.Compile(spec, fragments)
	require.NoError(a.tb, err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written++
	p := store.Publication{
		Key: key, Owner: store.Owner{UID: string(a.objectUID(key)), Generation: a.written},
		Exposure: store.Listed, HistoryLimit: 100, Compiled: compiled,
	}
	for _, c := range change {
		c(&p)
	}
	_, err = a.publishTakingOver(a.tb.Context(), p)
	require.NoError(a.tb, err)
	object := promptobject.SpecFromDocument(&compiled.Document)
	object.Exposure = v1alpha1.Exposure(p.Exposure)
	for _, rule := range p.Channels {
		channel := v1alpha1.Channel{Name: rule.Name}
		if rule.Version != 0 {
			channel.Version = &rule.Version
		}
		object.Channels = append(object.Channels, channel)
	}
	a.specs[key] = object
}

// publishTakingOver publishes over whatever row there is: the test's object is always the live one.
func (a *Author) publishTakingOver(ctx context.Context, p store.Publication) (store.Published, error) {
	published, err := a.writer.Publish(ctx, p)
	if fenced, ok := errors.AsType[*store.FencedError](err); ok {
		p.Takeover = &fenced.Row
		published, err = a.writer.Publish(ctx, p)
	}
	return published, err
}

// Delete leaves a tombstone.
func (a *Author) Delete(key store.Key) {
	a.tb.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	require.NoError(a.tb, a.writeTombstone(a.tb.Context(), key))
}

func (a *Author) writeTombstone(ctx context.Context, key store.Key) error {
	if err := a.writer.Remove(ctx, key, string(a.objectUID(key)), false); err != nil {
		return err
	}
	a.lives[key]++
	delete(a.specs, key)
	return nil
}

func (a *Author) objectUID(key store.Key) types.UID {
	return types.UID(fmt.Sprintf("%s-%d", key, a.lives[key]))
}

func (a *Author) openStore(opts postgres.Options) *postgres.Store {
	a.tb.Helper()
	db, err := postgres.Open(a.tb.Context(), opts)
	require.NoError(a.tb, err)
	a.tb.Cleanup(db.Close)
	return db
}
