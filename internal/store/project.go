package store

import (
	"maps"
	"time"
)

// CachedProject is a project of ServiceDesk Plus as it was last seen.
type CachedProject struct {
	// ID is internal, Number as people write it: PJT-12.
	ID, Number, Title, Status string
	// Observed says that a server met it, and the controller has not read it.
	Observed bool
}

// ProjectRead is what a controller read of the projects of a connection.
type ProjectRead struct {
	// Source is which ServiceDesk Plus they are of.
	Source string
	// Projects are the newest of them, and all where it IsWhole.
	Projects []CachedProject
	IsWhole  bool
	// ReadAt is when the first page was read.
	ReadAt time.Time
}

// ProjectCacheState is how the projects of a connection stand; zero where they were never read.
type ProjectCacheState struct {
	Source   string
	Projects int
	ReadAt   time.Time
}

// MaxCachedProjects is how many projects of a connection are kept.
const MaxCachedProjects = 2000

// TaskChange is something that became of a task of a project.
type TaskChange struct {
	TaskID, Title string
	// Field is title, status, percent, owner or end.
	Field string
	// Before is nil for what was made.
	Before *string
	After  string
	// Actor is who changed it through Lectern; empty where somebody else did, and a server saw it.
	Actor string
	At    time.Time
}

// The types of observations that are no entries of lists.
const (
	projectObservation = "project"
	taskObservation    = "task"
)

// IsProject reports whether a project was met, and IsTask whether a task was.
func (o *Observation) IsProject() bool { return o.Type == projectObservation }

// IsTask reports whether the state of a task was met.
func (o *Observation) IsTask() bool { return o.Type == taskObservation }

// ObserveProject returns the observation of a project.
func ObserveProject(p CachedProject) Observation {
	return Observation{Type: projectObservation, ID: p.ID, Name: p.Title, Detail: map[string]string{"number": p.Number, "status": p.Status}}
}

// ObserveTask returns the observation of a task of a project: what its fields are, by the names that TaskChange has. The actor is who
// has just changed it through Lectern; empty for one that was read.
func ObserveTask(project, id, title string, fields map[string]string, actor string) Observation {
	o := Observation{Type: taskObservation, ParentID: project, ID: id, Name: title, Detail: map[string]string{"title": title}}
	maps.Copy(o.Detail, fields)
	if actor != "" {
		o.Detail["actor"] = actor
	}
	return o
}
