package monitoring

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// dashboard is what is looked at of config/monitoring/dashboard.json.
type dashboard struct {
	UID, Title  string
	Annotations struct{ List []struct{ Expr string } }
	Templating  struct {
		List []struct{ Name, Definition string }
	}
	Panels []struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr string }
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	require.NoError(t, json.Unmarshal(readFile(t, "config/monitoring/dashboard.json"), &d))
	if len(d.Panels) < 40 {
		t.Fatalf("only %d panels were read", len(d.Panels))
	}
	return d
}

// expressions returns what the panels ask for, with Grafana's variables as Prometheus takes them.
func (d dashboard) expressions() []string {
	var all []string
	variables := strings.NewReplacer("$__rate_interval", "5m", "$namespace", ".*", "$job", ".*")
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			all = append(all, variables.Replace(target.Expr))
		}
	}
	return all
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	runPromtool(t, "check", "rules", writeRules(t, d.expressions()))
	ids := map[int]bool{}
	for i, panel := range d.Panels {
		switch {
		case ids[panel.ID]:
			t.Errorf("two panels have the id %d", panel.ID)
		case panel.GridPos.X+panel.GridPos.W > 24:
			t.Errorf("panel %s is wider than the page", panel.Title)
		case panel.Type != "row" && len(panel.Targets) == 0:
			t.Errorf("panel %s shows nothing", panel.Title)
		}
		ids[panel.ID] = true
		for _, other := range d.Panels[:i] {
			a, b := panel.GridPos, other.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %s and %s overlap", panel.Title, other.Title)
			}
		}
	}
}
