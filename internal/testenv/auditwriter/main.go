// Command auditwriter appends rows to a spool of the audit and says of each that it is kept, so that a test can kill it in between. It
// appends as many as it is told, has them loaded, and ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store/postgres"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "auditwriter:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	url := flag.String("database-url", "", "URL of the database, as the role of servers")
	folder := flag.String("folder", "", "folder of the spool")
	keyFile := flag.String("seal-key-file", "", "file with seal keys")
	rows := flag.Int("rows", 0, "number of rows; without any it only loads what is there")
	prefix := flag.String("prefix", "", "what the targets of its rows begin with")
	every := flag.Int("flush-every", 10, "number of rows after which they are loaded")
	flag.Parse()
	keys, err := seal.OpenStorageKeys(*keyFile, slog.Default())
	if err != nil {
		return err
	}
	store, err := postgres.Open(ctx, postgres.Options{URL: *url, ConnectTimeout: time.Minute, ApplicationName: "auditwriter"})
	if err != nil {
		return err
	}
	defer store.Close()
	spool, err := audit.Open(audit.Options{Folder: *folder, Keys: keys, Loader: store})
	if err != nil {
		return err
	}
	for n := range *rows {
		row := &audit.ToolUsage{CallID: audit.NewID(), StartedAt: time.Now(), Method: "tools/call", Write: n%2 == 0, Target: fmt.Sprintf("%s/%d", *prefix, n)}
		if err := spool.Append(row); err != nil {
			return err
		}
		fmt.Println(row.Target)
		if (n+1)%*every == 0 {
			if err := spool.Flush(ctx); err != nil {
				return err
			}
		}
	}
	return spool.Flush(ctx)
}
