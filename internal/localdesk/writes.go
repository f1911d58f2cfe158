package localdesk

import (
	"context"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
)

// limitsOf returns what the manifest of a connection says of writes through it.
func (s *Source) limitsOf(connection int64) memory.WriteLimits {
	_, row, err := s.findRow(connection)
	if err != nil {
		return memory.WriteLimits{}
	}
	return memory.WriteLimits{MayWrite: row.Settings.Access.Mode == "ReadWrite" && !row.Settings.Suspended, PerHour: row.Settings.Access.WritesPerHour}
}

// BeginWrite implements the store of a server: intents live as long as the process.
func (s *Source) BeginWrite(ctx context.Context, intent store.WriteIntent) (store.BegunWrite, error) {
	if _, _, err := s.findRow(intent.Connection); err != nil {
		return store.BegunWrite{}, err
	}
	return s.writes.BeginWrite(ctx, intent)
}

// TraceWrite implements the store of a server.
func (s *Source) TraceWrite(ctx context.Context, id string, trace []byte) error {
	return s.writes.TraceWrite(ctx, id, trace)
}

// EndWrite implements the store of a server.
func (s *Source) EndWrite(ctx context.Context, id string, end store.WriteEnd) (store.WriteOutcome, error) {
	return s.writes.EndWrite(ctx, id, end)
}

// WriteOutcome returns how an intent ended, nothing while it is open.
func (s *Source) WriteOutcome(ctx context.Context, id string) (store.WriteOutcome, error) {
	return s.writes.WriteOutcome(ctx, id)
}
