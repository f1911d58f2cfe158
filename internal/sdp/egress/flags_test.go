package egress

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/spf13/pflag"
)

func TestFlags(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args           []string
		allows, lacks  string
		proxy, refused string
		cidrs          []netip.Prefix
	}{
		"nothing":                   {nil, "https://default.example.org", "https://desk.example.org", "", "", nil},
		"an empty list":             {[]string{"--sdp-allowed-hosts="}, "https://default.example.org", "https://desk.example.org", "", "", nil},
		"a list instead of the own": {[]string{"--sdp-allowed-hosts=desk.example.org,http://fake.sdp.svc:8080"}, "http://fake.sdp.svc:8080", "https://default.example.org", "", "", nil},
		"a list in parts":           {[]string{"--sdp-allowed-hosts=desk.example.org", "--sdp-allowed-hosts=other.example.org"}, "https://other.example.org", "https://default.example.org", "", "", nil},
		"a proxy":                   {[]string{"--sdp-proxy=http://proxy.example.org:3128"}, "https://default.example.org", "https://desk.example.org", "http://proxy.example.org:3128", "", nil},
		"ranges of the cluster": {[]string{"--cluster-cidrs=10.244.7.7/16,fd00::/64"}, "https://default.example.org", "https://desk.example.org", "", "",
			[]netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00::/64")}},
		"a host with a path":     {args: []string{"--sdp-allowed-hosts=desk.example.org/api"}, refused: `--sdp-allowed-hosts: allowed host "desk.example.org/api": an entry is a host and a port, with at most one * as its first label`},
		"a proxy without scheme": {args: []string{"--sdp-proxy=proxy.example.org"}, refused: "--sdp-proxy: that is not the URL of a proxy, such as http://proxy.example.org:3128"},
		"an address, no range":   {args: []string{"--cluster-cidrs=10.244.0.1"}, refused: `--cluster-cidrs: "10.244.0.1" is no range of addresses, such as 10.244.0.0/16`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f Flags
			fs := pflag.NewFlagSet("", pflag.ContinueOnError)
			f.AddFlags(fs)
			if err := fs.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			o, err := f.Options([]string{"default.example.org"})
			if err != nil || tc.refused != "" {
				if err == nil || err.Error() != tc.refused {
					t.Fatalf("got %v, want %s", err, tc.refused)
				}
				return
			}
			if _, err := o.Rules.ParseURL(tc.allows); err != nil {
				t.Errorf("%s: %v", tc.allows, err)
			}
			if _, err := o.Rules.ParseURL(tc.lacks); err == nil {
				t.Errorf("%s is allowed", tc.lacks)
			}
			proxy := ""
			if o.Proxy != nil {
				proxy = o.Proxy.String()
			}
			if proxy != tc.proxy || !slices.Equal(o.ClusterCIDRs, tc.cidrs) {
				t.Errorf("got the proxy %q and the ranges %v", proxy, o.ClusterCIDRs)
			}
		})
	}
}
