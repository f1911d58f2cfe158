package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
)

const (
	// changesARound is how many changes a percentile is of.
	changesARound = 100
	// lookEvery is the time between two looks for a change: short against what is measured, and long
	// enough to leave the machine to those who bring it about.
	lookEvery = 200 * time.Microsecond
	// changing is the namespace, and the name, of the prompts that are changed.
	changing = "changing"
)

// way is one way a change takes, from whoever makes it to whoever sees it.
type way struct {
	what string
	// take makes the change and returns when it is seen.
	take func(ctx context.Context, n int) error
}

// measureVisible measures how long a change takes until both servers serve it, against one commit and its
// notification, a change of each in turns.
func (b *bench) measureVisible(ctx context.Context) error {
	ways, closing, err := b.openWays(ctx)
	if err != nil {
		return err
	}
	defer closing()
	percentiles := []int{50, 99}
	took := map[string]map[int]series{}
	for round := range b.rounds {
		b.say("A change until it is seen, round %d of %d.", round+1, b.rounds)
		samples, err := takeInTurns(ctx, ways, round)
		if err != nil {
			return err
		}
		for i, w := range ways {
			if took[w.what] == nil {
				took[w.what] = map[int]series{}
			}
			for _, p := range percentiles {
				took[w.what][p] = append(took[w.what][p], samples[i].percentile(p))
			}
		}
	}
	var rows []row
	floor := took[ways[0].what]
	for _, w := range ways[1:] {
		for _, p := range percentiles {
			rows = append(rows, row{
				measured: fmt.Sprintf("%s, p%d", w.what, p), against: fmt.Sprintf("%s, p%d", ways[0].what, p),
				ratios: took[w.what][p].over(floor[p]), beside: formatMicros(took[w.what][p]) + " : " + formatMicros(floor[p]),
			})
		}
	}
	printTable(b.out, fmt.Sprintf("A change until both servers serve it: %d changes a round", changesARound), rows)
	return nil
}

// openWays returns the floor first, then the two ways of a change.
func (b *bench) openWays(ctx context.Context) (ways []way, closing func(), err error) {
	var closers []func()
	closing = func() {
		for _, c := range slices.Backward(closers) {
			c()
		}
	}
	defer func() {
		if err != nil {
			closing()
		}
	}()
	floor, err := b.newCommitter(ctx)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, floor.close)
	t, err := newTenant(ctx, b.stack.ControlPlane, changing)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, t.close)
	db, err := postgres.Open(ctx, postgres.Options{URL: b.stack.OwnerURL})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, db.Close)
	var system corev1.Namespace
	if err := t.sendEmpty(ctx, http.MethodGet, "/api/v1/namespaces/kube-system", &system); err != nil {
		return nil, nil, err
	}
	writer := db.Writer(string(system.UID)) // the controller's cluster, so the database is its, too
	if err := writer.ClaimDatabase(ctx); err != nil {
		return nil, nil, err
	}
	watch, err := b.newWatchers(ctx, changing)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, watch.close)
	if err := t.createReady(ctx, "patched", "Text before any change"); err != nil {
		return nil, nil, err
	}
	return []way{
		{"a commit and its NOTIFY heard", floor.commit},
		{"publish into Postgres", newPublisher(writer, watch)},
		{"PATCH of the object", func(ctx context.Context, n int) error {
			if err := t.editText(ctx, "patched", changedText(n)); err != nil {
				return err
			}
			return watch.waitUntilServed(ctx, "patched", n)
		}},
	}, closing, nil
}

func changedText(n int) string { return fmt.Sprintf("Text after change %d", n) }

// newPublisher publishes as the controller does, without an object.
func newPublisher(writer *postgres.Writer, watch *watchers) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		compiled, err := prompt.Compile(prompt.Spec{Messages: []prompt.Message{{Role: prompt.User, Text: changedText(n)}}}, nil)
		if err != nil {
			return err
		}
		if _, err := writer.Publish(ctx, store.Publication{
			Key:      store.Key{Namespace: changing, Name: "published"},
			Owner:    store.Owner{UID: "bench", Generation: int64(n + 1)},
			Exposure: store.Listed, HistoryLimit: 100, Compiled: compiled,
		}); err != nil {
			return err
		}
		return watch.waitUntilServed(ctx, "published", n)
	}
}

// committer writes one row of its own and hears of it, over two connections.
type committer struct{ writing, listening *pgx.Conn }

func (b *bench) newCommitter(ctx context.Context) (*committer, error) {
	writing, err := pgx.Connect(ctx, b.stack.OwnerURL)
	if err != nil {
		return nil, err
	}
	c := &committer{writing: writing}
	if c.listening, err = pgx.Connect(ctx, b.stack.OwnerURL); err != nil {
		c.close()
		return nil, err
	}
	_, err = writing.Exec(ctx, "create table floor as select 0 as n") // a temporary one would not reach the disk
	if err == nil {
		_, err = c.listening.Exec(ctx, "listen bench")
	}
	return c, err
}

func (c *committer) close() {
	_, _ = c.writing.Exec(context.Background(), "drop table if exists floor") // the database goes with the run
	for _, conn := range []*pgx.Conn{c.writing, c.listening} {
		if conn != nil {
			_ = conn.Close(context.Background()) // the run is over
		}
	}
}

func (c *committer) commit(ctx context.Context, n int) error {
	_, err := c.writing.Exec(ctx, "with written as (update floor set n = $1 returning n) select pg_notify('bench', n::text) from written", n)
	if err != nil {
		return err
	}
	_, err = c.listening.WaitForNotification(ctx)
	return err
}

// watchers look at the prompts of a namespace on both servers.
type watchers struct {
	namespace   string
	connections []*connection
}

func (b *bench) newWatchers(ctx context.Context, namespace string) (*watchers, error) {
	w := &watchers{namespace: namespace}
	for _, endpoint := range b.stack.Endpoints {
		l, err := b.lecternLoad(endpoint, nil)
		if err != nil {
			return nil, err
		}
		c, err := dial(ctx, l.address)
		if err != nil {
			return nil, err
		}
		w.connections = append(w.connections, c)
	}
	return w, nil
}

func (w *watchers) close() {
	for _, c := range w.connections {
		_ = c.Close() // nothing is buffered for writing
	}
}

// waitUntilServed waits until both servers serve a change.
func (w *watchers) waitUntilServed(ctx context.Context, name string, n int) error {
	full := w.namespace + "." + name
	request, want := httpRequest(modernEra, promptsGet, full, fmt.Sprintf(`"name":%q`, full)), []byte(`"`+changedText(n)+`"`)
	late, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for _, c := range w.connections {
		for {
			err := c.ask(request)
			if err == nil && bytes.Contains(c.answer.Bytes(), want) {
				break
			}
			select {
			case <-tick.C:
			case <-late.Done():
				return errors.Join(fmt.Errorf("change %d of %s is not seen", n, name), err)
			}
		}
	}
	return nil
}
