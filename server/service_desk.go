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

// openServiceDesk returns what serves ServiceDesk Plus; nil where there is no database with connections, or no key for their tokens.
func openServiceDesk(opts *Options, connections servicedesk.Store, gate *auth.Gate, log *slog.Logger) (*servicedesk.Service, error) {
	if connections == nil || opts.SealKeyFile == "" {
		return nil, nil
	}
	keys, err := seal.OpenStorageKeys(opts.SealKeyFile, log)
	if err != nil {
		return nil, fmt.Errorf("--seal-key-file: %w", err)
	}
	allowed, err := opts.Egress.Options(sdp.DataCenterHosts())
	if err != nil {
		return nil, err
	}
	allowed.APIServer = apiServerAddresses(os.Getenv)
	return servicedesk.New(servicedesk.Config{
		Store: connections, Opener: servicedesk.SealedTokens{Keys: keys}, States: servicedesk.SealedStates{Keys: keys}, Authorizer: gate.Authorizer, Rates: gate.Rates, Log: log,
		NewSender: func(caCertificates string) (*http.Client, error) {
			own := allowed
			own.CABundle = []byte(caCertificates)
			return egress.NewClient(own)
		},
	}), nil
}

// apiServerAddresses returns where the API server of the cluster is that this program runs in, if it does: no credentials go there.
func apiServerAddresses(env func(string) string) []netip.Addr {
	at, err := netip.ParseAddr(env("KUBERNETES_SERVICE_HOST"))
	if err != nil {
		return nil
	}
	return []netip.Addr{at}
}
