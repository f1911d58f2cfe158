package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// openServiceDesk returns what serves ServiceDesk Plus; nil where no connection has credentials here, and where there is no key for the
// tokens in a database.
func openServiceDesk(opts *Options, from *backend, gate *auth.Gate, log *slog.Logger) (*servicedesk.Service, error) {
	config := servicedesk.Config{Store: from.connections, Projects: from.projects, Titles: from.titles, Authorizer: gate.Authorizer, Rates: gate.Rates, Log: log}
	switch {
	case from.local != nil:
		config.Store, config.Opener, config.FileFaults = from.local, from.local, from.fileFaults
	case from.connections == nil || opts.SealKeyFile == "":
		return nil, nil
	default:
		keys, err := seal.OpenStorageKeys(opts.SealKeyFile, log)
		if err != nil {
			return nil, fmt.Errorf("--seal-key-file: %w", err)
		}
		config.Opener, config.States = servicedesk.SealedTokens{Keys: keys}, servicedesk.SealedStates{Keys: keys}
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
