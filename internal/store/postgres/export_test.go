package postgres

import "time"

// SetCallTimeout lets a test wait less long for a database that does not answer.
func (s *Store) SetCallTimeout(d time.Duration) { s.callTimeout = d }

// SetManyHits lets a test have many hits of few prompts.
func (s *Store) SetManyHits(n int) { s.manyHits = n }
