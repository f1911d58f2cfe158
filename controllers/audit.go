package controllers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/localdesk"
	"github.com/lectern-dev/lectern/internal/seal"
)

// addAudit opens where rows of the controller's own calls of ServiceDesk Plus go, and has them loaded while the manager runs. It
// returns nil where none are kept.
func addAudit(ctx context.Context, mgr ctrl.Manager, o *options, db *database, keys *seal.StorageKeys, log logr.Logger) (audit.Writer, error) {
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
	return opened.Writer, mgr.Add(&auditRunner{opened, unregister})
}

// auditRunner has rows loaded. It ends after those who make them, which the manager ends first: they need the leadership.
type auditRunner struct {
	opened     *audit.Opened
	unregister func()
}

// NeedLeaderElection lets a controller that leads no more load what it has.
func (*auditRunner) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (r *auditRunner) Start(ctx context.Context) error {
	defer r.unregister()
	return r.opened.Run(ctx)
}
