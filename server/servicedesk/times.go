package servicedesk

import (
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// formatTime writes a time with the offset of a zone, to the second; nothing where there is none.
func formatTime(at sdp.Time, zone *time.Location) string {
	if at.IsZero() {
		return ""
	}
	return at.At.In(zone).Format(time.RFC3339)
}

// parseTime reads RFC 3339, or a date, which is local midnight.
func parseTime(argument, text string, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return at, nil
	}
	return time.Time{}, tool.NewInvalid("argument %q: %q is no time; write 2026-03-31 or 2026-03-31T08:00:00+02:00", argument, excerpt.Truncate(text, 80))
}

// parseEndTime is parseTime for an end: a date is the last millisecond of that day.
func parseEndTime(argument, text string, zone *time.Location) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return time.Date(day.Year(), day.Month(), day.Day(), 23, 59, 59, int(999*time.Millisecond), zone), nil
	}
	return parseTime(argument, text, zone)
}

// startOfDay returns local midnight.
func startOfDay(now time.Time, zone *time.Location) time.Time {
	local := now.In(zone)
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
}

// shortSpan writes how long something is, in at most two units.
func shortSpan(span time.Duration) string {
	minutes := int(span.Abs() / time.Minute)
	switch days, hours := minutes/(24*60), minutes/60%24; {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes%60)
	}
	return fmt.Sprintf("%dm", minutes%60)
}
