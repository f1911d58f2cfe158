// Package monitoring holds what watches Lectern against Lectern: the alerts and the dashboard of config/monitoring and the pages
// that explain them against the metrics that its programs have, and the alerts against what promtool says fires.
package monitoring
