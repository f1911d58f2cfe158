package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Mode is how callers are authenticated: the values of --auth.
type Mode string

// The modes.
const (
	// ModeKubernetes has Kubernetes prove a ServiceAccount's token (TokenReview).
	ModeKubernetes Mode = "kubernetes"
	// ModeOIDC proves a token of an OpenID Connect issuer.
	ModeOIDC Mode = "oidc"
	// ModeNone proves nothing, and asks nobody.
	ModeNone Mode = "none"
)

// What --audience takes: an API server reads all of them for every token.
const (
	maxAudiences      = 16
	maxAudienceLength = 512
)

// Options say how callers are authenticated, and whom to ask.
type Options struct {
	// Mode is also the default of its flag.
	Mode Mode
	// Audiences are those for which a token may be issued; one of them is enough.
	Audiences []string
	// Kubeconfig is the file that says where the API server is; when empty KUBECONFIG, then the pod's own account, then
	// ~/.kube/config.
	Kubeconfig string
	// OIDC says whose tokens ModeOIDC proves.
	OIDC OIDCOptions
}

// AddFlags registers --auth and --audience. What Options hold before is their default.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar((*string)(&o.Mode), "auth", string(o.Mode),
		"how callers are authenticated; kubernetes: by tokens of ServiceAccounts; oidc: by tokens of an OpenID Connect issuer; none: not at all, on loopback addresses only")
	fs.StringSliceVar(&o.Audiences, "audience", o.Audiences,
		"audience that a caller's token is issued for, as a rule the URL callers use; may be repeated, one is enough")
	o.OIDC.AddFlags(fs)
}

// AddKubeconfigFlag registers --kubeconfig, for programs that have no such flag of their own.
func (o *Options) AddKubeconfigFlag(fs *pflag.FlagSet) {
	fs.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig,
		"kubeconfig file of the API server that is asked who callers are and what they may do; when empty KUBECONFIG, then the pod's own account, then ~/.kube/config")
}

// Validate returns what is wrong with the options, in the words of the flags.
func (o *Options) Validate() error {
	switch o.Mode {
	case ModeNone:
		return o.validateNoIssuer()
	case ModeKubernetes:
		return errors.Join(o.validateAudiences(), o.validateNoIssuer())
	case ModeOIDC:
		return errors.Join(o.validateAudiences(), o.OIDC.Validate())
	}
	return fmt.Errorf("--auth is %q; it can be %s, %s or %s", o.Mode, ModeKubernetes, ModeOIDC, ModeNone)
}

// validateNoIssuer refuses an issuer whose tokens would prove nobody.
func (o *Options) validateNoIssuer() error {
	if o.OIDC.IssuerURL == "" {
		return nil
	}
	return fmt.Errorf("--oidc-issuer-url is given, but --auth=%s proves nobody by an issuer: set --auth=%s, or leave it out", o.Mode, ModeOIDC)
}

func (o *Options) validateAudiences() error {
	if len(o.Audiences) == 0 {
		return fmt.Errorf("--auth=%s needs --audience: the audience that tokens of callers are issued for, as a rule the URL they use, such as http://lectern.NAMESPACE.svc/mcp", o.Mode)
	}
	if len(o.Audiences) > maxAudiences {
		return fmt.Errorf("--audience is given %d times; at most %d are taken", len(o.Audiences), maxAudiences)
	}
	for i, audience := range o.Audiences {
		switch {
		case audience == "":
			return errors.New("--audience is empty; give a text, as a rule the URL that callers use")
		case len(audience) > maxAudienceLength:
			return fmt.Errorf("--audience is %d bytes long; at most %d are taken", len(audience), maxAudienceLength)
		case strings.ContainsFunc(audience, isSpaceOrControl):
			return fmt.Errorf("--audience %q contains white space or a control character", audience)
		case slices.Contains(o.Audiences[:i], audience):
			return fmt.Errorf("--audience %q is given twice", audience)
		}
	}
	return nil
}

func isSpaceOrControl(r rune) bool { return r <= ' ' || r == 0x7f }
