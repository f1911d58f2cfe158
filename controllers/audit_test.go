package controllers

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestCallAudit_LastRows: a reconciler that ends its call after the manager was told to stop has its row loaded.
func TestCallAudit_LastRows(t *testing.T) {
	owner := pgtest.New(t)
	opened, err := postgres.Open(t.Context(), owner)
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	o := &options{database: owner, connections: connectionOptions{namespaces: []string{"default"}}, audit: audit.Flags{Store: audit.InPostgres, Spool: t.TempDir(), SpoolBytes: 1 << 20}}
	calls := &callAudit{}
	rows, err := calls.open(t.Context(), o, &database{store: opened}, nil, logr.Discard())
	require.NoError(t, err)
	mgr, err := ctrl.NewManager(controllerstest.StartCluster(t).Config, ctrl.Options{Metrics: metricsserver.Options{BindAddress: "0"}, Logger: logr.Discard()})
	require.NoError(t, err)
	begun := make(chan struct{})
	require.NoError(t, mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		close(begun)
		<-ctx.Done()
		return rows.Append(&audit.APICall{ID: audit.NewID(), StartedAt: time.Now()})
	})))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	<-begun
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, calls.close())
	var loaded int
	require.NoError(t, pgtest.Connect(t, owner).QueryRow(t.Context(), "select count(*) from api_audit_log").Scan(&loaded))
	if loaded != 1 {
		t.Errorf("%d rows are loaded, want the one that was made while the manager ended", loaded)
	}
}

// TestCallAudit_NoConnections: a controller that serves no connection calls nobody, and needs no room for rows.
func TestCallAudit_NoConnections(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	o := &options{audit: audit.Flags{Store: audit.InPostgres, Spool: filepath.Join(file, "spool"), SpoolBytes: 1 << 20}}
	calls := &callAudit{}
	rows, err := calls.open(t.Context(), o, &database{}, nil, logr.Discard())
	if rows != nil || err != nil {
		t.Errorf("opened %v, %v", rows, err)
	}
	require.NoError(t, calls.close())
}
