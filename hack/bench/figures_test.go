package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSeries_Percentile(t *testing.T) {
	t.Parallel()
	hundred := make(series, 100)
	for i := range hundred {
		hundred[len(hundred)-1-i] = float64(i + 1)
	}
	for p, want := range map[int]float64{1: 1, 50: 50, 99: 99, 100: 100} {
		if got := hundred.percentile(p); got != want {
			t.Errorf("p%d of 1 to 100 is %v", p, got)
		}
	}
	if got := (series{7}).percentile(99); got != 7 {
		t.Errorf("p99 of one sample is %v", got)
	}
}

func TestSeries_Median(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		samples series
		want    float64
	}{
		"none":                             {nil, 0},
		"one":                              {series{3}, 3},
		"the middle, whatever the order":   {series{9, 1, 2}, 2},
		"between the middle two when even": {series{4, 1, 2, 100}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := append(series(nil), tc.samples...)
			if got := tc.samples.median(); got != tc.want {
				t.Errorf("median of %v is %v, want %v", tc.samples, got, tc.want)
			}
			if diff := cmp.Diff(before, append(series(nil), tc.samples...)); diff != "" {
				t.Errorf("the rounds lost their order:\n%s", diff)
			}
		})
	}
}

// A machine that is twice as slow in one round of both changes no ratio.
func TestSeries_Over(t *testing.T) {
	t.Parallel()
	ours, baseline := series{3, 6, 3}, series{1, 2, 1}
	if diff := cmp.Diff(series{3, 3, 3}, ours.over(baseline)); diff != "" {
		t.Error(diff)
	}
}

func TestPrintTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	printTable(&b, "a heading", []row{
		{measured: "one", against: "other", ratios: series{1.5, 1, 2.25}, wanted: "≤ 2", beside: "3 µs : 2 µs"},
		{measured: "two", against: "other", ratios: series{1}},
	})
	want := `
### a heading

| measured | against | ratio (median) | least–most | wanted | beside it |
|---|---|---|---|---|---|
| one | other | 1.50 | 1.00–2.25 | ≤ 2 | 3 µs : 2 µs |
| two | other | 1.00 | 1.00–1.00 | – | – |
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPrintTable_WithPostgres(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	printTable(&b, "a heading", []row{
		{measured: "one", against: "other", ratios: series{1}, database: "7 µs : 8 µs"},
		{measured: "two", against: "other", ratios: series{1}},
	})
	want := `
### a heading

| measured | against | ratio (median) | least–most | wanted | beside it | Postgres |
|---|---|---|---|---|---|---|
| one | other | 1.00 | 1.00–1.00 | – | – | 7 µs : 8 µs |
| two | other | 1.00 | 1.00–1.00 | – | – | – |
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}
