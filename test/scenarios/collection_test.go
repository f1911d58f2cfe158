package scenarios

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/hack/promptcsv"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// testCollection applies a whole collection and gets every prompt of it, byte for byte as its row
// says. The rows are read and filled here once more, by code that knows no Prompt.
func testCollection(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, largeStack(t))
	source := readCollection(t)
	rows, err := csv.NewReader(strings.NewReader(source)).ReadAll()
	require.NoError(t, err)
	prompts, err := promptcsv.Convert(strings.NewReader(source))
	require.NoError(t, err)
	if len(prompts) != len(rows)-1 {
		t.Fatalf("%d rows became %d prompts", len(rows)-1, len(prompts))
	}
	began := time.Now()
	for i := range prompts {
		prompts[i].Namespace = s.namespace
		require.NoError(t, s.createPrompts(ctx, &prompts[i]))
	}
	applied := time.Since(began)
	require.NoError(t, s.waitUntilPublished(ctx))
	t.Logf("%d prompts: applied by one client in %v, all Ready after %v", len(prompts), applied.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))

	began = time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for server, a := range s.agents {
		group.Go(func() error {
			for i := range prompts {
				arguments, want := fillPlaceholders(rows[i+1][1])
				got, err := getPromptEventually(ctx, a, s.namespace+"."+prompts[i].Name, arguments, want)
				if err != nil || got != want {
					return fmt.Errorf("row %d, %s, on server %d: %w; got %q, want %q", i+1, prompts[i].Name, server+1, err, abbreviate(got), abbreviate(want))
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	t.Logf("each fetched from both servers in %v", time.Since(began).Round(time.Millisecond))
	simple := 0
	for i := range prompts {
		if prompts[i].Spec.Syntax == "Simple" {
			simple++
		}
		if is := isFillable(rows[i+1][1]); is != (prompts[i].Spec.Syntax == "Simple") {
			t.Errorf("row %d became %s", i+1, prompts[i].Spec.Syntax)
		}
	}
	t.Logf("%d of them Simple, %d Plain", simple, len(prompts)-simple)
}

// getPromptEventually gets a prompt until it is there: the last ones may be on their way to the server.
func getPromptEventually(ctx context.Context, a *agent, name string, arguments map[string]string, want string) (got string, err error) {
	_ = wait.Until(ctx, func(ctx context.Context) error {
		if got, err = a.getPrompt(ctx, name, arguments); err == nil && got != want && strings.HasPrefix(got, "error ") {
			return fmt.Errorf("got %s", got)
		}
		return nil
	})
	return got, err
}

var (
	hole  = regexp.MustCompile(`\$\{([A-Za-z0-9_ ]+)(:[^}]*)?\}`)
	slot  = regexp.MustCompile(`\{\{[A-Za-z0-9_]+\}\}`)
	blank = strings.NewReplacer(" ", "_")
)

// isFillable says whether every hole of a row can be filled: the rule of the issue, not the
// converter's code.
func isFillable(text string) bool {
	return strings.Count(text, "${") == len(hole.FindAllString(text, -1)) && !slot.MatchString(text)
}

// fillPlaceholders invents values for the holes of a row that have no default, and fills all of them in the text
// as it stands in the file. The values look like placeholders, which must not be read again.
func fillPlaceholders(text string) (arguments map[string]string, filled string) {
	if !isFillable(text) {
		return nil, text
	}
	arguments, defaults := map[string]string{}, map[string]string{}
	for _, match := range hole.FindAllStringSubmatch(text, -1) {
		if name := blank.Replace(match[1]); defaults[name] == "" {
			defaults[name] = strings.TrimPrefix(match[2], ":")
		}
	}
	filled = hole.ReplaceAllStringFunc(text, func(match string) string {
		name := blank.Replace(hole.FindStringSubmatch(match)[1])
		if value := defaults[name]; value != "" {
			return value
		}
		arguments[name] = "<" + name + " {{" + name + "}} ${" + name + "} Ünï>"
		return arguments[name]
	})
	return arguments, filled
}

// readCollection returns the real one, or where it is absent one made here.
func readCollection(t *testing.T) string {
	t.Helper()
	path, err := testenv.TestData("prompts.csv")
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Clean(path))
	if err == nil {
		return string(content)
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("shared test inputs: %v; set LECTERN_TESTDATA", err)
	}
	t.Logf("shared test inputs: %v; working on rows made here", err)
	var made strings.Builder
	w := csv.NewWriter(&made)
	rows := [][]string{{"act", "prompt", "for_devs", "type"}}
	for i := range 300 {
		rows = append(rows, [][]string{
			{fmt.Sprintf("Título %d", i), "Write ${what} in a ${tone:brief} ${tone} tone", "TRUE", "TEXT"},
			{"the same title", "Braces {{stay}} and ${so} do these", "FALSE", "TEXT"},
			{"長い " + strings.Repeat("字", 120), strings.Repeat("naïve ${two words} ", 1+i*10), "FALSE", "STRUCTURED"},
		}[i%3])
	}
	require.NoError(t, w.WriteAll(rows))
	return made.String()
}
