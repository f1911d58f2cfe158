package egress

import (
	"fmt"
	"net/netip"

	"github.com/spf13/pflag"
)

// Flags are what an installer says about where credentials may go: the same to a controller and to its servers.
type Flags struct {
	allowedHosts []string
	clusterCIDRs []string
	proxy        string
}

// AddFlags registers --sdp-allowed-hosts, --sdp-proxy and --cluster-cidrs.
func (f *Flags) AddFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.allowedHosts, "sdp-allowed-hosts", nil, "hosts that credentials of ServiceDesk Plus may go to, a list or repeated: desk.example.org:8443, "+
		"*.example.org (one label), 10.1.2.3; http:// before one allows it unencrypted; when empty the hosts of Zoho's data centers")
	fs.StringVar(&f.proxy, "sdp-proxy", "", "URL of a proxy for calls of ServiceDesk Plus, which then decides about addresses; HTTP_PROXY and HTTPS_PROXY do not count for them")
	fs.StringSliceVar(&f.clusterCIDRs, "cluster-cidrs", nil, "address ranges of the cluster's pods and services, a list or repeated: credentials of ServiceDesk Plus go there only "+
		"where an allowed host is an address, or a name that ends in .svc")
}

// Options returns what the flags say. Where they list no host, those of defaultHosts are allowed.
func (f *Flags) Options(defaultHosts []string) (Options, error) {
	hosts := f.allowedHosts
	if len(hosts) == 0 {
		hosts = defaultHosts
	}
	var o Options
	var err error
	if o.Rules, err = ParseRules(hosts); err != nil {
		return Options{}, fmt.Errorf("--sdp-allowed-hosts: %w", err)
	}
	if f.proxy != "" {
		if o.Proxy, err = ParseProxy(f.proxy); err != nil {
			return Options{}, fmt.Errorf("--sdp-proxy: %w", err)
		}
	}
	for _, text := range f.clusterCIDRs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return Options{}, fmt.Errorf("--cluster-cidrs: %q is no range of addresses, such as 10.244.0.0/16", text)
		}
		o.ClusterCIDRs = append(o.ClusterCIDRs, prefix.Masked())
	}
	return o, nil
}
