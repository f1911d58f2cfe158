package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/test/writetally"
)

// writer is a caller with an account of their own, which bounds how fast they write.
type writer struct {
	world   *randomWrites
	account testenv.Account
	token   string
	random  *rand.Rand

	mu     sync.Mutex
	agents [2]*agent
	// broken are clients whose connections broke. Other calls may still be theirs.
	broken []*agent
}

// connectTo returns the client of a server, a new one where the last one broke.
func (c *writer) connectTo(ctx context.Context, server int) (*agent, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.agents[server] != nil {
		return c.agents[server], nil
	}
	soon, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a, err := connectWithToken(soon, c.world.Endpoints[server], "", c.token)
	if err == nil {
		c.agents[server] = a
	}
	return a, err
}

func (c *writer) forget(server int, broken *agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.agents[server] == broken {
		c.agents[server] = nil
		c.broken = append(c.broken, broken)
	}
}

func (c *writer) close() {
	for _, a := range append(c.broken, c.agents[:]...) {
		a.close()
	}
}

// manner is how often, and where, a client asks for a write.
type manner int

const (
	// once is a call with a key, at any server.
	once manner = iota
	// withoutKey is a call without one.
	withoutKey
	// twiceAtOnce is the same call without a key at both servers at once.
	twiceAtOnce
	// oneKeyAtBoth is the same call with one key at both servers at once.
	oneKeyAtBoth
	// twoKeys is the same text twice, and two writes are wanted.
	twoKeys
	// repeated is the same call again once it was answered.
	repeated
)

// keylessPatience is how long a client without a key asks again: equal calls within 120 s are one write.
const keylessPatience = 90 * time.Second

// answerPatience is how long a client waits for an answer: a write that is not answered is given up by its server after 10 s.
const answerPatience = 20 * time.Second

// plannedWrite is a write that a client is about to ask for.
type plannedWrite struct {
	caller    *writer
	arguments map[string]any
	manner    manner
	hasKey    bool
	server    int
	// leavesAfter is when the client gives a call up; 0 is never.
	leavesAfter time.Duration
	ticket      *sharedTicket
	asksOnce    bool

	mu    sync.Mutex
	write *writetally.Write
}

// carryOut asks until it is known what became of the write, or patience ends. A turn is held by its calls alone, not by its waits.
func (p *plannedWrite) carryOut(ctx context.Context, turns chan struct{}) {
	if p.ticket != nil {
		defer p.ticket.leave(p)
	}
	switch p.manner {
	case twiceAtOnce, oneKeyAtBoth:
		key := p.newKey()
		<-turns
		var both sync.WaitGroup
		for server := range p.caller.agents {
			both.Go(func() { p.askUntilKnown(ctx, turns, key, server, true) })
		}
		both.Wait()
	case twoKeys:
		p.askUntilKnown(ctx, turns, p.newKey(), p.server, false)
		turns <- struct{}{}
		p.askUntilKnown(ctx, turns, p.newKey(), 1-p.server, false)
	case repeated:
		key := p.newKey()
		if p.askUntilKnown(ctx, turns, key, p.server, false); p.wasToldDone() {
			turns <- struct{}{}
			p.askUntilKnown(ctx, turns, key, 1-p.server, false)
		}
	default:
		p.askUntilKnown(ctx, turns, p.newKey(), p.server, false)
	}
}

func (p *plannedWrite) newKey() string {
	if !p.hasKey || p.manner == withoutKey || p.manner == twiceAtOnce {
		return ""
	}
	return uuid.NewString()
}

func (p *plannedWrite) wasToldDone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.write.Calls {
		if c.Told == writetally.ToldDone {
			return true
		}
	}
	return false
}

