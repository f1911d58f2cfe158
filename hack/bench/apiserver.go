package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// account is what the API server has done so far.
type account struct {
	// writes of prompts and events, by verb, resource and subresource.
	writes    map[string]float64
	processor float64
}

// since is what was done after an earlier account.
func (a account) since(earlier account) account {
	d := account{writes: map[string]float64{}, processor: a.processor - earlier.processor}
	for what, count := range a.writes {
		if n := count - earlier.writes[what]; n > 0 {
			d.writes[what] = n
		}
	}
	return d
}

func (a account) total() float64 {
	total := 0.0
	for _, n := range a.writes {
		total += n
	}
	return total
}

// account reads the API server's metrics.
func (t *tenant) account(ctx context.Context) (account, error) {
	families, err := scrape(ctx, t.client, t.cluster.Config.Host+"/metrics")
	if err != nil {
		return account{}, fmt.Errorf("read the API server's metrics: %w", err)
	}
	found := account{writes: map[string]float64{}}
	for _, m := range families["process_cpu_seconds_total"].GetMetric() {
		found.processor += m.GetCounter().GetValue()
	}
	for _, m := range families["apiserver_request_total"].GetMetric() {
		if what, is := written(m.GetLabel()); is {
			found.writes[what] += m.GetCounter().GetValue()
		}
	}
	return found, nil
}

// written names a write of a prompt or an event: "PATCH prompts/status". Leases and the API server's
// own objects are written at any time, by the clock.
func written(labels []*dto.LabelPair) (what string, is bool) {
	of := make(map[string]string, len(labels))
	for _, l := range labels {
		of[l.GetName()] = l.GetValue()
	}
	if !slices.Contains([]string{"POST", "PUT", "PATCH", "APPLY"}, of["verb"]) ||
		!slices.Contains([]string{"prompts", "events"}, of["resource"]) {
		return "", false
	}
	what = of["verb"] + " " + of["resource"]
	if of["subresource"] != "" {
		what += "/" + of["subresource"]
	}
	if of["code"] >= "300" {
		what += " refused"
	}
	return what, true
}

// each describes writes per object.
func (a account) each(objects int) string {
	var words []string
	for _, what := range slices.Sorted(maps.Keys(a.writes)) {
		words = append(words, fmt.Sprintf("%.2f %s", a.writes[what]/float64(objects), what))
	}
	return strings.Join(words, ", ")
}

// settled is the account once nothing is written any more: events come after what they tell of.
func (t *tenant) settled(ctx context.Context) (account, error) {
	last, err := t.account(ctx)
	if err != nil {
		return account{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return account{}, ctx.Err()
		case <-tick.C:
		}
		now, err := t.account(ctx)
		if err != nil || now.total() == last.total() {
			return now, err
		}
		last = now
	}
}
