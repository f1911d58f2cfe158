package load

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is what came of a load.
type Report struct {
	Lasted time.Duration
	// Calls are all that were answered or failed, the streams' openings included; Failed those that failed, and Failures what the
	// first of them were.
	Calls, Failed int
	Failures      []string
	// Unchecked are those that failed because Kubernetes did not answer in time who a caller is or what they may. Where API server and
	// tests share a machine that has too much to do, that says nothing of what was restarted.
	Unchecked int
	// Edits are those that were taken, Pending those of them that were told to be on their way and not what became of them.
	Edits, Pending int
	// Texts are what each owned prompt was last changed to, as its caller was told.
	Texts map[string]string
	// StreamEnds is how often a stream of a follower ended with its result and was opened again, Heard how many changes of
	// the list followers were told of.
	StreamEnds, Heard int

	reads, edits []time.Duration
}

// maxFailures bounds the failures that are kept.
const maxFailures = 20

// note counts a call, and how long it took among others of its kind.
func (l *Load) note(kind *[]time.Duration, took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Calls++
	*kind = append(*kind, took)
	if err == nil {
		return
	}
	l.report.Failed++
	// A server answers 503 to a caller whose token was not reviewed in time; the client tells of the status alone.
	if said := err.Error(); strings.Contains(said, "your rights cannot be checked now") || strings.HasSuffix(said, ": Service Unavailable") {
		l.report.Unchecked++
	}
	if len(l.report.Failures) < maxFailures {
		l.report.Failures = append(l.report.Failures, fmt.Sprintf("after %s, %s into it: %v", took.Round(time.Millisecond), time.Since(l.began).Round(time.Millisecond), err))
	}
}

// String returns the figures in a line, and the failures in one each.
func (r *Report) String() string {
	lines := []string{fmt.Sprintf("%d calls in %s (%.0f/s), %d failed (%d of them as Kubernetes did not answer in time); reads took %s; %d edits, of which %d were answered before they were published, took %s; "+
		"%d streams ended with their result and were opened again, %d changes were heard",
		r.Calls, r.Lasted.Round(time.Second), float64(r.Calls)/max(r.Lasted.Seconds(), 1), r.Failed, r.Unchecked, describeTimes(r.reads), r.Edits, r.Pending, describeTimes(r.edits), r.StreamEnds, r.Heard)}
	return strings.Join(append(lines, r.Failures...), "\n")
}

// describeTimes returns the median, the 99th percentile and the longest of some times.
func describeTimes(took []time.Duration) string {
	if len(took) == 0 {
		return "no time"
	}
	slices.Sort(took)
	at := func(share float64) time.Duration {
		return took[min(len(took)-1, int(share*float64(len(took))))].Round(time.Millisecond)
	}
	return fmt.Sprintf("p50 %s, p99 %s, longest %s", at(.5), at(.99), at(1))
}
