// Package storetest is what every store of prompts must do, as tests.
//
// It knows no implementation: a store passes when Run passes on it. What only a database can be asked
// (locks, roles, row versions) is tested beside that database.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// Writer is what controllers do to a store.
type Writer interface {
	LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error)
	Publish(ctx context.Context, p store.Publication) (store.Published, error)
	Remove(ctx context.Context, key store.Key, uid string, retain bool) error
	ListRows(ctx context.Context, after store.Key, limit int, quiescent time.Duration) ([]store.ComparedRow, error)
	RemoveIfUnchanged(ctx context.Context, key store.Key, fence store.Fence) (bool, error)
	PurgeTombstones(ctx context.Context, olderThan time.Duration, limit int) (int, error)
}

// Reader is what servers ask of a store.
type Reader interface {
	Feed(ctx context.Context) (store.Feed, error)
	ChangedSince(ctx context.Context, after int64, limit int) ([]store.ChangedKey, error)
	Get(ctx context.Context, key store.Key, sel prompt.Selector) (store.Version, error)
	List(ctx context.Context, q store.ListQuery) (store.ListPage, error)
	Count(ctx context.Context, scope store.Scope) (int64, error)
	ListNamespaces(ctx context.Context) ([]string, error)
	ListVersions(ctx context.Context, key store.Key, before int64, limit int) ([]store.VersionInfo, error)
}

// Subject is an empty store under test, by both its ends.
type Subject struct {
	Writer
	Reader
}

// Run runs the contract of what every server needs; open gives each test an empty store.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for name, test := range map[string]func(*testing.T, subjectTest){
		"a first publish is served whole":          testFirstPublish,
		"an equal publish changes nothing":         testEqualPublish,
		"an older text is a new version":           testOlderText,
		"properties are no versions":               testProperties,
		"odd texts are kept byte for byte":         testOddTexts,
		"what cannot be stored is refused":         testUnstorable,
		"a lost database gives the same numbers":   testLostNumbers,
		"the history limit drops the oldest":       testHistoryLimit,
		"the history is limited in bytes":          testHistoryBytes,
		"concurrent publishes of one generation":   testConcurrentPublishes,
		"concurrent generations leave the highest": testConcurrentGenerations,
		"the fence":                                  testFence,
		"a takeover is a compare-and-set":            testTakeover,
		"dump and restore with new uids":             testRestoredObjects,
		"a generation that went back":                testGenerationBack,
		"a tombstone":                                testTombstone,
		"an object deleted before its first publish": testRemovedBeforePublished,
		"a deposed leader cannot resurrect":          testResurrection,
		"retained texts are adopted":                 testRetained,
		"sweeping is a compare-and-set":              testRemoveIfUnchanged,
		"purge erases once and keeps the number":     testPurge,
		"rows in order of key":                       testListRows,
		"channels follow the rules":                  testChannels,
		"a channel without its version":              testMissingVersion,
		"the default version is production's":        testDefaultVersion,
		"since when the default version is served":   testServedSince,
		"withdrawal erases the text":                 testWithdrawal,
		"a needed version is not withdrawn":          testWithdrawalRefused,
		"a withdrawn version leaves its channel":     testWithdrawalUnderChannel,
		"fragments by every selector":                testFragments,
		"a moved fragment is not published":          testMovedFragment,
		"mutual includers publish side by side":      testMutualIncluders,
		"the feed has no gaps and is in order":       testFeedOrder,
		"lists page through what is listed":          testList,
		"namespaces are those with listed prompts":   testListNamespaces,
		"versions are a history":                     testHistory,
		"a version says what made it":                testProvenance,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, subjectTest{T: t, Subject: open(t)})
		})
	}
}

// subjectTest is a test with its store; its methods fail the test instead of returning errors.
type subjectTest struct {
	*testing.T
	Subject
	// Library is nil but in its own tests.
	Library
}

var handover = store.Key{Namespace: "support", Name: "handover"}

func keyOf(name string) store.Key { return store.Key{Namespace: "support", Name: name} }

func withText(spec prompt.Spec, text string) prompt.Spec {
	spec.Messages = []prompt.Message{{Role: prompt.User, Text: text}}
	return spec
}

// compile compiles a spec with the fragments the store has for it.
func (b subjectTest) compile(namespace string, spec prompt.Spec) *prompt.Compiled {
	b.Helper()
	refs, err := prompt.IncludedRefs(spec)
	require.NoError(b, err)
	fragments, err := b.LoadFragments(b.Context(), namespace, refs)
	require.NoError(b, err)
	c, err := prompt.Compile(spec, fragments)
	require.NoError(b, err)
	return c
}

// newPublication returns a Mustache text under an owner, as its controller would state it.
func (b subjectTest) newPublication(k store.Key, uid string, generation int64, text string) store.Publication {
	b.Helper()
	return store.Publication{
		Key: k, Owner: store.Owner{UID: uid, Generation: generation}, Exposure: store.Listed, HistoryLimit: 1000,
		Compiled: b.compile(k.Namespace, withText(prompt.Spec{Title: k.Name}, text)),
	}
}

func (b subjectTest) mustPublish(p store.Publication) store.Published {
	b.Helper()
	published, err := b.Publish(b.Context(), p)
	require.NoError(b, err)
	return published
}

func (b subjectTest) mustGet(k store.Key, sel prompt.Selector) store.Version {
	b.Helper()
	v, err := b.Get(b.Context(), k, sel)
	require.NoError(b, err)
	return v
}

// servedText returns what is served under a selector.
func (b subjectTest) servedText(k store.Key, sel prompt.Selector) string {
	b.Helper()
	return b.mustGet(k, sel).Document.Messages[0].Text
}

func (b subjectTest) currentFeed() store.Feed {
	b.Helper()
	f, err := b.Feed(b.Context())
	require.NoError(b, err)
	return f
}

func (b subjectTest) liveRow(k store.Key) store.ComparedRow {
	b.Helper()
	all, err := b.ListRows(b.Context(), store.Key{}, 1000, time.Hour)
	require.NoError(b, err)
	for _, r := range all {
		if r.Key == k {
			return r
		}
	}
	b.Fatalf("no live row %s in %+v", k, all)
	return store.ComparedRow{}
}

// requireFenced publishes what must be refused by the fence.
func (b subjectTest) requireFenced(p store.Publication) store.FencedError {
	b.Helper()
	_, err := b.Publish(b.Context(), p)
	fence, isFenced := errors.AsType[*store.FencedError](err)
	if !isFenced {
		b.Fatalf("publish of %+v: got %v, want a *store.FencedError", p.Owner, err)
	}
	return *fence
}

func (b subjectTest) requireNotServed(k store.Key, sel prompt.Selector, want error) {
	b.Helper()
	if v, err := b.Get(b.Context(), k, sel); !errors.Is(err, want) {
		b.Errorf("get %s%s: got %+v, %v, want %v", k, sel, v, err, want)
	}
}

// requireEqual compares two values; an empty slice and none are the same.
func requireEqual[T any](b subjectTest, what string, want, got T) {
	b.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		b.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func atVersion(n int64) prompt.Selector { return prompt.Selector{Version: n} }

func inChannel(name string) prompt.Selector { return prompt.Selector{Channel: name} }

var bare prompt.Selector
