package access

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/pflag"
)

// signingAlgorithms are those a token may be signed with: RSA (RFC 7518 3.3), ECDSA (3.4) and Ed25519 (RFC 8037). With the
// HMAC ones, the issuer's public key would be the secret.
var signingAlgorithms = []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"}

const defaultUsernameClaim = "sub"

// OIDCOptions say which OpenID Connect issuer is believed, and how its users are called. Flags have the names of
// kube-apiserver's where it has one, and should have its values: rights are asked of Kubernetes by these names.
type OIDCOptions struct {
	// IssuerURL is an https URL, and exactly the `iss` of tokens.
	IssuerURL string
	// CAFile is a path of PEM certificates the issuer's is verified by; empty for those of the system. It is read before
	// each fetch of the issuer's keys.
	CAFile string
	// UsernameClaim and GroupsClaim are names of claims. With UsernameClaim "email", `email_verified` must be true.
	UsernameClaim, GroupsClaim string
	// UsernamePrefix and GroupsPrefix are put before the values of the claims; "-" stands for none.
	UsernamePrefix, GroupsPrefix string
	// RequiredScopes are the scopes a token must have, all of them.
	RequiredScopes []string
	// SigningAlgorithms are the accepted values of the header `alg`.
	SigningAlgorithms []string
}

// AddFlags adds the flags --oidc-*.
func (o *OIDCOptions) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.IssuerURL, "oidc-issuer-url", "", "https `URL` of the OpenID Connect issuer, as in the iss claim of its tokens (with --auth=oidc)")
	flags.StringVar(&o.CAFile, "oidc-ca-file", "", "`path` of the PEM certificates that verify the issuer's; those of the system if empty")
	flags.StringVar(&o.UsernameClaim, "oidc-username-claim", defaultUsernameClaim, "`claim` with the name of the user; email counts only with email_verified")
	flags.StringVar(&o.GroupsClaim, "oidc-groups-claim", "", "`claim` with the groups of the user, a string or a list of strings; no groups if empty")
	flags.StringVar(&o.UsernamePrefix, "oidc-username-prefix", "", "`text` put before names of users, - for none; must equal the API server's")
	flags.StringVar(&o.GroupsPrefix, "oidc-groups-prefix", "", "`text` put before names of groups, - for none; must equal the API server's")
	flags.StringSliceVar(&o.RequiredScopes, "oidc-required-scopes", nil, "`scopes` a token must have, separated by commas")
	flags.StringSliceVar(&o.SigningAlgorithms, "oidc-signing-algs", slices.Clone(signingAlgorithms), "accepted signing `algorithms`, separated by commas")
}

// Validate returns what is wrong with the options, or nil.
func (o *OIDCOptions) Validate() error {
	return errors.Join(o.validateIssuer(), o.validateNames(), o.validateLists())
}

func (o *OIDCOptions) validateIssuer() error {
	if o.IssuerURL == "" {
		return errors.New("--auth=oidc needs --oidc-issuer-url: the https URL of the issuer, as in the iss claim of its tokens")
	}
	if err := validateHTTPS(o.IssuerURL); err != nil {
		return fmt.Errorf("--oidc-issuer-url %q %w", o.IssuerURL, err)
	}
	if strings.Contains(o.IssuerURL, "?") {
		return fmt.Errorf("--oidc-issuer-url %q has a query, which it may not", o.IssuerURL)
	}
	return nil
}

func (o *OIDCOptions) validateNames() error {
	var problems []error
	if o.UsernameClaim == "" {
		problems = append(problems, errors.New("--oidc-username-claim is empty: name the claim with the user, such as sub or email"))
	}
	for _, prefix := range []struct{ flag, value string }{
		{"--oidc-username-prefix", o.UsernamePrefix}, {"--oidc-groups-prefix", o.GroupsPrefix},
	} {
		switch {
		case prefix.value == "":
			problems = append(problems, fmt.Errorf("--auth=oidc needs %s: the API server's %[1]s, or - for none", prefix.flag))
		case strings.HasPrefix(prefix.value, reservedPrefix):
			problems = append(problems, fmt.Errorf("%s %q begins with %s, which is Kubernetes' own", prefix.flag, prefix.value, reservedPrefix))
		}
	}
	return errors.Join(problems...)
}

func (o *OIDCOptions) validateLists() error {
	var problems []error
	if len(o.SigningAlgorithms) == 0 {
		problems = append(problems, errors.New("--oidc-signing-algs is empty: name one of "+strings.Join(signingAlgorithms, ", ")))
	}
	for _, algorithm := range o.SigningAlgorithms {
		if !slices.Contains(signingAlgorithms, algorithm) {
			problems = append(problems, fmt.Errorf("--oidc-signing-algs: %q is not one of %s", algorithm, strings.Join(signingAlgorithms, ", ")))
		}
	}
	for _, scope := range o.RequiredScopes {
		if scope == "" || strings.ContainsFunc(scope, isNotOfScope) {
			problems = append(problems, fmt.Errorf("--oidc-required-scopes: %q is not a scope: printable ASCII without blanks, quotes and backslashes", scope))
		}
	}
	return errors.Join(problems...)
}

// isNotOfScope says whether a character may not be in a scope (RFC 6749 3.3).
func isNotOfScope(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }

// validateHTTPS returns why an address is not that of an issuer or its keys (OpenID Connect Discovery 3), or nil.
func validateHTTPS(address string) error {
	parsed, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("is not a URL")
	case parsed.Scheme != "https" || parsed.Host == "":
		return errors.New("is not an https URL")
	case parsed.User != nil || parsed.Fragment != "":
		return errors.New("has a user or a fragment, which it may not")
	}
	return nil
}

func (o *OIDCOptions) joseAlgorithms() []jose.SignatureAlgorithm {
	algorithms := make([]jose.SignatureAlgorithm, len(o.SigningAlgorithms))
	for i, algorithm := range o.SigningAlgorithms {
		algorithms[i] = jose.SignatureAlgorithm(algorithm)
	}
	return algorithms
}

// resolvePrefix returns what is put before a name.
func resolvePrefix(flag string) string {
	if flag == "-" {
		return ""
	}
	return flag
}
