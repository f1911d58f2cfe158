package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// DefaultBytes is what a catalog holds when Options do not say.
const DefaultBytes = 64 << 20

// Options of a catalog. Zero values mean the defaults.
type Options struct {
	// Bytes bounds bodies and pages together, as an estimate of the memory they take.
	Bytes int64
	// PollEvery is the time between two reads of the feed (5 s: so long another server may have taken the database's place
	// unnoticed), RetryEvery while the store is away (2 s). Between them the store has the feed read when something changed.
	PollEvery, RetryEvery time.Duration
	Log                   *slog.Logger
}

// Body is a version of a prompt, ready to render. It is shared: nobody changes it.
type Body struct {
	Key         store.Key
	Selector    prompt.Selector
	Version     int64
	Digest      prompt.Digest
	Syntax      prompt.Syntax
	Title       string
	Description string
	Arguments   []prompt.Argument
	Includes    []prompt.Included
	Exposure    store.Exposure
	// Latest is the newest version, and Production whether the default one is that channel's.
	Latest     int64
	Production bool
	Template   *prompt.Template
}

// Catalog is safe for concurrent use.
type Catalog struct {
	source Source
	opts   Options
	bodies *loadingCache[store.Key, bodyKey, *Body]
	pages  *loadingCache[pageKey, pageKey, *cachedPage]
	// namespaces has the one list of them, under struct{}{}.
	namespaces *loadingCache[struct{}, struct{}, []string]
	// wakeups has a value when a read of the feed is due.
	wakeups chan struct{}

	mu              sync.Mutex
	watchers        []func(Change)
	requestWatchers []func(id string)
	// revisionWatchers are told of revisions, those included with which no prompt changed.
	revisionWatchers []func(startedOver bool)
	feed             feedState
}

// bodyKey is what a body is kept under.
type bodyKey struct {
	key      store.Key
	selector prompt.Selector
}

// pageKey is what a page is kept under. Its limit is zero for the count of a scope.
type pageKey struct {
	all        bool
	namespaces string // joined by a character no namespace has
	after      store.Key
	limit      int
}

const separator = ","

// cachedPage is what is kept under a query: a page, or the count of a scope.
type cachedPage struct {
	page  store.ListPage
	total int64
}

// New returns an empty catalog; FollowFeed keeps it current.
func New(source Source, opts Options) *Catalog {
	if opts.Bytes == 0 {
		opts.Bytes = DefaultBytes
	}
	if opts.PollEvery == 0 {
		opts.PollEvery = 5 * time.Second
	}
	if opts.RetryEvery == 0 {
		opts.RetryEvery = 2 * time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	c := &Catalog{source: source, opts: opts, wakeups: make(chan struct{}, 1)}
	// Pages are few and live shortly: a quarter is plenty, with the list of namespaces.
	c.pages = newLoadingCache(opts.Bytes/4-opts.Bytes/32, func(q pageKey) pageKey { return q }, c.fetchPage, c.QueryTimeout)
	c.namespaces = newLoadingCache(opts.Bytes/32, func(struct{}) struct{} { return struct{}{} }, c.fetchNamespaces, c.QueryTimeout)
	c.bodies = newLoadingCache(opts.Bytes-opts.Bytes/4, func(l bodyKey) store.Key { return l.key }, c.fetchBody, c.QueryTimeout)
	return c
}

// Get returns store.ErrNotFound, store.ErrUnresolved, or an error wrapping store.ErrUnavailable
// when the store is away and the body is not in memory.
func (c *Catalog) Get(ctx context.Context, key store.Key, selector prompt.Selector) (*Body, error) {
	return c.bodies.getOrLoad(ctx, bodyKey{key: key, selector: selector})
}

// List returns a page of the listed prompts. It is shared: nobody changes it.
func (c *Catalog) List(ctx context.Context, q store.ListQuery) (*store.ListPage, error) {
	found, err := c.pages.getOrLoad(ctx, pageKey{
		all:        q.Scope.All,
		namespaces: strings.Join(q.Scope.Namespaces, separator),
		after:      q.After,
		limit:      q.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &found.page, nil
}

// Count counts the listed prompts of a scope.
func (c *Catalog) Count(ctx context.Context, scope store.Scope) (int64, error) {
	found, err := c.pages.getOrLoad(ctx, pageKey{all: scope.All, namespaces: strings.Join(scope.Namespaces, separator)})
	if err != nil {
		return 0, err
	}
	return found.total, nil
}

// ListNamespaces returns the namespaces with listed prompts, in order. The slice is shared: nobody changes it. It is kept apart
// from pages, which come and go: what a caller may list is decided by it while the store is away, too.
func (c *Catalog) ListNamespaces(ctx context.Context) ([]string, error) {
	return c.namespaces.getOrLoad(ctx, struct{}{})
}

// CursorKey returns the key that places in lists are sealed with, or an error that wraps store.ErrUnavailable before the feed
// was read for the first time.
func (c *Catalog) CursorKey() ([]byte, error) {
	feed := c.currentFeed()
	if !feed.known {
		return nil, fmt.Errorf("no key for cursors yet: %w", store.ErrUnavailable)
	}
	return feed.cursorKey, nil
}

// RetryAfter returns when asking again makes sense after an error that wraps store.ErrUnavailable.
func (c *Catalog) RetryAfter() time.Duration { return c.opts.RetryEvery }

func (c *Catalog) fetchBody(ctx context.Context, at bodyKey) (*Body, int64, error) {
	version, err := c.source.Get(ctx, at.key, at.selector)
	if err != nil {
		return nil, 0, c.ReportUnavailable(err)
	}
	template, err := prompt.NewTemplate(&version.Document)
	if err != nil {
		return nil, 0, fmt.Errorf("stored version %d of %s: %w", version.Version, at.key, err)
	}
	body := &Body{
		Key:         at.key,
		Selector:    at.selector,
		Version:     version.Version,
		Digest:      version.Digest,
		Syntax:      version.Document.Syntax,
		Title:       version.Document.Title,
		Description: version.Document.Description,
		Arguments:   version.Document.Arguments,
		Includes:    version.Includes,
		Exposure:    version.Exposure,
		Latest:      version.Latest,
		Production:  version.Production,
		Template:    template,
	}
	return body, bodyBytes(&version, template), nil
}

func (c *Catalog) fetchNamespaces(ctx context.Context, _ struct{}) ([]string, int64, error) {
	namespaces, err := c.source.ListNamespaces(ctx)
	return namespaces, namespacesBytes(namespaces), c.ReportUnavailable(err)
}

func (c *Catalog) fetchPage(ctx context.Context, q pageKey) (*cachedPage, int64, error) {
	scope := store.Scope{All: q.all}
	if q.namespaces != "" {
		scope.Namespaces = strings.Split(q.namespaces, separator)
	}
	if q.limit == 0 {
		total, err := c.source.Count(ctx, scope)
		return &cachedPage{total: total}, pageBytes(q, &store.ListPage{}), c.ReportUnavailable(err)
	}
	page, err := c.source.List(ctx, store.ListQuery{Scope: scope, After: q.after, Limit: q.limit})
	if err != nil {
		return nil, 0, c.ReportUnavailable(err)
	}
	if len(page.Prompts) == 0 && !q.all {
		return &cachedPage{page: page}, 0, nil // of a namespace that may have been guessed
	}
	return &cachedPage{page: page}, pageBytes(q, &page), nil
}
