package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// noPair quotes nothing: it may be a secret.
const noPair = `a value of --sdp-credentials is not NAMESPACE/NAME=REF with the name of a connection, such as default/helpdesk=~/.config/lectern/helpdesk.yaml or default/helpdesk=env:HELPDESK`

func TestOptions_Validate(t *testing.T) {
	for name, tc := range map[string]struct {
		args    []string
		cluster string
		want    string
	}{
		"the defaults and a database":           {args: []string{"--database-url=postgres://localhost/lectern"}},
		"no database":                           {want: "no database given: set --database-url-file, LECTERN_DATABASE_URL or --database-host; or serve a folder of manifests with --prompts DIR"},
		"an authentication there is not":        {args: []string{"--auth=basic"}, want: `--auth is "basic"; it can be kubernetes, oidc or none`},
		"no audience":                           {args: []string{"--auth=kubernetes"}, want: `--auth=kubernetes needs --audience: the audience that tokens of callers are issued for, as a rule the URL they use, such as http://lectern.NAMESPACE.svc/mcp`},
		"an issuer, and nowhere to learn of it": {args: []string{"--auth=oidc", "--audience=a"}, want: "--auth=oidc needs --public-url: the URL that clients use, without /mcp, from which they learn where to get a token"},
		"an issuer": {args: []string{
			"--auth=oidc", "--public-url=https://prompts.example.org", "--oidc-issuer-url=https://issuer.example.org", "--oidc-username-prefix=oidc:",
			"--oidc-groups-prefix=oidc:", "--address=:8443", "--database-url=postgres://localhost/lectern",
		}},
		"addresses anywhere for callers that are known": {
			args: []string{"--auth=kubernetes", "--audience=a", "--address=:8443", "--metrics-address=:9090", "--database-url=postgres://localhost/lectern"},
		},
		"the URL is the audience":      {args: []string{"--auth=kubernetes", "--public-url=https://prompts.example.org", "--database-url=postgres://localhost/lectern"}},
		"a URL that is none":           {args: []string{"--auth=kubernetes", "--audience=a", "--public-url=prompts.example.org"}, want: `--public-url is "prompts.example.org"; give the http or https URL that clients use, without /mcp, such as https://prompts.example.org`},
		"the URL of the endpoint":      {args: []string{"--auth=kubernetes", "--public-url=https://prompts.example.org/mcp/"}, want: `--public-url is "https://prompts.example.org/mcp/"; give the http or https URL that clients use, without /mcp, such as https://prompts.example.org`},
		"an issuer of nobody":          {args: []string{"--oidc-issuer-url=https://issuer.example.org"}, want: "--oidc-issuer-url is given, but --auth=none proves nobody by an issuer: set --auth=oidc, or leave it out"},
		"no address":                   {args: []string{"--auth=kubernetes", "--audience=a", "--address=8443"}, want: `address "8443" is not host:port: address 8443: missing port in address`},
		"an origin that is none":       {args: []string{"--auth=kubernetes", "--audience=a", "--allowed-origins=*"}, want: `--allowed-origins: "*" is not the origin of a web page; give http:// or https://, a host, and a port if it is not the scheme's own, and no path`},
		"origins for nobody":           {args: []string{"--allowed-origins=https://a.example"}, want: "--allowed-origins needs a way to tell callers apart: set --auth, or leave it out; with --auth=none pages of this machine are let in and no others"},
		"a proxy that is none":         {args: []string{"--auth=kubernetes", "--audience=a", "--trusted-proxies=gateway"}, want: `--trusted-proxies: "gateway" is no address and no network; give one as 10.0.0.0/8`},
		"a rate below none":            {args: []string{"--prompts-per-second=-1"}, want: "--prompts-per-second is -1; give a number, or 0 for no limit"},
		"a rate that is none":          {args: []string{"--completions-per-second=NaN"}, want: "--completions-per-second is NaN; give a number, or 0 for no limit"},
		"streams below none":           {args: []string{"--streams-per-caller=-1"}, want: "--streams-per-caller is -1; give a number, or 0 for no limit"},
		"resources below none":         {args: []string{"--followed-resources-per-caller=-1"}, want: "--followed-resources-per-caller is -1; give a number, or 0 for no limit"},
		"failures below none":          {args: []string{"--failed-authentications-per-second=-1"}, want: "--failed-authentications-per-second is -1; give a number, or 0 for no limit"},
		"half a certificate":           {args: []string{"--tls-cert-file=tls.crt"}, want: "--tls-cert-file and --tls-key-file go together; give both, or neither for plain HTTP behind something that speaks TLS"},
		"credentials of connections":   {args: []string{"--prompts=d", "--sdp-credentials=support/helpdesk=env:A", "--sdp-credentials=other=b.yaml"}},
		"credentials without a folder": {args: []string{"--database-url=postgres://localhost/lectern", "--sdp-credentials=a/b=c"}, want: "--sdp-credentials is for connections in a folder: give that with --prompts DIR; those of a database have their credentials in Secrets"},
		"credentials of nothing":       {args: []string{"--prompts=d", "--sdp-credentials=helpdesk"}, want: noPair},
		"credentials of no name":       {args: []string{"--prompts=d", "--sdp-credentials=a/b/c=d"}, want: noPair},
		"credentials nowhere":          {args: []string{"--prompts=d", "--sdp-credentials=a/b="}, want: "--sdp-credentials a/b: what stands behind = is neither a path nor env:NAME"},
		"credentials twice":            {args: []string{"--prompts=d", "--sdp-credentials=default/b=c", "--sdp-credentials=b=d"}, want: "--sdp-credentials names connection default/b twice"},
		"credentials themselves":       {args: []string{"--prompts=d", `--sdp-credentials=b={"api_key": "canary"}`}, want: "--sdp-credentials b: what stands behind = looks like the credentials themselves, which everybody on this machine could read there; give a path or env:NAME"},
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
			want: "--auth=none does not run inside Kubernetes (KUBERNETES_SERVICE_HOST is set): every container of the pod, and whoever may forward " +
				"its ports, could read and change every prompt; set --auth=kubernetes, or --allow-in-pod if that is what you want",
		},
		"in a cluster on purpose":             {cluster: "10.0.0.1", args: []string{"--allow-in-pod", "--database-url=postgres://localhost/lectern"}},
		"in a cluster, on purpose, open":      {cluster: "10.0.0.1", args: []string{"--allow-in-pod", "--address=:8080"}, want: `--auth=none listens on loopback only: address ":8080" must be localhost, 127.0.0.1 or [::1] with a port`},
		"in a cluster, callers are known":     {cluster: "10.0.0.1", args: []string{"--auth=kubernetes", "--audience=a", "--address=:8080", "--database-url=postgres://localhost/lectern"}},
		"fewer tools for a client of its own": {args: []string{"--stdio", "--prompts=p", "--toolsets=requests,prompts", "--toolsets=people", "--read-only"}},
		"fewer tools for everybody": {
			args: []string{"--database-url=postgres://localhost/lectern", "--read-only"},
			want: "--toolsets and --read-only are for the client of --stdio; over HTTP a client writes ?toolsets=a,b and ?readonly in the URL",
		},
		"a toolset that is none": {
			args: []string{"--stdio", "--prompts=p", "--toolsets=ticket"},
			want: `--toolsets: "ticket" is no toolset; there are prompts, requests, lookups, projects, knowledge, people, problems-and-changes, assets, trash, audit`,
		},
		"no tokens": {
			args: []string{"--database-url=postgres://localhost/lectern", "--result-limit=-1"},
			want: "--result-limit is -1; give a number of tokens, or 0 for any number",
		},
		"a quota below none": {
			args: []string{"--database-url=postgres://localhost/lectern", "--change-quota=-1"},
			want: "--change-quota and --change-quota-per-namespace cannot be negative; 0 is no limit",
		},
		"a namespace that is none": {
			args: []string{"--database-url=postgres://localhost/lectern", "--default-namespace=My Team"},
			want: `--default-namespace: "My Team" is not a namespace: at most 63 lower-case letters, digits and '-'`,
		},
		"a watched namespace that is none": {
			args: []string{"--database-url=postgres://localhost/lectern", "--watch-namespaces=it,My Team"},
			want: `--watch-namespaces: "My Team" is not a namespace: at most 63 lower-case letters, digits and '-'`,
		},
		"a default that is not watched": {
			args: []string{"--database-url=postgres://localhost/lectern", "--watch-namespaces=it,support", "--default-namespace=prompts"},
			want: "--default-namespace is prompts, in which nothing could be added: --watch-namespaces names it, support; name it there, or another default",
		},
		"a default that is watched": {args: []string{"--database-url=postgres://localhost/lectern", "--watch-namespaces=it,support", "--default-namespace=it"}},
		"a delay below none": {
			args: []string{"--database-url=postgres://localhost/lectern", "--drain-delay=-1s"},
			want: "--drain-delay is -1s; give how long callers are served after the signal to stop, or 0 to stop at once",
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
			if err := opts.Complete(flags); err != nil {
				t.Fatal(err)
			}
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

// TestOptions_ChangeQuota: one caller has 50 requests open where callers are told apart, and what the flag says where it is set.
func TestOptions_ChangeQuota(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want int
	}{
		"nobody is told apart": {nil, 1000},
		"callers are":          {[]string{"--auth=kubernetes", "--audience=a"}, 50},
		"as it is set":         {[]string{"--auth=kubernetes", "--audience=a", "--change-quota=7"}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			var o Options
			fs := pflag.NewFlagSet("server", pflag.ContinueOnError)
			o.AddFlags(fs)
			if err := fs.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			if err := o.Complete(fs); err != nil {
				t.Fatal(err)
			}
			if got := o.Database.ChangeQuota.OfSubject; got != tc.want {
				t.Errorf("the quota is %d, want %d", got, tc.want)
			}
		})
	}
}
