package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/bulk"
)

const (
	promptsList = "prompts/list"
	// listPage is how many prompts the server puts on a page.
	listPage  = 500
	few, many = 1_000, 100_000
)

// measureLists measures a page of prompts/list that the server does not hold, from a large and from a small
// database, in turns.
func (b *bench) measureLists(ctx context.Context) error {
	libraries := make([]*library, 2)
	for i, prompts := range []int{few, many} {
		l, err := b.openLibrary(ctx, prompts, smallestCatalog)
		if err != nil {
			return err
		}
		defer b.closeLibrary(l)
		if err := l.checkPages(ctx); err != nil {
			return err
		}
		libraries[i] = l
	}
	var processor, elapsed, direct [2]series
	for n := range b.rounds {
		b.say("prompts/list, round %d of %d.", n+1, b.rounds)
		for i, l := range libraries {
			// One client: with several, the time between two pages would be the machine's, not a page's.
			pages := load{address: l.address, clients: 1, requests: l.pageRequests()}
			if _, err := pages.askFor(ctx, warmUp); err != nil {
				return err
			}
			s, err := pages.measureLoad(ctx, l.pid, measured)
			if err != nil {
				return err
			}
			processor[i], elapsed[i] = append(processor[i], s.processor), append(elapsed[i], s.elapsed)
			page, err := l.measureList(ctx, measured/2)
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
			wanted: "≤ 1.2", beside: formatMicros(s[1]) + " : " + formatMicros(s[0]),
		}
	}
	printTable(b.out, fmt.Sprintf("prompts/list: a page of %d that the server does not hold", listPage), []row{
		line("time over MCP, one client", elapsed),
		line("processor time of `lectern server`", processor),
		line("time of the store's List alone", direct),
	})
	return nil
}

// spreadKeys returns keys spread over all prompts that have a whole page after them.
func (l *library) spreadKeys() []store.Key {
	const wanted = 499 // a prime, so that steps through the keys do not meet namespaces' starts
	each := l.Prompts / bulk.Namespaces
	keys := make([]store.Key, wanted)
	for i := range keys {
		at := i * (l.Prompts - listPage) / wanted
		keys[i] = l.Key(at%each*bulk.Namespaces + at/each)
	}
	return keys
}

// pageRequests ask for the pages after these places, by the cursors the server gives out.
func (l *library) pageRequests() [][]byte {
	var all [][]byte
	for _, key := range l.spreadKeys() {
		cursor := base64.StdEncoding.EncodeToString([]byte("1/" + key.String()))
		all = append(all, httpRequest(modernEra, promptsList, "", fmt.Sprintf(`"cursor":%q`, cursor)))
	}
	return all
}

// checkPages refuses to measure pages that are not whole.
func (l *library) checkPages(ctx context.Context) error {
	answer, err := load{address: l.address, requests: l.pageRequests()}.askOnce(ctx)
	if err != nil {
		return err
	}
	if n := bytes.Count(answer, []byte(`"name":"ns-`)); n != listPage {
		return fmt.Errorf("a page of %d prompts has %d", listPage, n)
	}
	return nil
}

// measureList measures the time the store takes for a page, in seconds.
func (l *library) measureList(ctx context.Context, d time.Duration) (float64, error) {
	places := l.spreadKeys()
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
