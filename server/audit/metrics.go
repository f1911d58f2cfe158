package audit

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/audit"
)

// callMetrics count calls. No caller can make a label: a tool is one there is, and connections and prompts are there.
type callMetrics struct {
	tools map[string]bool
	calls *prometheus.CounterVec
	// prompts is nil where prompts have no metric of their own.
	prompts *prometheus.CounterVec
}

func newCallMetrics(tools []string, withPrompts bool) *callMetrics {
	m := &callMetrics{
		tools: make(map[string]bool, len(tools)),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lectern_tool_calls_total",
			Help: "Calls of tools, by tool, connection to ServiceDesk Plus and outcome.",
		}, []string{"tool", "connection", "outcome"}),
	}
	for _, name := range tools {
		m.tools[name] = true
	}
	if withPrompts {
		m.prompts = prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lectern_prompt_uses_total",
			Help: "How often a version of a prompt was fetched or rendered.",
		}, []string{"prompt", "version"})
	}
	return m
}

func (m *callMetrics) countCall(row *audit.ToolUsage) {
	name, connection := row.Tool, ""
	if !m.tools[name] {
		name = ""
	}
	if row.Connection.Name != "" {
		connection = row.Connection.Namespace + "/" + row.Connection.Name
	}
	m.calls.WithLabelValues(name, connection, string(row.Outcome)).Inc()
}

func (m *callMetrics) countPrompt(row *audit.ToolUsage) {
	if m.prompts != nil && row.Prompt.Version != 0 {
		m.prompts.WithLabelValues(row.Prompt.Namespace+"/"+row.Prompt.Name, strconv.FormatInt(row.Prompt.Version, 10)).Inc()
	}
}

// Metrics returns the metrics of calls, to be registered.
func (r *Recorder) Metrics() []prometheus.Collector {
	if r.metrics.prompts == nil {
		return []prometheus.Collector{r.metrics.calls}
	}
	return []prometheus.Collector{r.metrics.calls, r.metrics.prompts}
}
