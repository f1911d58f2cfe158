package store

import "time"

// TableSize is how large a table is: its bytes with indexes and what is stored beside the rows, and how many rows the server counted
// that are there, and that are dead and not vacuumed yet.
type TableSize struct {
	Name                   string
	Bytes                  int64
	LiveTuples, DeadTuples int64
}

// OpenChanges are the change requests that are not final: how many, and how long the oldest is open.
type OpenChanges struct {
	Count  int64
	Oldest time.Duration
}
