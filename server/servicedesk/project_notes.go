package servicedesk

import (
	"context"
)

// The kinds of records that spec.access.fields has, beside that of tickets.
const (
	projectKind   = "project"
	milestoneKind = "milestone"
	taskKind      = "task"
)

func (d *desk) findCommentParent(context.Context, *addNoteInput) (noteParent, error) {
	return noteParent{}, errNoTicket
}

func (d *desk) findWorklogTask(context.Context, *addWorklogInput) (worklogParent, error) {
	return worklogParent{}, errNoTicket
}
