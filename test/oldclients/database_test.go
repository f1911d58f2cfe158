package oldclients

import (
	"fmt"
	"os"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestStdio_WithDatabase: prompts of the default namespace are named without it, as a client that knows none wants it.
func TestStdio_WithDatabase(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	plain := catalogtest.Text("Hello")
	plain.Syntax = prompt.Plain
	author.Publish(store.Key{Namespace: "it", Name: "greet"}, plain)
	author.Publish(store.Key{Namespace: "hr", Name: "greet"}, plain)
	c := launchWith(t, []string{"LECTERN_DATABASE_URL=" + pgtest.AsServerRole(t, author.Owner).URL}, "--default-namespace=it")
	c.initialize("2025-06-18")
	if ids := c.listIDs("list_prompts", args{}); fmt.Sprint(ids) != "[greet hr/greet]" {
		t.Errorf("ids %v", ids)
	}
	if got := c.getPrompt(args{"id": "greet"}).Content; got != "Hello" {
		t.Errorf("by the bare name there is %q", got)
	}
	if err := c.closeStdin(); err != nil {
		t.Error(err)
	}
}
