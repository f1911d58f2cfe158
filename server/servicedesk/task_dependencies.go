package servicedesk

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// maxDependencies bounds how many dependencies of a project are read.
const maxDependencies = 300

// parseDependency reads what a task waits for: the id of a task, or #n for a task of the call before the one at place.
func parseDependency(argument, text string, place int) (id string, earlier int, err error) {
	text = strings.TrimSpace(text)
	if number, is := strings.CutPrefix(text, "#"); is {
		n, err := strconv.Atoi(number)
		if err == nil && n >= 1 && n < place {
			return "", n, nil
		}
		return "", 0, tool.NewInvalid("argument %q: %q is no task before this one; #1 is the first of the call, and a task waits for earlier ones: put them first", argument, excerpt.Truncate(text, 20))
	}
	if !isDigits(text) || len(text) > 32 {
		return "", 0, tool.NewInvalid("argument %q: %q is neither the id of a task nor #n of this call; list_tasks has the ids", argument, excerpt.Truncate(text, 40))
	}
	return text, 0, nil
}

// checkDependencies refuses to wait for tasks that the ticket or the project does not have, with one call of SDP for all of them.
func (p *taskParent) checkDependencies(ctx context.Context, argument string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	found, _, err := sdp.Collect(ctx, p.allTasks.List, sdp.ListOptions{Rows: sdp.MaxRows, Where: sdp.Where("id", sdp.Is, anyOf(ids)...)}, maxDependencies)
	if err != nil {
		return p.sayNoTask(err)
	}
	for _, id := range ids {
		if !slices.ContainsFunc(found, func(t sdp.Task) bool { return t.ID == id && p.hasTask(&t) }) {
			return &tool.Error{
				Kind: tool.NotFound, Text: fmt.Sprintf("argument %q: %s has no such task as %s; list_tasks has the ids, and nothing was written", argument, p.label, id),
				Details: errorDetails{Kind: tool.NotFound, Fields: []string{argument}},
			}
		}
	}
	return nil
}

// sendDependency has a task begin after another, which belongs to the write of the task. It waits for its turn until a time.
func (p *taskParent) sendDependency(ctx context.Context, w *write, before, after string, until time.Time) error {
	_, err := sendInTime(ctx, w, writeStep{
		name: fmt.Sprintf("dependency %s after %s", after, before),
		send: func(ctx context.Context, _ signature) (writtenRecord, error) {
			made, err := p.dependencies.Add(ctx, before, after)
			return writtenRecord{ID: made.ID}, err
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, _ signature) (sdp.WriteLookup, error) {
			return p.dependencies.FindListed(ctx, attempt, func(d sdp.Dependency) string {
				if d.Parent.ID == before && d.Child.ID == after {
					return d.ID
				}
				return ""
			})
		},
	}, until)
	return err
}

// readDependencies returns what waits for what.
func (p *taskParent) readDependencies(ctx context.Context) ([]sdp.Dependency, error) {
	found, _, err := sdp.Collect(ctx, p.dependencies.List, sdp.ListOptions{Rows: sdp.MaxRows}, maxDependencies)
	return found, needScope(p.scope(), err)
}
