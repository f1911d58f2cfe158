package servicedesk

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// sightingsPerHour bounds what one connection tells of what was read; a replica may tell 1,000 in all, and what it wrote comes on top.
	sightingsPerHour = 500
	// keptSightings is of how many projects and tasks it is known what was told of them last.
	keptSightings = 5000
	// observedTitle is how long a title is where it is told, in bytes.
	observedTitle = 1000
)

// historyFields are the fields of tasks that a history has.
var historyFields = []string{"title", "status", "percent", "owner", "end"}

// sightings are what a connection told of projects and tasks that it read. What is as it was told last is not told again.
type sightings struct {
	mu   sync.Mutex
	last *simplelru.LRU[string, string]
	hour time.Time
	told int
}

// choose returns those observations that are news, as many as may be told this hour.
func (s *sightings) choose(observations []store.Observation, now time.Time) []store.Observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last, _ = simplelru.NewLRU[string, string](keptSightings, nil) // only a size below one is refused
	}
	if now.Sub(s.hour) >= time.Hour {
		s.hour, s.told = now, 0
	}
	var news []store.Observation
	for i := range observations {
		o := &observations[i]
		key, state := o.Type+" "+o.ID, o.Name
		for _, field := range append([]string{"number"}, historyFields...) {
			state += "\x00" + o.Detail[field]
		}
		wrote := o.Detail["actor"] != ""
		if before, known := s.last.Get(key); known && before == state && !wrote {
			continue
		}
		if !wrote && s.told >= sightingsPerHour {
			continue
		}
		if !wrote {
			s.told++
		}
		s.last.Add(key, state)
		news = append(news, *o)
	}
	return news
}

// tell has others know of what was met. It is a hint: without it a near title is found later, and a difference is seen by whoever looks next.
func (d *desk) tell(ctx context.Context, observations []store.Observation) {
	if d.service.projects == nil {
		return
	}
	news := d.sightings.choose(observations, time.Now())
	if len(news) == 0 {
		return
	}
	if err := d.service.projects.StoreObservations(context.WithoutCancel(ctx), d.id, news); err != nil {
		d.service.log.InfoContext(ctx, "What was met of projects could not be told", "connection", d.key, "err", err)
	}
}

// tellProjects tells of projects that were read.
func (d *desk) tellProjects(ctx context.Context, projects ...sdp.Project) {
	var observed []store.Observation
	for i := range projects {
		p := &projects[i]
		if title := excerpt.TruncateBytes(oneLine(p.Title), observedTitle); isDigits(p.ID) && title != "" {
			observed = append(observed, store.ObserveProject(store.CachedProject{ID: p.ID, Number: projectNumber(p), Title: title, Status: shortenLine(p.Status.Name)}))
		}
	}
	d.tell(ctx, observed)
}

// tellTasks tells of tasks of a project that were read or, by an actor, just written.
func (d *desk) tellTasks(ctx context.Context, project, actor string, tasks ...sdp.Task) {
	var observed []store.Observation
	for i := range tasks {
		t := &tasks[i]
		title := excerpt.TruncateBytes(oneLine(t.Title), observedTitle)
		if !isDigits(t.ID) || title == "" {
			continue
		}
		fields := map[string]string{}
		for _, known := range []struct{ of, field, value string }{
			{"status", "status", shortenLine(t.Status.Name)}, {"percentage_completion", "percent", strconv.Itoa(t.Percent)},
			{"owner", "owner", shortenLine(t.Owner.Name)}, {"scheduled_end_time", "end", formatTime(t.ScheduledEnd, time.UTC)},
		} {
			if t.Raw.Has(known.of) { // a row leaves out fields, which does not mean that they are empty
				fields[known.field] = known.value
			}
		}
		observed = append(observed, store.ObserveTask(project, t.ID, title, fields, actor))
	}
	d.tell(ctx, observed)
}

// actor is who the history of a task names: whom SDP knows them as, or else the caller's subject.
func (d *desk) actor() string {
	if me, known := d.person(); known {
		return shortenLine(me.Email)
	}
	return shortenLine(d.identity.Subject)
}