// askUntilKnown makes calls with a key, at one server and then at the other, until it is told that the write is done or is not. It
// comes with a turn, unless it has to take one itself.
func (p *plannedWrite) askUntilKnown(ctx context.Context, turns chan struct{}, key string, server int, takesTurn bool) {
	began, patience := time.Now(), p.caller.world.plan.patience
	if key == "" {
		patience = min(patience, keylessPatience)
	}
	for pause := time.Second; ; pause = min(2*pause, 20*time.Second) {
		if takesTurn {
			turns <- struct{}{}
		}
		takesTurn = true
		told := p.call(ctx, key, server)
		<-turns
		if told.Told == writetally.ToldDone || told.Told == writetally.ToldNotDone || p.asksOnce || time.Since(began)+pause > patience {
			return
		}
		pauseFor(ctx, pause)
		server = 1 - server
	}
}

// call makes one call and remembers what it was told.
func (p *plannedWrite) call(ctx context.Context, key string, server int) writetally.Call {
	arguments := maps.Clone(p.arguments)
	if key != "" {
		arguments["idempotency_key"] = key
	}
	bounded, cancel := context.WithTimeout(ctx, p.takePatience())
	defer cancel()
	told := writetally.Call{Key: key, Where: []string{testenv.Server1, testenv.Server2}[server], Began: time.Now()}
	told.Told, told.Words = p.caller.callTool(bounded, server, p.write.Tool, arguments)
	told.Ended = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write.Calls = append(p.write.Calls, told)
	return told
}

// takePatience returns how long the client waits for the answer of the next call.
func (p *plannedWrite) takePatience() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if leaves := p.leavesAfter; leaves > 0 {
		p.leavesAfter = 0 // the next time they stay
		return leaves
	}
	return answerPatience
}

// callTool calls a tool that writes, and returns what it tells of the write.
func (c *writer) callTool(ctx context.Context, server int, tool string, arguments map[string]any) (answer writetally.Answer, words string) {
	a, err := c.connectTo(ctx, server)
	if err != nil {
		return writetally.ToldRefused, err.Error()
	}
	result, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		if isRateRefusal(err) {
			return writetally.ToldRefused, err.Error()
		}
		c.forget(server, a)
		return writetally.ToldUnknown, err.Error()
	}
	for _, content := range result.Content {
		if text, is := content.(*mcp.TextContent); is {
			words += text.Text
		}
	}
	return readAnswer(result), words
}

// readAnswer returns what a result says of the write.
func readAnswer(result *mcp.CallToolResult) writetally.Answer {
	if !result.IsError {
		var made struct{ Tasks []struct{ Outcome string } }
		if err := decodeStructured(result, &made); err != nil {
			return writetally.ToldUnknown
		}
		for _, task := range made.Tasks {
			if task.Outcome != "done" { // of what was not begun nothing is known either: an earlier call may have made it
				return writetally.ToldUnknown
			}
		}
		return writetally.ToldDone
	}
	var details struct{ Outcome string }
	text, err := json.Marshal(result.Meta["dev.lectern/error"])
	if err == nil {
		err = json.Unmarshal(text, &details)
	}
	switch {
	case err != nil:
		return writetally.ToldUnknown
	case details.Outcome == "":
		return writetally.ToldRefused
	case details.Outcome == "not_done":
		return writetally.ToldNotDone
	}
	return writetally.ToldUnknown
}

// plan chooses the n-th write.
func (c *writer) plan(n int, r *rand.Rand) *plannedWrite {
	w := c.world
	desk := w.desks[r.IntN(len(w.desks))]
	p := &plannedWrite{
		caller: c, server: r.IntN(2), hasKey: true,
		write: &writetally.Write{Token: fmt.Sprintf("write-%06d", n), Makes: true},
	}
	if r.IntN(100) < 3 {
		p.leavesAfter = time.Duration(50+r.IntN(3000)) * time.Millisecond
	}
	p.manner = []manner{once, once, once, once, once, withoutKey, twiceAtOnce, oneKeyAtBoth, twoKeys, repeated}[r.IntN(10)]
	words := fmt.Sprintf("%s of the run", p.write.Token)
	switch dice := r.IntN(100); {
	case dice < 12:
		p.write.Tool, p.arguments = "create_request", map[string]any{"subject": words, "description": "Please look at it."}
	case dice < 45:
		p.write.Tool, p.arguments = "add_note", map[string]any{"request_id": desk.anyTicket(r), "text": "Rang them: " + words}
	case dice < 62:
		p.write.Tool, p.arguments = "add_worklog", map[string]any{"request_id": desk.anyTicket(r), "minutes": 1 + r.IntN(60), "description": words}
	case dice < 74:
		p.write.Tool, p.arguments = "create_tasks", map[string]any{"request_id": desk.anyTicket(r), "tasks": []map[string]any{{"title": words}}}
	default:
		p.planChange(desk, words, dice)
	}
	p.arguments["connection"] = w.namespace + "/" + desk.name
	w.remember(p.write)
	return p
}

