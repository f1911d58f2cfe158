package servicedesk

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

type getProjectInput struct {
	target
	ProjectID string   `json:"project_id" description:"PJT-12 or id:41"`
	Include   []string `json:"include,omitempty" description:"More parts; members, comments and dependencies cost a call each" enum:"members,milestones,tasks,comments,dependencies,history" bounds:"..6"`
}

// projectPartRows is how many rows of a part are shown.
const projectPartRows = 25

// projectReading is a project that is being read with its parts.
type projectReading struct {
	*desk
	project    sdp.Project
	states     *progressStates
	tasks      sdp.Page[sdp.Task]
	milestones sdp.Page[sdp.Milestone]
	now        time.Time
}

// getProject answers get_project: a call of SDP for the project, one more for a number that was not met before, one each for its tasks
// and milestones, and one for each other part; the history of its tasks costs none.
func (s *Service) getProject(ctx context.Context, in getProjectInput) (*tool.Result[projectDetails], error) {
	d, err := s.openDesk(ctx, in.target, projectsToolset)
	if err != nil {
		return nil, err
	}
	reading := projectReading{desk: d, now: time.Now()}
	if reading.project, err = d.readProject(ctx, in.ProjectID); err != nil {
		return nil, err
	}
	d.tellProjects(ctx, reading.project)
	states, err := d.readProgress(ctx, sdp.ProjectStatuses)
	if err != nil {
		return nil, err
	}
	details := d.newProjectDetails(&reading.project, states.isOpen(reading.project.Status), reading.now)
	if err := reading.count(ctx, &details.Counts); err != nil {
		return nil, err
	}
	slices.Sort(in.Include)
	parts := slices.Compact(in.Include)
	for i, part := range parts {
		tool.ReportProgress(ctx, float64(i), float64(len(parts)), "reading "+part)
		read, err := reading.readPart(ctx, part)
		if read, err = finishPart(part, read, err); err != nil {
			return nil, err
		}
		details.Included = append(details.Included, read)
	}
	shortenParts(details.Included)
	details.fitFrame()
	said := "Project " + details.Number + " of connection " + d.key.String() + ". Times are in " + details.TimeZone + "."
	return tool.NewResult(said+"\n"+details.text(), details), nil
}

// count reads the tasks and the milestones, and counts them.
func (r *projectReading) count(ctx context.Context, counts *projectCounts) (err error) {
	if r.states, err = r.readProgress(ctx, sdp.TaskStatuses); err != nil {
		return err
	}
	projects := r.client.Projects()
	r.tasks, err = projects.Tasks(r.project.ID).List(ctx, sdp.ListOptions{Rows: sdp.MaxRows, Fields: taskFields, CountAll: true})
	if err != nil {
		return needScope(projectsScope, err)
	}
	r.tellTasks(ctx, r.project.ID, "", r.tasks.Items...)
	r.milestones, err = projects.Milestones(r.project.ID).List(ctx, sdp.ListOptions{
		Rows: sdp.MaxRows, CountAll: true, Fields: []string{"id", "title", "status", "owner", "percentage_completion", "scheduled_end_time"},
	})
	if err != nil {
		return needScope(projectsScope, err)
	}
	counts.countTasks(r.tasks.Items, r.tasks.Total, r.states, r.now)
	counts.Milestones = max(r.milestones.Total, len(r.milestones.Items))
	return nil
}

// readPart returns a part of a project, which was checked before.
func (r *projectReading) readPart(ctx context.Context, part string) (included, error) {
	projects, id := r.client.Projects(), r.project.ID
	switch part {
	case "members":
		page, err := projects.Members(id).List(ctx, sdp.ListOptions{Rows: sdp.MaxRows})
		return showRows(page.Items, page.Next != 0, func(m sdp.Member) includedItem {
			return includedItem{ID: "id:" + m.User.ID, Who: describePerson(m.User), State: shortenLine(m.Role.Name)}
		}), err
	case "milestones":
		return showRows(r.milestones.Items, r.milestones.Next != 0, func(m sdp.Milestone) includedItem {
			return includedItem{
				ID: m.ID, Title: shortenLine(m.Title), Who: describePerson(m.Owner), When: formatTime(m.ScheduledEnd, r.zone),
				State: joinPath(m.Status.Name, strconv.Itoa(m.Percent)+"%"),
			}
		}), nil
	case "tasks":
		return showRows(r.tasks.Items, r.tasks.Next != 0, func(t sdp.Task) includedItem {
			state := joinPath(t.Status.Name, strconv.Itoa(t.Percent)+"%")
			if r.newTaskRow(&t, r.states, r.now).IsOverdue {
				state += ", overdue"
			}
			return includedItem{ID: t.ID, Title: shortenLine(t.Title), Who: describePerson(t.Owner), When: formatTime(t.ScheduledEnd, r.zone), State: state}
		}), nil
	case "comments":
		rows, more, err := listNewest(ctx, r.desk, projects.Comments(id).Reader, "created_time", func(c sdp.Comment) sdp.Time { return c.CreatedTime })
		return showRows(rows, more, r.showComment), err
	case "dependencies":
		page, err := projects.TaskDependencies(id).List(ctx, sdp.ListOptions{Rows: sdp.MaxRows})
		return showRows(page.Items, page.Next != 0, func(d sdp.Dependency) includedItem {
			return includedItem{ID: d.Child.ID, Title: shortenLine(d.Child.Name), State: "waits for " + d.Parent.ID + " " + shortenLine(d.Parent.Name)}
		}), err
	}
	return r.readHistory(ctx)
}

func (d *desk) showComment(c sdp.Comment) includedItem {
	text, _ := readHTML(c.TextHTML, noteText)
	return includedItem{ID: c.ID, Who: describePerson(c.CreatedBy), When: formatTime(c.CreatedTime, d.zone), Text: text}
}

// readHistory returns what became of the tasks, as far as it was seen.
func (r *projectReading) readHistory(ctx context.Context) (included, error) {
	if r.service.projects == nil {
		return included{Error: "this server keeps no history of tasks (--project-cache)"}, nil
	}
	changes, err := r.service.projects.TaskHistory(ctx, r.id, r.project.ID, projectPartRows+1)
	return showRows(changes, false, func(c store.TaskChange) includedItem {
		item := includedItem{ID: c.TaskID, Title: shortenLine(c.Title), Who: shortenLine(c.Actor), When: formatTime(sdp.At(c.At), r.zone)}
		if item.Who == "" {
			item.Who = "not through Lectern"
		}
		item.State = fmt.Sprintf("%s: %s", c.Field, shortenLine(orNone(c.After)))
		if c.Before != nil {
			item.State = fmt.Sprintf("%s: %s → %s", c.Field, shortenLine(orNone(*c.Before)), shortenLine(orNone(c.After)))
		}
		return item
	}), err
}

// showRows returns the first rows of a part.
func showRows[T any](rows []T, more bool, show func(T) includedItem) included {
	found := included{More: more || len(rows) > projectPartRows}
	for _, row := range rows[:min(len(rows), projectPartRows)] {
		found.Rows = append(found.Rows, show(row))
	}
	return found
}
