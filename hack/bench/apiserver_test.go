package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
)

func TestNameOfWrite(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		verb, resource, subresource, code string
		want                              string
	}{
		"a status":        {"PATCH", "prompts", "status", "200", "PATCH prompts/status"},
		"an object":       {"POST", "prompts", "", "201", "POST prompts"},
		"an event":        {"POST", "events", "", "201", "POST events"},
		"a refused write": {"PATCH", "prompts", "", "409", "PATCH prompts refused"},
		"a read":          {"GET", "prompts", "", "200", ""},
		"a lease":         {"PUT", "leases", "", "200", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var labels []*dto.LabelPair
			for k, v := range map[string]string{"verb": tc.verb, "resource": tc.resource, "subresource": tc.subresource, "code": tc.code} {
				labels = append(labels, &dto.LabelPair{Name: &k, Value: &v})
			}
			got, is := nameOfWrite(labels)
			if got != tc.want || is != (tc.want != "") {
				t.Errorf("got %q, %t; want %q", got, is, tc.want)
			}
		})
	}
}

func TestServerWork_Since(t *testing.T) {
	t.Parallel()
	before := serverWork{writes: map[string]float64{"POST prompts": 3, "POST events": 5}, processor: 1}
	after := serverWork{writes: map[string]float64{"POST prompts": 7, "POST events": 5, "PATCH prompts": 2}, processor: 4}
	want := serverWork{writes: map[string]float64{"POST prompts": 4, "PATCH prompts": 2}, processor: 3}
	got := after.since(before)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(serverWork{})); diff != "" {
		t.Error(diff)
	}
	if got.totalWrites() != 6 || got.describePerObject(2) != "1.00 PATCH prompts, 2.00 POST prompts" {
		t.Errorf("total %v, each %q", got.totalWrites(), got.describePerObject(2))
	}
}
