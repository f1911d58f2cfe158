package catalog

import (
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// overhead and bodyOverhead estimate what a page and a body take beside what is in them: structs, map
// and list cells. A test holds the estimates against the heap.
const (
	overhead     = 512
	bodyOverhead = 800
)

// bodyBytes estimates what a body takes. It counts texts once: a template's pieces are parts of them.
func bodyBytes(v *store.Version, t *prompt.Template) int64 {
	n := bodyOverhead + t.Overhead() + len(v.Document.Title) + len(v.Document.Description) + len(v.Key.Namespace) + len(v.Key.Name) + 64*len(v.Includes)
	for _, m := range v.Document.Messages {
		n += len(m.Text)
	}
	return int64(n + argumentBytes(v.Document.Arguments))
}

// pageBytes estimates what a page takes with its key, which of a caller with rights in many namespaces is the larger part.
func pageBytes(q pageKey, page *store.ListPage) int64 {
	n := overhead + len(q.namespaces) + len(q.after.Namespace) + len(q.after.Name)
	for i := range page.Prompts {
		p := &page.Prompts[i]
		n += 128 + len(p.Key.Namespace) + len(p.Key.Name) + len(p.Title) + len(p.Description) + argumentBytes(p.Arguments)
	}
	return int64(n)
}

func namespacesBytes(namespaces []string) int64 {
	n := overhead
	for _, namespace := range namespaces {
		n += 16 + len(namespace)
	}
	return int64(n)
}

func argumentBytes(arguments []prompt.Argument) int {
	n := 0
	for i := range arguments {
		a := &arguments[i]
		n += 128 + len(a.Name) + len(a.Description)
		if a.Default != nil {
			n += len(*a.Default)
		}
		for _, value := range a.Enum {
			n += 16 + len(value)
		}
	}
	return n
}

// Usage is what a part of the catalog holds, and how often it was and was not there.
type Usage struct {
	Bytes        int64
	Entries      int
	Hits, Misses uint64
}

// Stats is the state of a catalog.
type Stats struct {
	Bodies, Pages Usage
	Revision      int64
	// Read is when the feed was last read; zero when never.
	Read time.Time
}

// Stats returns a snapshot for metrics.
func (c *Catalog) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Bodies:   c.bodies.currentUsage(),
		Pages:    c.pages.currentUsage(),
		Revision: c.feed.at.Revision,
		Read:     c.feed.read,
	}
}
