package controllers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/localdesk"
	"github.com/lectern-dev/lectern/internal/seal"
)

// callAudit is where rows of the controller's own calls of ServiceDesk Plus go. It is no runnable of the manager, which ends those
// before the reconcilers that make the rows.
type callAudit struct {
	mu sync.Mutex
	// end has what is left loaded; nil while nothing is open.
	end func() error
}

// open opens it, and has rows loaded until close. It returns nil where none are kept, and where no connection is served: nothing is
// called then, and the chart gives no room for rows.
func (a *callAudit) open(ctx context.Context, o *options, db *database, keys *seal.StorageKeys, log logr.Logger) (audit.Writer, error) {
	if len(o.connections.namespaces) == 0 {
		return nil, nil
	}
	open := audit.OpenOptions{Loader: db.store, Out: os.Stdout, Log: structuredLog(log)}
	if keys != nil {
		open.Keys = keys
	}
	if o.audit.Store == audit.InPostgres && o.audit.Spool == "" {
		state, err := localdesk.DefaultStateFolder()
		if err != nil {
			return nil, fmt.Errorf("%w; name a folder for rows of the audit with --audit-spool", err)
		}
		of, err := o.database.Fingerprint(ctx)
		if err != nil {
			return nil, err
		}
		open.Folder = filepath.Join(state, "audit", of)
	}
	opened, err := o.audit.Open(open)
	if err != nil {
		return nil, fmt.Errorf("open the audit: %w; --audit-spool names its folder", err)
	}
	unregister, err := registerMetrics(metrics.Registry, opened.Metrics())
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- opened.Run(running) }()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.end = func() error {
		cancel()
		defer unregister()
		return <-ended
	}
	return opened.Writer, nil
}

// close loads what is left, and ends it. The manager has ended before.
func (a *callAudit) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.end == nil {
		return nil
	}
	end := a.end
	a.end = nil
	if err := end(); err != nil {
		return fmt.Errorf("end the audit: %w", err)
	}
	return nil
}
