package audit

import (
	"context"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// Opened is where rows go, as flags say.
type Opened struct {
	// Writer is nil where nothing is audited.
	Writer Writer
	// Memory is where rows are in memory, nil elsewhere.
	Memory *Memory

	spool *Spool
	log   *JSONLog
}

// OpenOptions are what Flags leave to a program.
type OpenOptions struct {
	// Folder is the spool where the flags name none.
	Folder string
	Loader Loader
	// Keys may be nil.
	Keys Keys
	Out  io.Writer
	Log  *slog.Logger
}

// Open opens what valid flags say. What is in a spool is loaded while Run runs.
func (f *Flags) Open(o OpenOptions) (*Opened, error) {
	opened := &Opened{}
	switch f.Store {
	case InMemory:
		opened.Memory = NewMemory()
		opened.Writer = opened.Memory
	case InPostgres:
		folder := f.Spool
		if folder == "" {
			folder = o.Folder
		}
		spool, err := Open(Options{Folder: folder, MaxBytes: f.SpoolBytes, Keys: o.Keys, Loader: o.Loader, Log: o.Log})
		if err != nil {
			return nil, err
		}
		opened.spool, opened.Writer = spool, spool
	}
	if f.Log == logJSON {
		opened.log = NewJSONLog(o.Out, opened.Writer)
		opened.Writer = opened.log
	}
	return opened, nil
}

// Run has rows loaded until ctx ends.
func (o *Opened) Run(ctx context.Context) error {
	if o.spool == nil {
		return nil
	}
	return o.spool.Run(ctx)
}

// Metrics returns what became of rows, to be registered.
func (o *Opened) Metrics() []prometheus.Collector {
	var metrics []prometheus.Collector
	if o.spool != nil {
		metrics = append(metrics, newSpoolCollector(o.spool))
	}
	if o.log != nil {
		metrics = append(metrics, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lectern_audit_log_lines_lost_total",
			Help: "Rows of the audit that could not be written to stdout.",
		}, func() float64 { return float64(o.log.Lost()) }))
	}
	return metrics
}
