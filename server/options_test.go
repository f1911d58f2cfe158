package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestOptions_Validate(t *testing.T) {
	for name, tc := range map[string]struct {
		args    []string
		cluster string
		want    string
	}{
		"the defaults and a database": {args: []string{"--database-url=postgres://localhost/lectern"}},
		"no database":                 {want: "no database given: set --database-url-file, LECTERN_DATABASE_URL or --database-host; or serve a folder of manifests with --prompts DIR"},
		"an authentication to come":   {args: []string{"--auth=oidc"}, want: `--auth is "oidc"; the only one there is yet is "none"`},
		"a public address": {
			args: []string{"--address=127.0.0.1:1,0.0.0.0:2"},
			want: `--auth=none listens on loopback only: address "0.0.0.0:2" must be localhost, 127.0.0.1 or [::1] with a port`,
		},
		"public metrics": {
			args: []string{"--metrics-address=:9090"},
			want: `--auth=none listens on loopback only: address ":9090" must be localhost, 127.0.0.1 or [::1] with a port`,
		},
		"in a cluster": {
			cluster: "10.0.0.1",
			want:    "--auth=none does not run inside Kubernetes (KUBERNETES_SERVICE_HOST is set): every pod that reaches this one could read every prompt",
		},
		"no tokens": {
			args: []string{"--database-url=postgres://localhost/lectern", "--result-limit=-1"},
			want: "--result-limit is -1; give a number of tokens, or 0 for any number",
		},
		"a namespace that is none": {
			args: []string{"--database-url=postgres://localhost/lectern", "--default-namespace=My Team"},
			want: `--default-namespace: "My Team" is not a namespace: at most 63 lower-case letters, digits and '-'`,
		},
		"no room": {args: []string{"--catalog-bytes=1000"}, want: "--catalog-bytes is 1000; at least 1 MiB (1048576) is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KUBERNETES_SERVICE_HOST", tc.cluster)
			var opts Options
			flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
			opts.AddFlags(flags)
			if err := flags.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := opts.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestOptions_Complete(t *testing.T) {
	type completed struct {
		Addresses        []string
		Metrics          string
		DefaultNamespace string
		Bare             string
		Err              string
	}
	both := []string{DefaultAddress}
	for name, tc := range map[string]struct {
		args []string
		want completed
	}{
		"a server":                   {nil, completed{both, DefaultMetricsAddress, "", "", ""}},
		"a folder":                   {[]string{"--prompts=."}, completed{both, "", "default", "default", ""}},
		"a folder with another home": {[]string{"--prompts=.", "--default-namespace=it"}, completed{both, "", "it", "it", ""}},
		"a folder and metrics":       {[]string{"--prompts=.", "--metrics-address=127.0.0.1:2"}, completed{both, "127.0.0.1:2", "default", "default", ""}},
		"a client":                   {[]string{"--stdio"}, completed{nil, "", "", "", ""}},
		"a client and its home":      {[]string{"--stdio", "--default-namespace=it"}, completed{nil, "", "it", "it", ""}},
		"a client and an address":    {[]string{"--stdio", "--address=127.0.0.1:1"}, completed{[]string{"127.0.0.1:1"}, "", "", "", ""}},
		"a client and metrics":       {[]string{"--stdio", "--metrics-address=127.0.0.1:2"}, completed{nil, "127.0.0.1:2", "", "", ""}},
		"a folder and a database":    {[]string{"--prompts=.", "--database-host=db"}, completed{both, "", "default", "default", "--prompts serves a folder and needs no database: leave out --prompts, or --database-host (as an environment variable it is LECTERN_DATABASE_HOST)"}},
	} {
		t.Run(name, func(t *testing.T) {
			var opts Options
			flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
			opts.AddFlags(flags)
			if err := flags.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			var got completed
			if err := opts.Complete(flags); err != nil {
				got.Err = err.Error()
			}
			got.Addresses, got.Metrics, got.DefaultNamespace, got.Bare = opts.Addresses, opts.MetricsAddress, opts.DefaultNamespace, opts.homeNamespace()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
