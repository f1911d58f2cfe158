package servicedesk

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/lectern-dev/lectern/internal/store"
)

// keptChanges is of how many changes of tasks a process remembers of a connection, and keptTasks of how many tasks what they were.
const (
	keptChanges = 500
	keptTasks   = 2000
)

// ProjectMemory is a ProjectStore of one process: it knows the newest projects, which a tool reads that needs them, and what tools met
// since the process began.
type ProjectMemory struct {
	mu sync.Mutex
	of map[int64]*rememberedProjects
}

// rememberedProjects are those of one connection.
type rememberedProjects struct {
	state    store.ProjectCacheState
	projects *simplelru.LRU[string, store.CachedProject]
	// tasks has the fields of tasks as they were last met, changes what became of those, by project.
	tasks   *simplelru.LRU[string, map[string]string]
	changes []projectChange
}

type projectChange struct {
	project string
	store.TaskChange
}

// NewProjectMemory makes a ProjectMemory that knows nothing yet.
func NewProjectMemory() *ProjectMemory {
	return &ProjectMemory{of: map[int64]*rememberedProjects{}}
}

// connection returns what is remembered of one. The lock is held.
func (m *ProjectMemory) connection(id int64) *rememberedProjects {
	known := m.of[id]
	if known == nil {
		projects, err := simplelru.NewLRU[string, store.CachedProject](store.MaxCachedProjects, nil)
		tasks, errTasks := simplelru.NewLRU[string, map[string]string](keptTasks, nil)
		if err != nil || errTasks != nil {
			panic("only a size below one is refused")
		}
		known = &rememberedProjects{projects: projects, tasks: tasks}
		m.of[id] = known
	}
	return known
}

// ReadProjectCache implements ProjectStore.
func (m *ProjectMemory) ReadProjectCache(_ context.Context, connection int64) (store.ProjectCacheState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.connection(connection).state, nil
}

// CachedProjects implements ProjectStore.
func (m *ProjectMemory) CachedProjects(_ context.Context, connection int64) ([]store.CachedProject, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.connection(connection).projects.Values(), nil
}

// ReplaceProjects remembers projects as they were read.
func (m *ProjectMemory) ReplaceProjects(connection int64, read store.ProjectRead) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.connection(connection)
	if read.IsWhole || read.Source != known.state.Source {
		known.projects.Purge()
	}
	for _, p := range read.Projects {
		known.projects.Add(p.ID, p)
	}
	known.state = store.ProjectCacheState{Source: read.Source, Projects: len(read.Projects), ReadAt: read.ReadAt}
}

// StoreObservations implements ProjectStore.
func (m *ProjectMemory) StoreObservations(_ context.Context, connection int64, observations []store.Observation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.connection(connection)
	for i := range observations {
		o := &observations[i]
		switch {
		case o.IsProject():
			known.projects.Add(o.ID, store.CachedProject{ID: o.ID, Number: o.Detail["number"], Title: o.Name, Status: o.Detail["status"], Observed: true})
		case o.IsTask():
			known.noteTask(o, time.Now())
		}
	}
	return nil
}

// noteTask remembers what differs of a task from what it was.
func (r *rememberedProjects) noteTask(o *store.Observation, at time.Time) {
	before, _ := r.tasks.Get(o.ID)
	after := map[string]string{}
	for _, field := range historyFields {
		value, has := o.Detail[field]
		old, was := before[field]
		if !has {
			if was {
				after[field] = old
			}
			continue
		}
		after[field] = value
		if was && old == value || !was && o.Detail["actor"] == "" {
			continue
		}
		change := store.TaskChange{TaskID: o.ID, Title: o.Name, Field: field, After: value, Actor: o.Detail["actor"], At: at}
		if was {
			change.Before = &old
		}
		r.changes = append(r.changes, projectChange{o.ParentID, change})
	}
	r.tasks.Add(o.ID, after)
	if over := len(r.changes) - keptChanges; over > 0 {
		r.changes = append([]projectChange(nil), r.changes[over:]...)
	}
}

// TaskHistory implements ProjectStore.
func (m *ProjectMemory) TaskHistory(_ context.Context, connection int64, project string, limit int) ([]store.TaskChange, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changes := m.connection(connection).changes
	var found []store.TaskChange
	for i := len(changes) - 1; i >= 0 && len(found) < limit; i-- {
		if changes[i].project == project {
			found = append(found, changes[i].TaskChange)
		}
	}
	return found, nil
}

// titleClaimTime is how long a title is claimed: for as long as ServiceDesk Plus may take to carry out what it was sent.
const titleClaimTime = 2 * time.Minute

// TitleMemory has one call of a process at a time make a project of a title. It implements TitleClaims.
type TitleMemory struct {
	mu     sync.Mutex
	claims map[claimedTitle]titleClaim
}

type claimedTitle struct {
	connection int64
	digest     [32]byte
}

type titleClaim struct {
	id      uuid.UUID
	expires time.Time
}

// NewTitleMemory makes a TitleMemory without claims.
func NewTitleMemory() *TitleMemory { return &TitleMemory{claims: map[claimedTitle]titleClaim{}} }

// ClaimProjectTitle implements TitleClaims.
func (m *TitleMemory) ClaimProjectTitle(_ context.Context, connection int64, digest [32]byte, claim uuid.UUID) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for title, other := range m.claims {
		if !now.Before(other.expires) {
			delete(m.claims, title)
		}
	}
	title := claimedTitle{connection, digest}
	if other, is := m.claims[title]; is && other.id != claim {
		return false, nil
	}
	m.claims[title] = titleClaim{claim, now.Add(titleClaimTime)}
	return true, nil
}

// ReleaseProjectTitle implements TitleClaims.
func (m *TitleMemory) ReleaseProjectTitle(_ context.Context, connection int64, digest [32]byte, claim uuid.UUID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if title := (claimedTitle{connection, digest}); m.claims[title].id == claim {
		delete(m.claims, title)
	}
	return nil
}
