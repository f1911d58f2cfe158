package controllers

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/egress/egresstest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestConnectionOptions_Validate(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		"": "",
		"--connection-namespaces=support,network":   "",
		"--connection-namespaces=support,support":   "--connection-namespaces names support twice",
		"--connection-namespaces=support,*":         `--connection-namespaces: "*" is not a namespace: at most 63 lower-case letters, digits and '-'`,
		"--connection-namespaces=sales":             "--connection-namespaces names sales, which is not watched: --watch-namespaces names support, network; name it there, or leave it out",
		"--sdp-allowed-hosts=https://a/b":           `--sdp-allowed-hosts: allowed host "https://a/b": an entry is a host and a port, with at most one * as its first label`,
		"--sdp-allowed-hosts=http://fake.sdp.svc:1": "",
	} {
		t.Run(arguments, func(t *testing.T) {
			t.Parallel()
			var o connectionOptions
			fs := pflag.NewFlagSet("", pflag.ContinueOnError)
			o.addFlags(fs)
			if err := fs.Parse(strings.Fields(arguments)); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := o.validate(namespaces.New("support", "network")); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

// TestConnectionOptions_Destinations: a name that is allowed may be neither the API server, however its address is written, nor in the
// ranges that --cluster-cidrs says.
func TestConnectionOptions_Destinations(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "203.0.113.5")
	const apiServer = "it is the API server's address"
	for name, tc := range map[string]struct{ server, resolved, want string }{
		"the API server by URL":            {"https://203.0.113.6:6443", "203.0.113.6", apiServer},
		"the API server by host and port":  {"203.0.113.6:6443", "203.0.113.6", apiServer},
		"the API server by host":           {"203.0.113.6", "203.0.113.6", apiServer},
		"the API server's Service":         {"https://203.0.113.6:6443", "203.0.113.5", apiServer},
		"an address in the cluster":        {"https://203.0.113.6:6443", "10.244.3.4", "it is in the cluster (--cluster-cidrs)"},
		"another address in the cluster":   {"https://203.0.113.6:6443", "10.96.0.10", "it is in the cluster (--cluster-cidrs)"},
		"a server that is not to be found": {"https://api.invalid:6443", "203.0.113.5", apiServer},
	} {
		t.Run(name, func(t *testing.T) {
			var o connectionOptions
			fs := pflag.NewFlagSet("", pflag.ContinueOnError)
			o.addFlags(fs)
			require.NoError(t, fs.Parse([]string{"--sdp-allowed-hosts=http://desk.example.org", "--cluster-cidrs=10.244.0.0/16,10.96.0.0/12"}))
			allowed, err := o.destinations(t.Context(), &rest.Config{Host: tc.server}, logr.Discard())
			require.NoError(t, err)
			allowed.Resolver = egresstest.NewResolver(t, tc.resolved)
			sender, err := egress.NewClient(allowed)
			require.NoError(t, err)
			defer sender.CloseIdleConnections()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://desk.example.org", http.NoBody)
			require.NoError(t, err)
			answer, err := sender.Do(request)
			if err == nil {
				answer.Body.Close()
			}
			if refused, is := errors.AsType[*egress.NotAllowedError](err); !is || !strings.Contains(refused.Reason, tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
