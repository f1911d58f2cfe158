package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// deskFolder has the prompts for the desk; it is below samplesFolder.
const deskFolder = "servicedesk"

// quotedWord is how the prompts for the desk write tools and arguments.
var quotedWord = regexp.MustCompile("`([a-z_]+)`")

// agent does what prompts say: it calls the tools that the last one names, and no others.
type agent struct {
	session *mcp.ClientSession
	prompt  string
	tools   []string
}

// follow renders a prompt for the desk, and takes the tools that it names.
func (a *agent) follow(ctx context.Context, name string, arguments map[string]string) error {
	result, err := a.session.GetPrompt(ctx, &mcp.GetPromptParams{Name: namespace + "." + name, Arguments: arguments})
	if err != nil {
		return fmt.Errorf("prompts/get %s.%s: %w", namespace, name, err)
	}
	a.prompt, a.tools = name, nil
	for _, message := range result.Messages {
		text, is := message.Content.(*mcp.TextContent)
		if !is {
			return fmt.Errorf("prompt %s has a message of %T", name, message.Content)
		}
		for _, word := range quotedWord.FindAllStringSubmatch(text.Text, -1) {
			a.tools = append(a.tools, word[1])
		}
	}
	fmt.Printf("\nThe prompt %s says:\n", name)
	return nil
}

// do calls a tool that the prompt names, and prints in a line what it was for and how it was answered.
func (a *agent) do(ctx context.Context, tool string, arguments map[string]any, into any) error {
	if !slices.Contains(a.tools, tool) {
		return fmt.Errorf("prompt %s does not name %s, but %v", a.prompt, tool, a.tools)
	}
	answer, err := callTool(ctx, a.session, tool, arguments, into)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(answer.text, "\n")
	fmt.Printf("  %-16s %s\n", tool, first)
	return nil
}

// ticketRow is a ticket in a list.
type ticketRow struct{ Number, Subject, Status string }

// find returns the number of the ticket in a list whose subject has some words.
func find(list []ticketRow, words string) (string, error) {
	for _, row := range list {
		if strings.Contains(row.Subject, words) {
			return row.Number, nil
		}
	}
	return "", fmt.Errorf("no ticket has %q in its subject: %v", words, list)
}

