package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// series are the samples of one thing, one a round.
type series []float64

// median returns the middle sample; of an even number the mean of the two in the middle.
func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Clone(s)
	slices.Sort(sorted)
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// percentile returns the least sample that so many percent are not above.
func (s series) percentile(p int) float64 {
	sorted := slices.Clone(s)
	slices.Sort(sorted)
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

// over divides round by round: what disturbed one round of both is in neither ratio.
func (s series) over(baseline series) series {
	ratios := make(series, min(len(s), len(baseline)))
	for i := range ratios {
		ratios[i] = s[i] / baseline[i]
	}
	return ratios
}

// row is a line of the table: a ratio, and what stands beside it.
type row struct {
	measured, against string
	ratios            series
	wanted            string
	beside            string
	// database is the processor time of Postgres, where that is measured.
	database string
}

// printTable prints rows as Markdown under a heading. The processor time of Postgres has a column where one row has it.
func printTable(w io.Writer, heading string, rows []row) {
	database := slices.ContainsFunc(rows, func(r row) bool { return r.database != "" })
	fmt.Fprintf(w, "\n### %s\n\n", heading)
	head, line := "| measured | against | ratio (median) | least–most | wanted | beside it |", "|---|---|---|---|---|---|"
	if database {
		head, line = head+" Postgres |", line+"---|"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, line)
	for _, r := range rows {
		fmt.Fprintf(w, "| %s | %s | %.2f | %.2f–%.2f | %s | %s |",
			r.measured, r.against, r.ratios.median(), slices.Min(r.ratios), slices.Max(r.ratios),
			cmp.Or(r.wanted, "–"), cmp.Or(r.beside, "–"))
		if database {
			fmt.Fprintf(w, " %s |", cmp.Or(r.database, "–"))
		}
		fmt.Fprintln(w)
	}
}

// formatMicros shows seconds as microseconds.
func formatMicros(s series) string { return fmt.Sprintf("%.0f µs", s.median()*1e6) }

func joinNotes(parts ...string) string { return strings.Join(parts, "; ") }
