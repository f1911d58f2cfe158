package main

import (
	"context"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/bulk"
)

// asked is how many prompts and how many questions the calls of tools go through, so that no cache has the answer.
const asked = 400

// The sides a call of a tool is measured on. Those of an old binary only with -old.
const (
	onPostgres    = "Postgres"
	onFolder      = "a folder"
	oldOnPostgres = "Postgres, the old binary"
	oldOnFolder   = "a folder, the old binary"
)

// toolSide is a server of one kind on the prompts that are asked for.
type toolSide struct {
	name    string
	address string
	pid     int
	// postgres is set where the server reads from one.
	postgres bool
	// ids are how this side names the prompts.
	ids []string
}

// askedCall is a call of a tool, in as many shapes as there are prompts.
type askedCall struct {
	tool      string
	wanted    string // of its ratio to bare net/http
	arguments func(side *toolSide, i int) string
}

var askedCalls = []askedCall{
	{getTool, "≤ 7", func(s *toolSide, i int) string { return fmt.Sprintf(`"id":%q`, s.ids[i]) }},
	{"apply_template", "", func(s *toolSide, i int) string {
		return fmt.Sprintf(`"id":%q,"variables":{"ticket":"INC-%d"}`, s.ids[i], i)
	}},
	{"list_prompts", "", func(_ *toolSide, i int) string { return fmt.Sprintf(`"limit":20,"offset":%d`, i%(asked-19)) }},
	{searchTool, "≤ 18", func(_ *toolSide, i int) string { return fmt.Sprintf(`"query":%q`, bulk.OwnWord(i)) }},
}

func (c askedCall) requests(side *toolSide) [][]byte {
	all := make([][]byte, asked)
	for i := range all {
		all[i] = toolCall(modernEra, c.tool, c.arguments(side, i))
	}
	return all
}

// toolCost is what calls on one side cost, round by round.
type toolCost struct{ server, postgres, elapsed series }

// measureTools measures the tools people call most, each call for another prompt or another question: the processor time of
// the server and of Postgres, in rounds in which every side has its turn.
func (b *bench) measureTools(ctx context.Context) error {
	sides, done, err := b.openToolSides(ctx)
	defer done()
	if err != nil {
		return err
	}
	postmaster, err := postmasterOf(ctx, b.stack.Postgres.URL)
	if err != nil {
		return err
	}
	var rows []row
	for n, c := range askedCalls {
		bare, err := b.startBare(ctx, fmt.Sprintf("tool-%d", n), load{address: sides[0].address, clients: agents, requests: c.requests(sides[0])})
		if err != nil {
			return err
		}
		turns := append([]*toolSide{{name: bareServer, address: bare.load.address, pid: bare.pid, ids: sides[0].ids}}, sides...)
		costs := map[string]*toolCost{}
		for round := range b.rounds {
			b.say("%s, %d different calls, round %d of %d.", c.tool, asked, round+1, b.rounds)
			for k := range turns {
				side := turns[(k+round)%len(turns)]
				if err := side.measureCall(ctx, c, postmaster, costs); err != nil {
					return fmt.Errorf("%s on %s: %w", c.tool, side.name, err)
				}
			}
		}
		rows = append(rows, rowsOfTool(c, costs)...)
	}
	added, err := b.measureAdds(ctx, sides, postmaster)
	if err != nil {
		return err
	}
	printTable(b.out, fmt.Sprintf("Tools over %d prompts, each call for another: processor time of the server per call", asked), append(rows, added...))
	return nil
}

// measureCall loads one side for a while and notes what it cost.
func (s *toolSide) measureCall(ctx context.Context, c askedCall, postmaster int, costs map[string]*toolCost) error {
	l := load{address: s.address, clients: agents, requests: c.requests(s)}
	if _, err := l.askFor(ctx, warmUp); err != nil {
		return err
	}
	before, err := postgresTime(postmaster)
	if err != nil {
		return err
	}
	one, err := l.measureLoad(ctx, s.pid, measured)
	if err != nil {
		return err
	}
	after, err := postgresTime(postmaster)
	if err != nil {
		return err
	}
	if costs[s.name] == nil {
		costs[s.name] = &toolCost{}
	}
	cost := costs[s.name]
	cost.server, cost.elapsed = append(cost.server, one.processor), append(cost.elapsed, one.elapsed)
	if s.postgres {
		cost.postgres = append(cost.postgres, (after-before)*one.elapsed/measured.Seconds())
	}
	return nil
}