// workDay does a technician's day by the prompts for the desk, in the order in which they come up.
func workDay(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	session, closeSession, err := openSession(ctx, endpoint)
	if err != nil {
		return err
	}
	defer closeSession()
	a := &agent{session: session}
	for _, part := range []func(context.Context) error{a.triage, a.resolve, a.escalate, a.makeProblem, a.handOver} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// triage gives the tickets that nobody has a priority and a group.
func (a *agent) triage(ctx context.Context) error {
	if err := a.follow(ctx, "triage", map[string]string{"limit": "5"}); err != nil {
		return err
	}
	var list struct{ Requests []ticketRow }
	if err := a.do(ctx, "list_requests", map[string]any{"view": "unassigned", "sort": "due", "limit": 5}, &list); err != nil {
		return err
	}
	number, err := find(list.Requests, "second screen")
	if err != nil {
		return err
	}
	for _, step := range []struct {
		tool      string
		arguments map[string]any
	}{
		{"list_lookup", map[string]any{"type": "priorities"}},
		{"get_request", map[string]any{"request_id": number}},
		{"search_requests", map[string]any{"similar_to": number}},
		{"update_request", map[string]any{"request_id": number, "priority": "Low"}},
		{"assign_request", map[string]any{"request_id": number, "group": "Service desk"}},
		{"add_note", map[string]any{"request_id": number, "text": "A question about equipment: priority **Low**, for the group Service desk. Nobody is kept from work."}},
	} {
		if err := a.do(ctx, step.tool, step.arguments, nil); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the solution of the ticket that is in the queue, and closes it by the plan of a dry run.
func (a *agent) resolve(ctx context.Context) error {
	var queue struct{ Requests []ticketRow }
	if _, err := callTool(ctx, a.session, "my_queue", nil, &queue); err != nil {
		return err
	}
	number, err := find(queue.Requests, ticketText)
	if err != nil {
		return err
	}
	if err := a.follow(ctx, "resolve", map[string]string{"ticket": number, "minutes": "20", "close": "true"}); err != nil {
		return err
	}
	closing := map[string]any{"request_id": number, "resolution": "The firmware of the dock was updated to 4.2. The screen shows a picture after the dock is plugged in again.", "dry_run": true}
	var plan struct{ Plan string }
	for _, step := range []struct {
		tool      string
		arguments map[string]any
	}{
		{"get_request", map[string]any{"request_id": number, "include": []string{"notes", "conversations", "tasks"}}},
		{"search_solutions", map[string]any{"query": "dock"}},
		{"add_note", map[string]any{"request_id": number, "text": "Another cable did not help."}},
		{"add_worklog", map[string]any{"request_id": number, "minutes": 20, "description": "Updated the dock"}},
	} {
		if err := a.do(ctx, step.tool, step.arguments, nil); err != nil {
			return err
		}
	}
	if err := a.do(ctx, "close_request", closing, &plan); err != nil {
		return err
	}
	if plan.Plan == "" {
		return errors.New("a dry run of close_request returned no plan")
	}
	closing["dry_run"], closing["plan"] = false, plan.Plan
	if err := a.do(ctx, "close_request", closing, nil); err != nil {
		return err
	}
	var closed ticketRow
	if err := a.do(ctx, "get_request", map[string]any{"request_id": number}, &closed); err != nil {
		return err
	}
	if closed.Status != "Closed" {
		return fmt.Errorf("request %s is %s after close_request", number, closed.Status)
	}
	return nil
}

// escalate hands a ticket to another group.
func (a *agent) escalate(ctx context.Context) error {
	number, err := a.search(ctx, "workbook")
	if err != nil {
		return err
	}
	const group = "Network"
	if err := a.follow(ctx, "escalate", map[string]string{"ticket": number, "group": group, "reason": "The share cannot be reached from floor 2."}); err != nil {
		return err
	}
	for _, step := range []struct {
		tool      string
		arguments map[string]any
	}{
		{"get_request", map[string]any{"request_id": number, "include": []string{"notes", "conversations", "worklogs"}}},
		{"list_lookup", map[string]any{"type": "groups", "query": group}},
		{"add_note", map[string]any{"request_id": number, "text": "The share cannot be reached from floor 2 since this morning.\n\n- Other floors reach it.\n- Is there a rule on the switch?"}},
		{"assign_request", map[string]any{"request_id": number, "group": group}},
	} {
		if err := a.do(ctx, step.tool, step.arguments, nil); err != nil {
			return err
		}
	}
	return nil
}

// search returns the number of the ticket that words find.
func (a *agent) search(ctx context.Context, words string) (string, error) {
	var list struct{ Requests []ticketRow }
	if _, err := callTool(ctx, a.session, "search_requests", map[string]any{"query": words}, &list); err != nil {
		return "", err
	}
	return find(list.Requests, words)
}

// makeProblem ties the tickets about one thing to a problem.
func (a *agent) makeProblem(ctx context.Context) error {
	number, err := a.search(ctx, "VPN")
	if err != nil {
		return err
	}
	if err := a.follow(ctx, "problem-from-tickets", map[string]string{"ticket": number}); err != nil {
		return err
	}
	if err := a.do(ctx, "get_request", map[string]any{"request_id": number, "include": []string{"notes"}}, nil); err != nil {
		return err
	}
	var alike struct{ Requests []ticketRow }
	if err := a.do(ctx, "search_requests", map[string]any{"query": "vpn"}, &alike); err != nil {
		return err
	}
	if err := a.do(ctx, "search_records", map[string]any{"module": "problem", "query": "vpn"}, nil); err != nil {
		return err
	}
	var numbers []string
	for _, row := range alike.Requests {
		numbers = append(numbers, row.Number)
	}
	problem := map[string]any{"title": "The VPN is not stable", "description": "Since this week. The tickets have the client in common.", "request_ids": numbers, "dry_run": true}
	if err := a.do(ctx, "create_problem", problem, nil); err != nil {
		return err
	}
	delete(problem, "dry_run")
	problem["idempotency_key"] = "demo-vpn"
	var made struct {
		ID       string
		Requests []struct{ State string }
	}
	if err := a.do(ctx, "create_problem", problem, &made); err != nil {
		return err
	}
	if made.ID == "" || len(made.Requests) != len(numbers) || len(numbers) < 2 {
		return fmt.Errorf("create_problem made %+v of %v", made, numbers)
	}
	return nil
}

// handOver reads what the next shift needs.
func (a *agent) handOver(ctx context.Context) error {
	since := time.Now().UTC().Format(time.DateOnly)
	if err := a.follow(ctx, "shift-handover", map[string]string{"since": since}); err != nil {
		return err
	}
	if err := a.do(ctx, "my_queue", nil, nil); err != nil {
		return err
	}
	for _, arguments := range []map[string]any{{"view": "overdue"}, {"view": "due_today"}, {"view": "all", "updated_after": since}} {
		if err := a.do(ctx, "list_requests", arguments, nil); err != nil {
			return err
		}
	}
	return nil
}
