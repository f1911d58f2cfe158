package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"

	auditrow "github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// openServiceDesk returns what serves ServiceDesk Plus; nil where no connection has credentials here, and where there is no key for the
// tokens in a database.
func openServiceDesk(
	opts *Options, from *backend, gate *auth.Gate, keys *seal.StorageKeys, audited *auditrow.Opened, log *slog.Logger,
) (*servicedesk.Service, error) {
	config := servicedesk.Config{
		Store: from.connections, Writes: from.writes, Projects: from.projects, Titles: from.titles,
		Authorizer: gate.Authorizer, Rates: gate.Rates, Log: log,
		Audit: audited.Writer, AuditKeys: asAuditKeys(keys), AuditRequired: opts.Audit.IsWriteRequired(),
		Off: opts.describeOff(), WritesOff: opts.switches.writeIntents == switchOff, LookupsOff: opts.switches.lookups == switchOff,
	}
	switch {
	case opts.switches.tokens == switchOff:
		return nil, nil
	case from.local != nil:
		config.Store, config.Writes, config.Opener, config.FileFaults = from.local, from.local, from.local, from.fileFaults
		states, err := servicedesk.NewProcessStates()
		if err != nil {
			return nil, err
		}
		config.States, config.Plans, config.Traces = states, states, states
	case from.connections == nil || keys == nil:
		return nil, nil
	default:
		states := servicedesk.SealedStates{Keys: keys}
		config.Opener = servicedesk.SealedTokens{Keys: keys}
		config.States, config.Plans, config.Traces = states, states, states
	}
	if opts.switches.lookups != inPostgres {
		config.Store = ownLookups{config.Store}
	}
	if config.WritesOff {
		config.Writes = nil
	}
	switch opts.switches.projectCache {
	case inMemory:
		config.Projects = servicedesk.NewProjectMemory()
	case switchOff:
		config.Projects = nil
	}
	allowed, err := opts.allowedEgress()
	if err != nil {
		return nil, err
	}
	config.NewSender = func(caCertificates string) (*http.Client, error) {
		own := allowed
		own.CABundle = []byte(caCertificates)
		return egress.NewClient(own)
	}
	return servicedesk.New(config), nil
}

// openSealKeys returns the keys that tokens in the database, and rows of the audit on their way there, are sealed with; nil where none
// are named.
func openSealKeys(opts *Options, log *slog.Logger) (*seal.StorageKeys, error) {
	if opts.SealKeyFile == "" {
		return nil, nil
	}
	keys, err := seal.OpenStorageKeys(opts.SealKeyFile, log)
	if err != nil {
		return nil, fmt.Errorf("--seal-key-file: %w", err)
	}
	return keys, nil
}

// ownLookups is a store without lists: the server reads those it needs from ServiceDesk Plus, and tells nobody.
type ownLookups struct{ servicedesk.Store }

// ListLookups implements servicedesk.Store.
func (ownLookups) ListLookups(context.Context, int64) ([]store.LookupState, error) { return nil, nil }

// LookupEntries implements servicedesk.Store.
func (ownLookups) LookupEntries(context.Context, int64, string) ([]store.LookupEntry, error) {
	return nil, nil
}

// StoreObservations implements servicedesk.Store.
func (ownLookups) StoreObservations(context.Context, int64, []store.Observation) error { return nil }

// allowedEgress returns where credentials may go.
func (o *Options) allowedEgress() (egress.Options, error) {
	allowed, err := o.Egress.Options(sdp.DataCenterHosts())
	allowed.APIServer = apiServerAddresses(os.Getenv)
	return allowed, err
}

// apiServerAddresses returns where the API server of the cluster is that this program runs in, if it does: no credentials go there.
func apiServerAddresses(env func(string) string) []netip.Addr {
	at, err := netip.ParseAddr(env("KUBERNETES_SERVICE_HOST"))
	if err != nil {
		return nil
	}
	return []netip.Addr{at}
}