// rowsOfTool holds each side against the bare server, and against the old binary and the JSON files where there are such.
func rowsOfTool(c askedCall, costs map[string]*toolCost) []row {
	pairs := []struct{ measured, against, named, wanted string }{
		{onPostgres, bareServer, "bare net/http, same bytes", c.wanted},
		{onFolder, bareServer, "bare net/http, bytes as from Postgres", ""},
		{jsonFiles, bareServer, "bare net/http, bytes as from Postgres", ""},
		{onPostgres, jsonFiles, "a JSON file a version, with a lock", ""},
		{onFolder, jsonFiles, "a JSON file a version, with a lock", ""},
		{onPostgres, oldOnPostgres, "the old binary", ""},
		{onFolder, oldOnFolder, "the old binary", ""},
	}
	var rows []row
	for _, p := range pairs {
		ours, theirs := costs[p.measured], costs[p.against]
		if ours == nil || theirs == nil {
			continue
		}
		r := row{
			measured: c.tool + ", " + p.measured, against: p.named, ratios: ours.server.over(theirs.server), wanted: p.wanted,
			beside: joinNotes(formatMicros(ours.server)+" : "+formatMicros(theirs.server),
				fmt.Sprintf("answers in a second %.2f ×", theirs.elapsed.over(ours.elapsed).median())),
		}
		if ours.postgres != nil {
			r.database = formatMicros(ours.postgres)
		}
		if theirs.postgres != nil {
			r.database += " : " + formatMicros(theirs.postgres)
		}
		rows = append(rows, r)
	}
	return rows
}

// measureAdds measures add_prompt, one call after the other, where this tree's servers write: through the controller of the
// stack, into files, and into JSON.
func (b *bench) measureAdds(ctx context.Context, sides []*toolSide, postmaster int) ([]row, error) {
	if _, err := b.stack.ControlPlane.Kubectl(ctx, "create", "namespace", "added"); err != nil {
		return nil, err
	}
	endpoint, err := b.lecternLoad(b.stack.Endpoints[0], nil)
	if err != nil {
		return nil, err
	}
	writers := []*toolSide{{name: onPostgres, address: endpoint.address, pid: b.stack.Pid(testenv.Server1), postgres: true}}
	for _, side := range sides {
		if !side.postgres {
			writers = append(writers, side)
		}
	}
	costs, next := map[string]*toolCost{}, 0
	adds := askedCall{tool: "add_prompt", arguments: func(_ *toolSide, i int) string {
		return fmt.Sprintf(`"namespace":"added","name":"Added %d","content":"Text %d on {{ticket}}, which is to be kept.","isTemplate":true`, i, i)
	}}
	for round := range b.rounds {
		b.say("add_prompt, one after the other, round %d of %d.", round+1, b.rounds)
		for _, side := range writers {
			if err := side.measureAdd(ctx, adds, &next, postmaster, costs); err != nil {
				return nil, fmt.Errorf("add_prompt on %s: %w", side.name, err)
			}
		}
	}
	return rowsOfTool(adds, costs), nil
}

// addsARound is how many prompts are added one after the other.
const addsARound = 200

func (s *toolSide) measureAdd(ctx context.Context, c askedCall, next *int, postmaster int, costs map[string]*toolCost) error {
	connection, err := dial(ctx, s.address)
	if err != nil {
		return err
	}
	defer connection.Close() //nolint:errcheck // nothing is buffered for writing
	var before, after [2]float64
	var began time.Time
	read := func(into *[2]float64) (err error) {
		if into[0], err = processorTime(s.pid); err != nil {
			return err
		}
		into[1], err = postgresTime(postmaster)
		return err
	}
	for n := range addsARound + 1 {
		if n == 1 { // the first one warms
			if err := read(&before); err != nil {
				return err
			}
			began = time.Now()
		}
		*next++
		if err := connection.ask(toolCall(modernEra, c.tool, c.arguments(s, *next))); err != nil {
			return err
		}
	}
	elapsed := time.Since(began).Seconds()
	if err := read(&after); err != nil {
		return err
	}
	if costs[s.name] == nil {
		costs[s.name] = &toolCost{}
	}
	cost := costs[s.name]
	cost.server = append(cost.server, (after[0]-before[0])/addsARound)
	cost.elapsed = append(cost.elapsed, elapsed/addsARound)
	if s.postgres {
		cost.postgres = append(cost.postgres, (after[1]-before[1])/addsARound)
	}
	return nil
}
