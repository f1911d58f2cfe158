package bulk

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// CreateDatabase makes a database for the set in the Postgres of a stack, and returns the URL that
// reaches it as the superuser.
func (c Set) CreateDatabase(ctx context.Context, stack *testenv.Stack, name string) (string, error) {
	if err := stack.Postgres.Exec(ctx, "create database "+name); err != nil {
		return "", err
	}
	at, err := url.Parse(stack.Postgres.URL)
	if err != nil {
		return "", fmt.Errorf("read the URL of Postgres: %w", err)
	}
	at.Path = "/" + name
	file := filepath.Join(stack.Dir, name+".url")
	if err := os.WriteFile(file, []byte(at.String()), 0o600); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, stack.Binary, "migrate", "--database-url-file="+file).CombinedOutput(); err != nil {
		return "", fmt.Errorf("lectern migrate: %w\n%s", err, out)
	}
	return at.String(), c.Fill(ctx, at.String())
}
