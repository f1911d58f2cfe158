// Command monitoring writes the alerts of config/monitoring as a resource of the Prometheus operator, so that they are said once.
//
//	go run ./hack/monitoring
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// The file that is written, and the one it is made of.
const (
	rulePath   = "config/monitoring/prometheusrule.yaml"
	alertsPath = "config/monitoring/alerts.yaml"
)

const ruleHeader = `# Written by ` + "`go run ./hack/monitoring`" + ` from alerts.yaml; change that.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: lectern
  labels: {app.kubernetes.io/name: lectern}
spec:
`

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "monitoring:", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := testenv.Root()
	if err != nil {
		return err
	}
	alerts, err := os.ReadFile(filepath.Join(root, alertsPath))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, rulePath), []byte(wrapAlerts(string(alerts))), 0o644)
}

// wrapAlerts returns the resource with the groups of a file of Prometheus, its comments left out.
func wrapAlerts(alerts string) string {
	var rule strings.Builder
	rule.WriteString(ruleHeader)
	for line := range strings.Lines(alerts) {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			rule.WriteString(line)
		default:
			rule.WriteString("  " + line)
		}
	}
	return rule.String()
}
