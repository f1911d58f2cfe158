package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/hack/local"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
)

const (
	promptsList = "prompts/list"
	// listPage is how many prompts the server puts on a page.
	listPage   = 500
	namespaces = 10
	few, many  = 1_000, 100_000
)

// library is a database of its own with a number of prompts, and a server on it.
type library struct {
	prompts int
	url     string
	address string
	pid     int
	store   *postgres.Store
}

// lists measures a page of prompts/list that the server does not hold, from a large and from a small
// database, in turns.
func (b *bench) lists(ctx context.Context) error {
	libraries := make([]*library, 2)
	for i, prompts := range []int{few, many} {
		b.say("Filling a database with %d prompts.", prompts)
		l, err := b.openLibrary(ctx, prompts)
		if err != nil {
			return err
		}
		defer l.store.Close()
		if err := l.check(ctx); err != nil {
			return err
		}
		libraries[i] = l
	}
	var processor, elapsed, direct [2]series
	for n := range b.rounds {
		b.say("prompts/list, round %d of %d.", n+1, b.rounds)
		for i, l := range libraries {
			// One client: with several, the time between two pages would be the machine's, not a page's.
			pages := load{address: l.address, clients: 1, requests: l.requests()}
			if _, err := pages.run(ctx, warmUp); err != nil {
				return err
			}
			s, err := pages.sample(ctx, l.pid, measured)
			if err != nil {
				return err
			}
			processor[i], elapsed[i] = append(processor[i], s.processor), append(elapsed[i], s.elapsed)
			page, err := l.read(ctx, measured/2)
			if err != nil {
				return err
			}
			direct[i] = append(direct[i], page)
		}
	}
	against := fmt.Sprintf("the same with %d", few)
	line := func(what string, s [2]series) row {
		return row{
			measured: fmt.Sprintf("%s, %d stored", what, many), against: against, ratios: s[1].over(s[0]),
			wanted: "≤ 1.2", beside: micros(s[1]) + " : " + micros(s[0]),
		}
	}
	table(b.out, fmt.Sprintf("prompts/list: a page of %d that the server does not hold", listPage), []row{
		line("time over MCP, one client", elapsed),
		line("processor time of `lectern server`", processor),
		line("time of the store's List alone", direct),
	})
	return nil
}

// openLibrary makes the database, fills it, and starts a server that has no room to keep a page.
func (b *bench) openLibrary(ctx context.Context, prompts int) (*library, error) {
	name := fmt.Sprintf("bench_%d_%d", os.Getpid(), prompts)
	if err := b.stack.Postgres.Exec(ctx, "create database "+name); err != nil {
		return nil, err
	}
	at, err := url.Parse(b.stack.Postgres.URL)
	if err != nil {
		return nil, fmt.Errorf("read the URL of Postgres: %w", err)
	}
	at.Path = "/" + name
	l := &library{prompts: prompts, url: at.String()}
	file := filepath.Join(b.stack.Dir, name+".url")
	if err := os.WriteFile(file, []byte(l.url), 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, b.stack.Binary, "migrate", "--database-url-file="+file).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("lectern migrate: %w\n%s", err, out)
	}
	if err := l.fill(ctx); err != nil {
		return nil, err
	}
	if l.store, err = postgres.Open(ctx, postgres.Options{URL: l.url}); err != nil {
		return nil, err
	}
	return l, b.startServer(ctx, l, name, file)
}

func (b *bench) startServer(ctx context.Context, l *library, name, urlFile string) error {
	port, err := local.FreePort()
	if err != nil {
		return err
	}
	probe, err := local.FreePort()
	if err != nil {
		return err
	}
	l.address = fmt.Sprintf("127.0.0.1:%d", port)
	if err := b.stack.Add(ctx, local.Beside{
		Name: name, Path: b.stack.Binary, Ready: fmt.Sprintf("http://127.0.0.1:%d/readyz", probe),
		// In the smallest catalog a page of these has no room: it is read from the store every time.
		Args: []string{"server", "--address=" + l.address, fmt.Sprintf("--metrics-address=127.0.0.1:%d", probe),
			"--database-url-file=" + urlFile, "--catalog-bytes=1048576"},
	}); err != nil {
		return err
	}
	l.pid = b.stack.Pid(name)
	return nil
}

// fill writes prompts as the controller would have, in an order that has nothing to do with their
// names.
func (l *library) fill(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, l.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, sql := range []string{
		fmt.Sprintf(`insert into prompts (namespace, name, owner_uid, generation, revision, highest_version, digest,
				title, description, category, tags, metadata, arguments)
			select 'ns-' || i %% %d, 'prompt-' || lpad((i / %[1]d)::text, 6, '0'), 'uid-' || i, 1, i + 1, 1, md5(i::text),
			       'Prompt number ' || i, 'What prompt ' || i || ' is for. ' || repeat('It says so at length. ', 8), 'service-desk',
			       '{incident,handover}', '{"team": "service desk"}',
			       '[{"name": "ticket", "description": "The ticket, as INC-4711", "type": "String", "required": true},
			         {"name": "tone", "description": "How it is to sound", "type": "String", "enum": ["brief", "detailed"], "default": "brief"}]'
			  from generate_series(0, %d) i
			 order by md5(i::text)`, namespaces, l.prompts-1),
		`insert into prompt_versions (prompt_id, version, digest, document, source, content)
			select id, 1, digest, '{}', '[]', '' from prompts`,
		"update prompts set default_version = 1, latest_version = 1",
		fmt.Sprintf("update feed set revision = %d", l.prompts),
		"vacuum (full, analyze) prompts",
		"vacuum (analyze) prompts, prompt_versions",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("fill the database: %w", err)
		}
	}
	return nil
}

// places are keys spread over all prompts that have a whole page after them.
func (l *library) places() []store.Key {
	const wanted = 499 // a prime, so that steps through the keys do not meet namespaces' starts
	each := l.prompts / namespaces
	keys := make([]store.Key, wanted)
	for i := range keys {
		at := i * (l.prompts - listPage) / wanted
		keys[i] = store.Key{Namespace: fmt.Sprintf("ns-%d", at/each), Name: fmt.Sprintf("prompt-%06d", at%each)}
	}
	return keys
}

// requests ask for the pages after these places, by the cursors the server gives out.
func (l *library) requests() [][]byte {
	var all [][]byte
	for _, key := range l.places() {
		cursor := base64.StdEncoding.EncodeToString([]byte("1/" + key.String()))
		all = append(all, post(modernEra, promptsList, "", fmt.Sprintf(`"cursor":%q`, cursor)))
	}
	return all
}

// check refuses to measure pages that are not whole.
func (l *library) check(ctx context.Context) error {
	answer, err := load{address: l.address, requests: l.requests()}.once(ctx)
	if err != nil {
		return err
	}
	if n := bytes.Count(answer, []byte(`"name":"ns-`)); n != listPage {
		return fmt.Errorf("a page of %d prompts has %d", listPage, n)
	}
	return nil
}

// read is the time the store takes for a page, in seconds.
func (l *library) read(ctx context.Context, d time.Duration) (float64, error) {
	places := l.places()
	began, pages := time.Now(), 0
	for ; time.Since(began) < d; pages++ {
		page, err := l.store.List(ctx, store.ListQuery{Scope: store.Scope{All: true}, After: places[pages%len(places)], Limit: listPage})
		if err != nil {
			return 0, err
		}
		if len(page.Prompts) != listPage {
			return 0, fmt.Errorf("a page of %d prompts has %d", listPage, len(page.Prompts))
		}
	}
	return time.Since(began).Seconds() / float64(pages), nil
}
