package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestOptions_Validate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options Options
		want    string
	}{
		"nobody is authenticated": {Options{Mode: ModeNone}, ""},
		"an audience":             {Options{Mode: ModeKubernetes, Audiences: []string{"http://lectern.lectern.svc/mcp"}}, ""},
		"two audiences":           {Options{Mode: ModeKubernetes, Audiences: []string{"https://a/mcp", "https://b/mcp"}}, ""},
		"no audience":             {Options{Mode: ModeKubernetes}, "--auth=kubernetes needs --audience: the audience that tokens of callers are issued for, as a rule the URL they use, such as http://lectern.NAMESPACE.svc/mcp"},
		"an empty audience":       {Options{Mode: ModeKubernetes, Audiences: []string{"a", ""}}, "--audience is empty; give a text, as a rule the URL that callers use"},
		"an audience twice":       {Options{Mode: ModeKubernetes, Audiences: []string{"a", "a"}}, `--audience "a" is given twice`},
		"an audience of two":      {Options{Mode: ModeKubernetes, Audiences: []string{"a b"}}, `--audience "a b" contains white space or a control character`},
		"a long audience":         {Options{Mode: ModeKubernetes, Audiences: []string{strings.Repeat("a", 513)}}, "--audience is 513 bytes long; at most 512 are taken"},
		"many audiences":          {Options{Mode: ModeKubernetes, Audiences: strings.Split(strings.Repeat("a", 17), "")}, "--audience is given 17 times; at most 16 are taken"},
		"oidc without its flags": {
			Options{Mode: ModeOIDC, Audiences: []string{"a"}, OIDC: OIDCOptions{IssuerURL: "https://a", UsernameClaim: "sub", SigningAlgorithms: signingAlgorithms, GroupsPrefix: "-"}},
			"--auth=oidc needs --oidc-username-prefix: the API server's --oidc-username-prefix, or - for none",
		},
		"an issuer, and Kubernetes is asked": {
			Options{Mode: ModeKubernetes, Audiences: []string{"a"}, OIDC: OIDCOptions{IssuerURL: "https://a"}},
			"--oidc-issuer-url is given, but --auth=kubernetes proves nobody by an issuer: set --auth=oidc, or leave it out",
		},
		"an unknown mode": {Options{Mode: "Kubernetes"}, `--auth is "Kubernetes"; it can be kubernetes, oidc or none`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := tc.options.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestOptions_AddFlags(t *testing.T) {
	t.Parallel()
	o := Options{Mode: ModeNone, Audiences: []string{"by default"}}
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	o.AddFlags(fs)
	o.AddKubeconfigFlag(fs)
	require.NoError(t, fs.Parse(nil))
	if diff := cmp.Diff(Options{Mode: ModeNone, Audiences: []string{"by default"}, OIDC: OIDCOptions{UsernameClaim: "sub", SigningAlgorithms: signingAlgorithms}}, o); diff != "" {
		t.Errorf("without flags (-want +got)\n%s", diff)
	}
	require.NoError(t, fs.Parse([]string{"--auth=kubernetes", "--audience=a", "--audience=b", "--kubeconfig=/k"}))
	if diff := cmp.Diff(Options{Mode: ModeKubernetes, Audiences: []string{"a", "b"}, Kubeconfig: "/k", OIDC: OIDCOptions{UsernameClaim: "sub", SigningAlgorithms: signingAlgorithms}}, o); diff != "" {
		t.Errorf("with flags (-want +got)\n%s", diff)
	}
}