// planChange chooses a write that only changes something: it has no key, and may be carried out again.
func (p *plannedWrite) planChange(desk *faultyDesk, words string, dice int) {
	p.write.Makes, p.hasKey = false, false
	if p.manner != twiceAtOnce {
		p.manner = withoutKey
	}
	switch {
	case dice < 78:
		p.write.Tool, p.arguments = "link_requests", map[string]any{"request_id": desk.addTicket(), "to": []string{desk.addTicket()}, "comment": words}
	case dice < 82: // of tickets that several callers change at once
		due := time.Now().Add(time.Duration(1+p.caller.random.IntN(1_000_000)) * time.Minute).UTC().Format(time.RFC3339)
		p.write.Tool, p.arguments = "update_request", map[string]any{"request_id": desk.tickets[p.caller.random.IntN(3)], "due_by": due, "update_reason": words}
		p.manner, p.asksOnce = withoutKey, true // an equal call would make it so
	case dice < 87:
		p.ticket = p.caller.world.takeTicket(desk, p.write.Token)
		p.write.Tool, p.arguments = "update_request", map[string]any{"request_id": p.ticket.name, "subject": words, "description": "It is " + words}
		p.manner = withoutKey
	case dice < 91:
		ticket := desk.addTicket()
		p.caller.world.rememberAssignment(desk, ticket, p.write.Token)
		p.write.Tool, p.arguments = "assign_request", map[string]any{"request_id": ticket, "technician": "me"}
	case dice < 96:
		p.write.Tool, p.arguments = "set_request_status", map[string]any{"request_id": desk.addTicket(), "status": "In Progress", "comment": words}
	default:
		p.write.Tool, p.arguments = "close_request", map[string]any{"request_id": desk.addTicket(), "closure_comments": words}
	}
}

func (w *randomWrites) remember(write *writetally.Write) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, write)
}

func (w *randomWrites) rememberAssignment(desk *faultyDesk, ticket, token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.assigned[desk.name+"/"+ticket] = token
}

// sharedTicket is one that a write changes after another, the next one not before what became of the last one is known.
type sharedTicket struct {
	world *randomWrites
	desk  *faultyDesk
	name  string
	order []string
	isBusy,
	isLeft bool // nobody knows what became of the last write, which may come late
}

// takeTicket returns a ticket of a desk that nobody changes now, for a write.
func (w *randomWrites) takeTicket(desk *faultyDesk, token string) *sharedTicket {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.records {
		if t.desk == desk && !t.isBusy && !t.isLeft {
			t.isBusy, t.order = true, append(t.order, token)
			return t
		}
	}
	t := &sharedTicket{world: w, desk: desk, name: desk.addTicket(), order: []string{token}, isBusy: true}
	w.records = append(w.records, t)
	return t
}

// leave lets others change the ticket, unless a call may still be carried out.
func (t *sharedTicket) leave(p *plannedWrite) {
	isUnknown := false
	for _, c := range p.write.Calls {
		isUnknown = isUnknown || c.Told == writetally.ToldUnknown
	}
	t.world.mu.Lock()
	defer t.world.mu.Unlock()
	t.isBusy, t.isLeft = false, isUnknown
}
