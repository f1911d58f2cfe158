package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	auditrow "github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/localdesk"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/prompts"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport"
)

// openAudit opens where rows of the audit go. Keys are nil where there are none.
func openAudit(ctx context.Context, opts *Options, from *backend, keys *seal.StorageKeys, log *slog.Logger) (*auditrow.Opened, error) {
	o := auditrow.OpenOptions{Loader: from.auditLoader, Keys: asAuditKeys(keys), Out: os.Stdout, Log: log}
	if opts.Audit.Store == auditrow.InPostgres && opts.Audit.Spool == "" {
		folder, err := defaultSpool(ctx, opts)
		if err != nil {
			return nil, fmt.Errorf("%w; name a folder for rows of the audit with --audit-spool", err)
		}
		o.Folder = folder
	}
	opened, err := opts.Audit.Open(o)
	if err != nil {
		return nil, fmt.Errorf("open the audit: %w; --audit-spool names its folder", err)
	}
	return opened, nil
}

// asAuditKeys returns keys that are nil where there are none.
func asAuditKeys(keys *seal.StorageKeys) auditrow.Keys {
	if keys == nil {
		return nil
	}
	return keys
}

// defaultSpool returns a folder of this user for the rows of a database: those of another one must not get there.
func defaultSpool(ctx context.Context, opts *Options) (string, error) {
	state, err := localdesk.DefaultStateFolder()
	if err != nil {
		return "", err
	}
	of, err := opts.Database.Fingerprint(ctx)
	return filepath.Join(state, "audit", of), err
}

// auditReader returns what finds rows again; nil where nothing is kept.
func (p *parts) auditReader() audit.Reader {
	switch {
	case p.audit.Memory != nil:
		return p.audit.Memory
	case p.auditRows == nil || p.audit.Writer == nil:
		return nil
	}
	return p.auditRows
}

// newSearch returns the tool that searches the audit; nil where nothing can be found.
func (d *Deps) newSearch() *audit.Search {
	if d.AuditReader == nil {
		return nil
	}
	config := audit.SearchConfig{Reader: d.AuditReader, Authorizer: d.Authorizer, Namespaces: d.Catalog.ListNamespaces, Log: d.Log}
	if d.ServiceDesk != nil {
		config.Connections = d.ServiceDesk.ConnectionKeys
	}
	return audit.NewSearch(config)
}

// newRecorder returns what makes rows of calls; nil where nothing is audited.
func (d *Deps) newRecorder(tools []string, offered []transport.Tool) transport.Recorder {
	if d.Audit == nil {
		return nil
	}
	config := audit.Config{Writer: d.Audit, Keys: d.AuditKeys, Tools: tools, Schemas: map[string]json.RawMessage{}, PromptMetrics: d.PromptMetrics, Log: d.Log}
	for _, t := range offered {
		config.Schemas[t.Definition.Name] = t.Definition.RawInputSchema
	}
	if d.ServiceDesk != nil {
		config.Writes, config.Unlisted = d.ServiceDesk.WritingTools(), servicedesk.UnlistedArguments()
	}
	recorder := audit.NewRecorder(config)
	d.Metrics.MustRegister(recorder.Metrics()...)
	return recorder
}

// promptUses returns what knows which versions of prompts were used; nil where nothing is kept.
func (d *Deps) promptUses() prompts.PromptUses {
	if d.AuditReader == nil {
		return nil
	}
	return d.AuditReader
}
