package postgres

import "time"

// SetCallTimeout lets a test wait less long for a database that does not answer.
func (s *Store) SetCallTimeout(d time.Duration) { s.callTimeout = d }

// SetRankLimit lets a test have many hits of few prompts.
func (s *Store) SetRankLimit(n int) { s.rankLimit = n }
