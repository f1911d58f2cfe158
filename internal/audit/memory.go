package audit

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// memoryRows is how many rows of each kind a Memory has: about 10 MiB without payloads, which it keeps none of.
const memoryRows = 10_000

// Memory is a Writer that keeps the newest rows in memory, for as long as the process lives.
type Memory struct {
	mu    sync.Mutex
	calls ring[ToolUsage]
	sent  ring[APICall]
}

// ring is the newest rows.
type ring[T any] struct {
	rows []loggedRow[T]
	next int
}

type loggedRow[T any] struct {
	loggedAt time.Time
	row      T
}

func (r *ring[T]) add(row loggedRow[T]) {
	if len(r.rows) < memoryRows {
		r.rows = append(r.rows, row)
		return
	}
	r.rows[r.next] = row
	r.next = (r.next + 1) % memoryRows
}

// NewMemory returns a Memory without rows.
func NewMemory() *Memory { return &Memory{} }

// Append implements Writer.
func (m *Memory) Append(rows ...Row) error {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range rows {
		switch r := row.(type) {
		case *ToolUsage:
			kept := *r
			kept.Payload = Payload{}
			m.calls.add(loggedRow[ToolUsage]{now, kept})
		case *APICall:
			kept := *r
			kept.Payload = Payload{}
			m.sent.add(loggedRow[APICall]{now, kept})
		}
	}
	return nil
}

// Sync implements Writer: nothing survives the process, and there is always room.
func (m *Memory) Sync() error { return nil }

// FindToolUsage returns the calls a query asks for, the newest first.
func (m *Memory) FindToolUsage(_ context.Context, q store.UsageQuery) ([]store.UsageRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := []store.UsageRow{}
	for i := range m.calls.rows {
		one := &m.calls.rows[i]
		row := toUsageRow(one.loggedAt, &one.row)
		if isVisible(&q.Visible, &one.row) && isAskedFor(&q, &row) {
			found = append(found, row)
		}
	}
	slices.SortFunc(found, func(a, b store.UsageRow) int { return comparePlaces(b.UsagePlace, a.UsagePlace) })
	return found[:min(len(found), q.Limit)], nil
}

func comparePlaces(a, b store.UsagePlace) int {
	return cmp.Or(a.LoggedAt.Compare(b.LoggedAt), strings.Compare(a.CallID, b.CallID))
}

func toUsageRow(loggedAt time.Time, r *ToolUsage) store.UsageRow {
	return store.UsageRow{
		UsagePlace: store.UsagePlace{LoggedAt: loggedAt, CallID: r.CallID.String()}, Took: r.Took, Actor: r.Actor.Subject,
		Client: r.Client.Name, ClientVersion: r.Client.Version, Method: r.Method, Tool: r.Tool, Target: r.Target,
		Outcome: string(r.Outcome), ErrorKind: r.ErrorKind,
		Connection: store.Key{Namespace: r.Connection.Namespace, Name: r.Connection.Name}, PromptVersion: r.Prompt.Version,
	}
}

// isVisible decides as FindToolUsage of the database does.
func isVisible(scope *store.UsageScope, r *ToolUsage) bool {
	if r.Connection.Name == "" {
		return scope.Prompts.All || r.Prompt.Namespace != "" && slices.Contains(scope.Prompts.Namespaces, r.Prompt.Namespace)
	}
	key := store.Key{Namespace: r.Connection.Namespace, Name: r.Connection.Name}
	return scope.Connections.Has(key) || r.Actor.Subject == scope.Subject && r.Actor.Proof == scope.Proof && scope.OwnConnections.Has(key)
}

func isAskedFor(q *store.UsageQuery, r *store.UsageRow) bool {
	isEqual := func(wanted, value string) bool { return wanted == "" || wanted == value }
	return !r.LoggedAt.Before(q.Since) && r.LoggedAt.Before(q.Until) && isEqual(q.Actor, r.Actor) && isEqual(q.Outcome, r.Outcome) &&
		isEqual(q.CallID, r.CallID) && isEqual(q.Tool, cmp.Or(r.Tool, r.Method)) && isAbout(r.Target, q.Target) &&
		(q.Before == nil || comparePlaces(r.UsagePlace, *q.Before) < 0)
}

// isAbout reports whether a target, or one of its words, begins with what is asked for; a number that it ends with is a whole one.
func isAbout(target, wanted string) bool {
	isDigit := func(text string, at int) bool { return at >= 0 && at < len(text) && text[at] >= '0' && text[at] <= '9' }
	return wanted == "" || slices.ContainsFunc(append(strings.Split(target, " "), target), func(one string) bool {
		return strings.HasPrefix(one, wanted) && (!isDigit(wanted, len(wanted)-1) || !isDigit(one, len(wanted)))
	})
}

// ListAPICalls returns the calls of ServiceDesk Plus that were made for one, in their order.
func (m *Memory) ListAPICalls(_ context.Context, callID string, _ time.Time) ([]store.APICallRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := []store.APICallRow{}
	for i := range m.sent.rows {
		r := &m.sent.rows[i].row
		if r.CallID.String() == callID {
			calls = append(calls, store.APICallRow{
				LoggedAt: m.sent.rows[i].loggedAt, Took: r.Took, Operation: r.Operation, Target: r.Target, Attempt: r.Attempt, Status: r.Status,
				Outcome: string(r.Outcome), ErrorKind: r.ErrorKind,
			})
		}
	}
	slices.SortStableFunc(calls, func(a, b store.APICallRow) int { return a.LoggedAt.Compare(b.LoggedAt) })
	return calls, nil
}

// CountPromptUses returns which versions of prompts were used most, and by whom.
func (m *Memory) CountPromptUses(_ context.Context, q store.PromptUseQuery) ([]store.PromptUse, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	type version struct {
		key     store.Key
		version int64
		digest  string
	}
	callers := map[version]map[string]int64{}
	lastUsed := map[version]time.Time{}
	for i := range m.calls.rows {
		at, r := m.calls.rows[i].loggedAt, &m.calls.rows[i].row
		if r.Prompt.Version == 0 || r.Outcome != OutcomeSuccess || at.Before(q.Since) || !q.Scope.All && !slices.Contains(q.Scope.Namespaces, r.Prompt.Namespace) {
			continue
		}
		of := version{store.Key{Namespace: r.Prompt.Namespace, Name: r.Prompt.Name}, r.Prompt.Version, r.Prompt.Digest}
		if callers[of] == nil {
			callers[of] = map[string]int64{}
		}
		callers[of][r.Actor.Subject]++
		if at.After(lastUsed[of]) {
			lastUsed[of] = at
		}
	}
	var uses []store.PromptUse
	for of, by := range callers {
		use := store.PromptUse{Key: of.key, Version: of.version, Digest: prompt.Digest(of.digest), AllCallers: int64(len(by)), LastUsed: lastUsed[of]}
		for subject, count := range by {
			use.Uses += count
			use.Callers = append(use.Callers, store.CallerUse{Subject: subject, Uses: count})
		}
		slices.SortFunc(use.Callers, func(a, b store.CallerUse) int {
			return cmp.Or(cmp.Compare(b.Uses, a.Uses), strings.Compare(a.Subject, b.Subject))
		})
		use.Callers = use.Callers[:min(len(use.Callers), q.Callers)]
		uses = append(uses, use)
	}
	slices.SortFunc(uses, func(a, b store.PromptUse) int {
		return cmp.Or(cmp.Compare(b.Uses, a.Uses), strings.Compare(a.Key.String(), b.Key.String()), cmp.Compare(a.Version, b.Version))
	})
	return uses[:min(len(uses), q.Versions)], nil
}
