package servicedesk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// newTask is a task that is made.
type newTask struct {
	Title         string   `json:"title" bounds:"1..250"`
	Description   *string  `json:"description,omitempty" description:"Markdown" bounds:"..20000"`
	Owner         *string  `json:"owner,omitempty" description:"E-mail, name, id or me; of a project a member" bounds:"..250"`
	Priority      *string  `json:"priority,omitempty" bounds:"..250"`
	Start         *string  `json:"start,omitempty" description:"Date or RFC 3339"`
	End           *string  `json:"end,omitempty" description:"Date or RFC 3339"`
	EffortMinutes *int64   `json:"effort_minutes,omitempty" bounds:"1..525600"`
	DependsOn     []string `json:"depends_on,omitempty" description:"Task ids, or #n of this call" bounds:"..10"`
}

type createTasksInput struct {
	target
	tasksOf
	Tasks []newTask `json:"tasks" bounds:"1..25"`
	dryRun
	idempotencyKey
}

// The outcomes of a task among several.
const (
	outcomeDone       = "done"
	outcomeFailed     = "failed"
	outcomeNotStarted = "not_started"
	outcomePlanned    = "would_create"
)

// madeTask is what became of a task that was to be made.
type madeTask struct {
	ID      string `json:"id,omitempty"`
	Title   string `json:"subject"`
	Outcome string `json:"outcome"`
	Problem string `json:"problem,omitempty"`
}

type createdTasks struct {
	writeOutcome
	Of      string     `json:"of"`
	Subject string     `json:"subject"`
	Tasks   []madeTask `json:"tasks"`
	Trust   string     `json:"trust"`
}

// preparedTask is a task of which all that is named is found.
type preparedTask struct {
	newTask
	fields sdp.Fields
	// owner and priority are what was found, for people.
	owner, priority string
	// ids are tasks that it waits for, earlier the places of those of the call.
	ids     []string
	earlier []int
}

// createTasks answers create_tasks: a call of SDP for the ticket or project, one more for a number that was not met before, one for
// the members of a project where owners are given, of a ticket one for each owner, and one for each task and dependency.
func (s *Service) createTasks(ctx context.Context, in createTasksInput) (*tool.Result[createdTasks], error) {
	begun := time.Now()
	d, parent, err := openTaskParent(ctx, in.target, in.tasksOf, s.openDeskToWrite, in.fields()...)
	if err != nil {
		return nil, err
	}
	prepared, err := d.prepareTasks(ctx, &parent, in.Tasks)
	if err != nil {
		return nil, err
	}
	arguments := in
	arguments.dryRun, arguments.idempotencyKey = dryRun{}, idempotencyKey{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "create_tasks", arguments: arguments, dryRun: in.DryRun, key: in.IdempotencyKey, mergesRepeats: true,
		question: tool.Question{
			Message: fmt.Sprintf("Create %d tasks of %s %q of connection %s?\n%s", len(in.Tasks), parent.label, shortenLine(parent.title), d.key, d.askTasks(prepared, askedBytes)),
		}, continuesPlan: true,
	})
	if err != nil {
		return nil, err
	}
	result := createdTasks{Of: parent.label, Subject: shortenLine(parent.title), Trust: untrusted}
	run := taskCreation{desk: d, parent: &parent, write: w, until: begun.Add(bulkTime)}
	for i := range prepared {
		made := madeTask{Title: shortenLine(prepared[i].Title), Outcome: outcomePlanned}
		if !w.isDry {
			tool.ReportProgress(ctx, float64(i), float64(len(prepared)), fmt.Sprintf("task %d of %d", i+1, len(prepared)))
			made = run.make(ctx, i, &prepared[i])
		}
		result.Tasks = append(result.Tasks, made)
	}
	if run.stopped != nil && run.done == 0 {
		return nil, run.stopped // nothing was made, and that is why
	}
	result.writeOutcome = outcomeOf(w)
	said := result.text(w)
	if w.isDry && w.plan == "" {
		said += "\n" + richtext.FrameUntrusted(d.askTasks(prepared, conciseText))
	}
	return tool.NewResult(said+w.saidLast(), result), nil
}

