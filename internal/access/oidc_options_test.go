package access

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestOIDCOptions_Validate(t *testing.T) {
	t.Parallel()
	good := []string{"--oidc-issuer-url=https://idp.example.org/realms/a", "--oidc-username-prefix=-", "--oidc-groups-prefix=oidc:"}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"good": {nil, ""},
		"nothing said": {
			[]string{"--oidc-issuer-url=", "--oidc-username-prefix=", "--oidc-groups-prefix="},
			"--auth=oidc needs --oidc-issuer-url: the https URL of the issuer, as in the iss claim of its tokens\n" +
				"--auth=oidc needs --oidc-username-prefix: the API server's --oidc-username-prefix, or - for none\n" +
				"--auth=oidc needs --oidc-groups-prefix: the API server's --oidc-groups-prefix, or - for none",
		},
		"http issuer":           {[]string{"--oidc-issuer-url=http://idp.example.org"}, `--oidc-issuer-url "http://idp.example.org" is not an https URL`},
		"issuer without a host": {[]string{"--oidc-issuer-url=https:///a"}, `--oidc-issuer-url "https:///a" is not an https URL`},
		"issuer with a query":   {[]string{"--oidc-issuer-url=https://idp.example.org?a=b"}, `--oidc-issuer-url "https://idp.example.org?a=b" has a query, which it may not`},
		"issuer with a user":    {[]string{"--oidc-issuer-url=https://a@idp.example.org"}, `--oidc-issuer-url "https://a@idp.example.org" has a user or a fragment, which it may not`},
		"no claim":              {[]string{"--oidc-username-claim="}, "--oidc-username-claim is empty: name the claim with the user, such as sub or email"},
		"reserved prefix":       {[]string{"--oidc-groups-prefix=system:"}, `--oidc-groups-prefix "system:" begins with system:, which is Kubernetes' own`},
		"HS256":                 {[]string{"--oidc-signing-algs=RS256,HS256"}, `--oidc-signing-algs: "HS256" is not one of RS256, RS384, RS512, ES256, ES384, ES512, EdDSA`},
		"no algorithm":          {[]string{"--oidc-signing-algs="}, "--oidc-signing-algs is empty: name one of RS256, RS384, RS512, ES256, ES384, ES512, EdDSA"},
		"not a scope":           {[]string{"--oidc-required-scopes=a b"}, `--oidc-required-scopes: "a b" is not a scope: printable ASCII without blanks, quotes and backslashes`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var options OIDCOptions
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			options.AddFlags(flags)
			if err := flags.Parse(append(good, tc.args...)); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := options.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
