package servicedesk_test

import (
	"io"
	"log/slog"
)

// logEverything returns a logger of every level.
func logEverything(to io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
