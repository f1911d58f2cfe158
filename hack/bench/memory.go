package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
)

// warmed is how many prompts a server holds whose memory is looked at.
const warmed = 10_000

// measureMemory measures what a server takes that holds prompts, against the bytes of their Documents.
func (b *bench) measureMemory(ctx context.Context) error {
	var documents, resident, grown, heap, estimate series
	for n := range b.rounds {
		b.say("Memory of %d prompts, round %d of %d.", warmed, n+1, b.rounds)
		l, err := b.openLibrary(ctx, warmed, roomyCatalog)
		if err != nil {
			return err
		}
		empty, err := residentBytes(l.pid)
		if err != nil {
			return err
		}
		stored, err := l.documentBytes(ctx)
		if err != nil {
			return err
		}
		if err := l.askForAll(ctx); err != nil {
			return err
		}
		full, err := residentBytes(l.pid)
		if err != nil {
			return err
		}
		lives, held, err := l.readCatalogMetrics(ctx)
		if err != nil {
			return err
		}
		b.closeLibrary(l)
		documents, resident, grown = append(documents, stored), append(resident, full), append(grown, full-empty)
		heap, estimate = append(heap, lives), append(estimate, held)
	}
	line := func(what string, s series) row {
		return row{measured: what, against: "bytes of the Documents", ratios: s.over(documents), beside: formatMebibytes(s) + " : " + formatMebibytes(documents)}
	}
	printTable(b.out, fmt.Sprintf("Memory of a server that holds %d prompts", warmed), []row{
		line("resident memory", resident),
		line("resident memory over that of the empty server", grown),
		line("heap in use, garbage included", heap),
		line("the catalog's own estimate", estimate),
	})
	return nil
}

// askForAll asks for every prompt once.
func (l *library) askForAll(ctx context.Context) error {
	c, err := dial(ctx, l.address)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing is buffered for writing
	for i := range l.Prompts {
		name := l.Key(i).Namespace + "." + l.Key(i).Name
		if err := c.ask(httpRequest(modernEra, promptsGet, name, fmt.Sprintf(`"name":%q,"arguments":{"ticket":"INC-4711"}`, name))); err != nil {
			return err
		}
	}
	return nil
}

// documentBytes returns how many bytes the Documents are as they are stored.
func (l *library) documentBytes(ctx context.Context) (total float64, err error) {
	conn, err := pgx.Connect(ctx, l.url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	err = conn.QueryRow(ctx, "select sum(octet_length(document::text)) from prompt_versions").Scan(&total)
	return total, err
}

// readCatalogMetrics returns the heap of a server that must hold every prompt, and its own estimate of what it holds.
func (l *library) readCatalogMetrics(ctx context.Context) (heap, estimate float64, err error) {
	families, err := scrapeMetrics(ctx, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, l.metrics)
	if err != nil {
		return 0, 0, fmt.Errorf("read a server's metrics: %w", err)
	}
	bodies := func(family string) float64 {
		for _, m := range families[family].GetMetric() {
			if m.GetLabel()[0].GetValue() == "bodies" {
				return m.GetGauge().GetValue()
			}
		}
		return 0
	}
	if held := bodies("lectern_catalog_entries"); held != float64(l.Prompts) {
		return 0, 0, fmt.Errorf("the server holds %.0f of %d prompts", held, l.Prompts)
	}
	return families["go_memstats_heap_alloc_bytes"].GetMetric()[0].GetGauge().GetValue(), bodies("lectern_catalog_bytes"), nil
}

func formatMebibytes(s series) string { return fmt.Sprintf("%.1f MiB", s.median()/(1<<20)) }