// askTasks returns all that tasks are created with, for a person who confirms that or reads a dry run; their descriptions together have
// at most so many bytes.
func (d *desk) askTasks(tasks []preparedTask, limit int) string {
	var lines []string
	for i := range tasks {
		t := &tasks[i]
		lines = append(lines, fmt.Sprintf("#%d %s", i+1, quoteLine(t.Title)))
		for _, part := range []struct{ name, text string }{
			{"owner", t.owner}, {"priority", t.priority}, {"start", d.showTime(t.fields["scheduled_start_time"])}, {"end", d.showTime(t.fields["scheduled_end_time"])},
			{"waits for", strings.Join(t.DependsOn, ", ")},
		} {
			if part.text != "" {
				lines = append(lines, askLine(part.name, part.text))
			}
		}
		if t.EffortMinutes != nil {
			lines = append(lines, fmt.Sprintf("effort: %d minutes", *t.EffortMinutes))
		}
		if t.Description != nil {
			lines = append(lines, "description:", quoteText(*t.Description, limit/len(tasks)))
		}
	}
	return strings.Join(lines, "\n")
}

// showTime returns a field that is a time as callers read it.
func (d *desk) showTime(field any) string {
	at, _ := field.(sdp.Time)
	return formatTime(at, d.zone)
}

// prepareTasks finds all that tasks name, before anything is written.
func (d *desk) prepareTasks(ctx context.Context, parent *taskParent, tasks []newTask) ([]preparedTask, error) {
	dependencies := 0
	for i := range tasks {
		dependencies += len(tasks[i].DependsOn)
	}
	if dependencies > store.MaxWeightlessSteps {
		return nil, tool.NewInvalid("argument %q: the tasks have %d dependencies, and one call adds at most %d dependencies; add the others with update_task", "tasks", dependencies, store.MaxWeightlessSteps)
	}
	var members []sdp.Member
	var waitedFor []string
	owners := map[string]sdp.Ref{}
	prepared := make([]preparedTask, len(tasks))
	for i := range tasks {
		t := &preparedTask{newTask: tasks[i]}
		if err := d.prepareTask(ctx, t, i+1); err != nil {
			return nil, err
		}
		if t.Owner != nil {
			owner, known := owners[*t.Owner]
			if !known {
				var err error
				if parent.project != nil && members == nil {
					members, err = d.readMembers(ctx, parent.project.ID)
				}
				if err == nil {
					owner, err = d.findTaskOwner(ctx, fmt.Sprintf("tasks[%d].owner", i), *t.Owner, parent, members)
				}
				if err != nil {
					return nil, err
				}
				owners[*t.Owner] = owner
			}
			t.fields["owner"], t.owner = sdp.ByID(owner.ID), namePerson(owner)
		}
		prepared[i] = *t
		waitedFor = append(waitedFor, t.ids...)
	}
	return prepared, parent.checkDependencies(ctx, "tasks[].depends_on", waitedFor)
}

// findTaskOwner returns whom a caller means by the owner of a task.
func (d *desk) findTaskOwner(ctx context.Context, argument, text string, parent *taskParent, members []sdp.Member) (sdp.Ref, error) {
	if parent.project != nil {
		return d.findOwner(argument, text, projectNumber(parent.project), members)
	}
	person, err := d.findPerson(ctx, argument, text)
	if err == nil {
		err = d.checkTold(&person, "give tasks of tickets to")
	}
	return sdp.Ref{ID: person.ID, Name: person.Name, Email: person.Email}, err
}

// prepareTask makes the fields of a task beside its owner.
func (d *desk) prepareTask(ctx context.Context, t *preparedTask, place int) error {
	argument := func(name string) string { return fmt.Sprintf("tasks[%d].%s", place-1, name) }
	var err error
	if t.Title, err = trimTitle(argument("title"), t.Title, "task"); err != nil {
		return err
	}
	t.fields = sdp.Fields{"title": t.Title}
	if t.Priority != nil {
		priority, err := d.resolveEntry(ctx, argument("priority"), sdp.Priorities, *t.Priority, "")
		if err != nil {
			return err
		}
		t.fields["priority"], t.priority = priority.ref(), priority.name
	}
	if t.EffortMinutes != nil {
		t.fields["estimated_effort"] = sdp.Effort(time.Duration(*t.EffortMinutes) * time.Minute)
	}
	if err := d.putSpan(t.fields, t.Start, t.End, argument); err != nil {
		return err
	}
	for _, text := range t.DependsOn {
		id, earlier, err := parseDependency(argument("depends_on"), text, place)
		if err != nil {
			return err
		}
		if earlier > 0 {
			t.earlier = append(t.earlier, earlier)
		} else {
			t.ids = append(t.ids, id)
		}
	}
	return nil
}

