package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// newestProjects is how many projects are read for servers to find near titles among.
	newestProjects = 500
	// projectList is what conditions call them beside the lists.
	projectList sdp.LookupType = "projects"
)

// partialProjects are projects of which the pages before next are read.
type partialProjects struct {
	from     store.Address
	projects []store.CachedProject
	next     int
	begunAt  time.Time
}

// refreshProjects reads the newest projects when they are due, after every list, as far as there are turns now.
func (p *pass) refreshProjects(ctx context.Context) error {
	if !slices.Contains(connectionobject.Toolsets(&p.c.Spec), v1alpha1.ToolsetProjects) || p.pending {
		return nil
	}
	state, err := p.Rates.ReadProjectCache(ctx, p.id)
	if err != nil {
		return err
	}
	isDue := state.Source != projectSource(p.address()) || !p.Clock.Now().Before(state.ReadAt.Add(connectionobject.LookupInterval(&p.c.Spec)))
	if isDue && !p.isUnreadable(projectList) {
		if err := p.readDueProjects(ctx); err != nil {
			return err
		}
		p.pending = p.memory.projects != nil // the rest of them waits for its turn
	}
	if p.isUnreadable(projectList) {
		p.unread = append(p.unread, fmt.Sprintf("%s (%s)", projectList, p.memory.unreadable[projectList].reason))
	}
	return nil
}

// projectSource names a ServiceDesk Plus in the cache.
func projectSource(of store.Address) string {
	return strings.Join([]string{of.Edition, of.APIURL, of.Portal}, " ")
}

// readDueProjects reads projects as lists are read: nobody waits for them, and what is urgent goes first.
func (p *pass) readDueProjects(ctx context.Context) error {
	client, err := p.openForLists()
	if err != nil {
		return err
	}
	err = p.readProjects(ctx, client, p.Clock.Now().Add(lookupTime))
	_, isCall := errors.AsType[*sdp.Error](err)
	after, isWait := waitOf(err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errRefusal):
		return nil // whoever told of it wakes this connection
	case errors.Is(err, errTimeOver):
		p.requeueWithin(time.Second)
		return nil
	case isWait:
		p.requeueWithin(after)
		return nil
	case !isCall:
		return err
	case canEndAll(err):
		if isEnd, err := p.endLists(ctx); isEnd || err != nil {
			return err
		}
	}
	p.memory.projects = nil
	p.memory.unreadable[projectList] = unreadable{reason: err.Error(), from: p.address(), until: p.Clock.Now().Add(unreadablePause)}
	return nil
}

// readProjects reads pages of the newest projects, and stores them when it has all. A site that has no projects has an empty list.
func (p *pass) readProjects(ctx context.Context, client *sdp.Client, ends time.Time) error {
	partial := p.memory.projects
	if partial == nil || partial.from != p.address() || p.Clock.Since(partial.begunAt) > partialLifetime {
		partial = &partialProjects{from: p.address(), begunAt: p.Clock.Now()}
		p.memory.projects = partial
	}
	isWhole := false
	for !isWhole && len(partial.projects) < newestProjects {
		if err := p.checkTurn(ends); err != nil {
			return err
		}
		page, err := client.Projects().List(ctx, sdp.ListOptions{
			Start: partial.next, Rows: sdp.MaxRows, Sort: "created_time", Descending: true, Fields: []string{"id", "display_id", "title", "status"},
		})
		if sdp.KindOf(err) == sdp.KindNotFound {
			page, err = sdp.Page[sdp.Project]{}, nil
		}
		if err != nil {
			return err
		}
		for _, project := range page.Items {
			if project.ID != "" && project.Title != "" {
				partial.projects = append(partial.projects, store.CachedProject{
					ID: project.ID, Number: project.DisplayID, Title: project.Title, Status: project.Status.Name,
				})
			}
		}
		partial.next, isWhole = page.Next, page.Next == 0
	}
	p.memory.projects = nil
	err := p.Store.ReplaceProjects(ctx, connectionobject.KeyOf(p.c), string(p.c.UID), store.ProjectRead{
		Source: projectSource(partial.from), Projects: partial.projects, IsWhole: isWhole, ReadAt: partial.begunAt,
	})
	if err != nil {
		return err
	}
	delete(p.memory.unreadable, projectList)
	projectReadsTotal.Inc()
	return nil
}
