package postgres

import (
	"math"
	"time"
)

// timeOf returns the time of seconds since 1970, to the microsecond that Postgres keeps; zero for none.
func timeOf(seconds float64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
}

// secondsSince1970 is the other way round.
func secondsSince1970(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}
