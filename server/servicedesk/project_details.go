package servicedesk

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
)

// projectDetails is the structured result of a project.
type projectDetails struct {
	projectRow
	Type      string        `json:"type,omitempty"`
	Priority  string        `json:"priority,omitempty"`
	Start     string        `json:"start,omitempty"`
	Created   string        `json:"created,omitempty"`
	Text      string        `json:"text,omitempty"`
	Counts    projectCounts `json:"counts"`
	IsOverdue bool          `json:"overdue"`
	Included  []included    `json:"included,omitempty"`
	TimeZone  string        `json:"time_zone"`
	Trust     string        `json:"trust"`
}

// projectCounts are what a project has. Tasks are counted among those that were read.
type projectCounts struct {
	Milestones   int `json:"milestones"`
	Tasks        int `json:"tasks"`
	TasksRead    int `json:"tasks_read"`
	TasksOpen    int `json:"tasks_open"`
	TasksOverdue int `json:"tasks_overdue"`
	// TasksPercent is how far the tasks are that were read, on the average.
	TasksPercent int `json:"tasks_percent"`
}

func (d *desk) newProjectDetails(p *sdp.Project, isOpen bool, now time.Time) projectDetails {
	details := projectDetails{
		projectRow: d.newProjectRow(p), Type: shortenLine(p.Type.Name), Priority: shortenLine(p.Priority.Name), Start: formatTime(p.ScheduledStart, d.zone),
		Created: formatTime(p.CreatedTime, d.zone), IsOverdue: isOpen && !p.ScheduledEnd.IsZero() && p.ScheduledEnd.At.Before(now),
		TimeZone: d.zone.String(), Trust: untrusted,
	}
	details.Title = excerpt.Truncate(oneLine(p.Title), longSubject)
	details.Text, _ = readHTML(p.DescriptionHTML, conciseText)
	return details
}

// countTasks counts tasks that were read, of so many that there are.
func (c *projectCounts) countTasks(tasks []sdp.Task, total int, states *progressStates, now time.Time) {
	c.TasksRead, c.Tasks = len(tasks), max(total, len(tasks))
	percent := 0
	for i := range tasks {
		t := &tasks[i]
		percent += t.Percent
		if !states.isOpen(t.Status) {
			continue
		}
		c.TasksOpen++
		if !t.ScheduledEnd.IsZero() && t.ScheduledEnd.At.Before(now) {
			c.TasksOverdue++
		}
	}
	if len(tasks) > 0 {
		c.TasksPercent = percent / len(tasks)
	}
}

func (c *projectCounts) text() string {
	said := fmt.Sprintf("%d milestones; %d tasks,", c.Milestones, c.Tasks)
	if c.TasksRead < c.Tasks {
		said += fmt.Sprintf(" of the first %d of them", c.TasksRead)
	}
	return said + fmt.Sprintf(" %d open, %d overdue, done to %d %%", c.TasksOpen, c.TasksOverdue, c.TasksPercent)
}

// text returns a project for reading: all of it is a stranger's.
func (p *projectDetails) text() string {
	var b strings.Builder
	overdue := ""
	if p.IsOverdue {
		overdue = "yes"
	}
	for _, line := range [][2]string{
		{"number", p.Number}, {"id", p.ID}, {"subject", p.Title}, {"status", p.Status}, {"percent", strconv.Itoa(p.Percent)}, {"overdue", overdue},
		{"owner", p.Owner}, {"type", p.Type}, {"priority", p.Priority}, {"start", p.Start}, {"end", p.End}, {"created", p.Created}, {"counts", p.Counts.text()},
	} {
		if line[1] != "" {
			b.WriteString(line[0] + ": " + line[1] + "\n")
		}
	}
	if p.Text != "" {
		b.WriteString("\n" + p.Text + "\n")
	}
	for _, part := range p.Included {
		part.writeTo(&b)
	}
	return richtext.FrameUntrusted(strings.TrimSuffix(b.String(), "\n"))
}

// fitFrame leaves out what is last of the longest parts until a project fits an answer. What of tasks is left out list_tasks has.
func (p *projectDetails) fitFrame() {
	for frameSize(p.text(), p) > frameBytes && dropLastRow(p.Included) {
	}
}