// fields returns the names of the fields that are given for some task.
func (in *createTasksInput) fields() []string {
	isGiven := map[string]bool{"title": true}
	for i := range in.Tasks {
		t := &in.Tasks[i]
		for name, is := range map[string]bool{
			"description": t.Description != nil, "owner": t.Owner != nil, "priority": t.Priority != nil, "start": t.Start != nil, "end": t.End != nil,
			"effort_minutes": t.EffortMinutes != nil, "depends_on": len(t.DependsOn) > 0,
		} {
			isGiven[name] = isGiven[name] || is
		}
	}
	return givenNames(isGiven)
}

// putSpan sets when something begins and ends: dates are local days, the end of which belongs to them.
func (d *desk) putSpan(fields sdp.Fields, start, end *string, argument func(string) string) error {
	var from, until time.Time
	var err error
	if start != nil {
		if from, err = parseTime(argument("start"), *start, d.zone); err != nil {
			return err
		}
		fields["scheduled_start_time"] = sdp.At(from)
	}
	if end != nil {
		if until, err = parseEndTime(argument("end"), *end, d.zone); err != nil {
			return err
		}
		fields["scheduled_end_time"] = sdp.At(until)
	}
	if start != nil && end != nil && until.Before(from) {
		return tool.NewInvalid("argument %q is before start", argument("end"))
	}
	return nil
}

// taskCreation makes tasks one after the other.
type taskCreation struct {
	*desk
	parent *taskParent
	write  *write
	until  time.Time
	// ids are of those that were made, by their places; done counts them, and stopped says why no more are.
	ids     [26]string
	done    int
	stopped error
}

// make makes a task with its dependencies, unless something before it stopped the call.
func (c *taskCreation) make(ctx context.Context, i int, t *preparedTask) madeTask {
	made := madeTask{Title: shortenLine(t.Title), Outcome: outcomeNotStarted}
	if c.stopped == nil && time.Now().After(c.until) {
		c.stopped = retryLater(rateKind, "the time for one call is over", time.Second)
	}
	if c.stopped != nil {
		return made
	}
	written, record, err := sendCreate(ctx, c.write, fmt.Sprintf("task %d", i+1), c.until, c.parent.tasks.Editor, func(s signature) sdp.Fields {
		t.fields["description"] = richtext.FromMarkdown(s.of(valueOr(t.Description, "")))
		return t.fields
	}, func(made sdp.Task) writtenRecord { return writtenRecord{ID: made.ID} })
	switch {
	case err != nil && isOfAll(err):
		c.stopped = err
		return made
	case err != nil:
		made.Outcome, made.Problem = outcomeFailed, c.service.describeFailure(ctx, "create_tasks", explainOwner(err))
		return made
	}
	c.done++
	c.ids[i+1] = written.ID
	made.ID, made.Outcome = written.ID, outcomeDone
	if record != nil && c.parent.project != nil {
		c.tellTasks(ctx, c.parent.project.ID, c.actor(), *record)
	}
	made.Problem = c.addDependencies(ctx, t, written.ID)
	return made
}

// addDependencies has a task wait for others, and says what could not be.
func (c *taskCreation) addDependencies(ctx context.Context, t *preparedTask, id string) string {
	var problems []string
	others := t.ids
	for _, place := range t.earlier {
		if c.ids[place] == "" {
			problems = append(problems, fmt.Sprintf("it does not wait for #%d, which was not made", place))
			continue
		}
		others = append(others, c.ids[place])
	}
	for _, other := range others {
		if err := c.parent.sendDependency(ctx, c.write, other, id, c.until); err != nil {
			problems = append(problems, fmt.Sprintf("it does not wait for %s: %s", other, c.service.describeFailure(ctx, "create_tasks", err)))
		}
	}
	return strings.Join(problems, "; ")
}

func (r *createdTasks) text(w *write) string {
	counts := map[string]int{}
	shown := newTable("n", "id", "subject", "outcome", "problem")
	for i, t := range r.Tasks {
		counts[t.Outcome]++
		shown.append([]string{fmt.Sprintf("#%d", i+1), t.ID, t.Title, t.Outcome, t.Problem})
	}
	var parts []string
	for _, outcome := range []string{outcomeDone, outcomeFailed, outcomeNotStarted, outcomePlanned} {
		if counts[outcome] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[outcome], strings.ReplaceAll(outcome, "_", " ")))
		}
	}
	said := fmt.Sprintf("%sTasks of %s: %s.", w.said(), r.Of, strings.Join(parts, ", "))
	if counts[outcomeNotStarted] > 0 {
		said += " For those that were not started: " + w.sayHowToGoOn("call again for those alone") + "."
	}
	return said + "\n" + shown.text()
}
