package controllers

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/namespaces"
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
