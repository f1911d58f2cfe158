package plan

import (
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Row is a prompt as a publish finds it, and while nobody else may change it. Where there was none before it has
// the publication's owner and no revision.
type Row struct {
	State

	Labels         map[string]string
	Exposure       store.Exposure
	Retain         bool
	HistoryLimit   int32
	Highest        int64
	Digest         prompt.Digest
	Default        int64
	Channels       map[string]int64
	Served         []int64         // descending
	Bytes          map[int64]int64 // of the texts of those
	Withdrawn      []int64         // descending
	NewestIncludes []prompt.Included
	// ServedSince is when Default became what callers get; zero while nothing is served.
	ServedSince time.Time
}
