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

// serverWork is what the API server has done so far.
type serverWork struct {
	// writes of prompts and events, by verb, resource and subresource.
	writes    map[string]float64
	processor float64
}

// since returns what was done after earlier work.
func (a serverWork) since(earlier serverWork) serverWork {
	d := serverWork{writes: map[string]float64{}, processor: a.processor - earlier.processor}
	for what, count := range a.writes {
		if n := count - earlier.writes[what]; n > 0 {
			d.writes[what] = n
		}
	}
	return d
}

func (a serverWork) totalWrites() float64 {
	total := 0.0
	for _, n := range a.writes {
		total += n
	}
	return total
}

// readWork reads the API server's metrics.
func (t *tenant) readWork(ctx context.Context) (serverWork, error) {
	families, err := scrapeMetrics(ctx, t.client, t.cluster.Config.Host+"/metrics")
	if err != nil {
		return serverWork{}, fmt.Errorf("read the API server's metrics: %w", err)
	}
	found := serverWork{writes: map[string]float64{}}
	for _, m := range families["process_cpu_seconds_total"].GetMetric() {
		found.processor += m.GetCounter().GetValue()
	}
	for _, m := range families["apiserver_request_total"].GetMetric() {
		if what, is := nameOfWrite(m.GetLabel()); is {
			found.writes[what] += m.GetCounter().GetValue()
		}
	}
	return found, nil
}

// nameOfWrite names a write of a prompt or an event: "PATCH prompts/status". Leases and the API server's
// own objects are written at any time, by the clock.
func nameOfWrite(labels []*dto.LabelPair) (what string, is bool) {
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

// describePerObject describes writes per object.
func (a serverWork) describePerObject(objects int) string {
	var words []string
	for _, what := range slices.Sorted(maps.Keys(a.writes)) {
		words = append(words, fmt.Sprintf("%.2f %s", a.writes[what]/float64(objects), what))
	}
	return strings.Join(words, ", ")
}

// waitForStableWork returns the work once nothing is written any more: events come after what they tell of.
func (t *tenant) waitForStableWork(ctx context.Context) (serverWork, error) {
	last, err := t.readWork(ctx)
	if err != nil {
		return serverWork{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return serverWork{}, ctx.Err()
		case <-tick.C:
		}
		now, err := t.readWork(ctx)
		if err != nil || now.totalWrites() == last.totalWrites() {
			return now, err
		}
		last = now
	}
}
