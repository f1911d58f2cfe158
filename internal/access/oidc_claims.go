package access

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-jose/go-jose/v4/json"
)

const (
	// clockSkew is by how much the issuer's clock and ours may differ.
	clockSkew = time.Minute
	// reservedPrefix begins the users and groups that Kubernetes names itself; no issuer may claim one.
	reservedPrefix = "system:"
	// authenticatedGroup is that of everybody who was proven.
	authenticatedGroup = "system:authenticated"
)

// tokenClaims are the members of a token's payload, undecoded. Names are case-sensitive; a payload that has one twice is refused.
type tokenClaims map[string]json.RawMessage

func decodeClaims(payload []byte) (tokenClaims, error) {
	var c tokenClaims
	if err := json.Unmarshal(payload, &c); err != nil || c == nil {
		return nil, errors.New("its payload is not a JSON object without repeated members")
	}
	return c, nil
}

// decodeText returns a claim that is a string; absent and empty are the same.
func (c tokenClaims) decodeText(name string) (string, error) {
	raw, is := c[name]
	if !is {
		return "", nil
	}
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil || text == nil {
		return "", errors.New("a claim that must be a string is none")
	}
	return *text, nil
}

// decodeTexts returns a claim that is a string or a list of strings.
func (c tokenClaims) decodeTexts(name string) ([]string, error) {
	raw, is := c[name]
	if !is || string(raw) == "null" {
		return nil, nil
	}
	var one string
	if err := json.Unmarshal(raw, &one); err == nil {
		return []string{one}, nil
	}
	var many []*string
	if err := json.Unmarshal(raw, &many); err != nil || slices.Contains(many, nil) {
		return nil, errors.New("a claim that must be a string or a list of strings is neither")
	}
	texts := make([]string, len(many))
	for i, text := range many {
		texts[i] = *text
	}
	return texts, nil
}

// decodeTime returns a claim that is a NumericDate (RFC 7519 2), and false if there is none.
func (c tokenClaims) decodeTime(name string) (time.Time, bool, error) {
	raw, is := c[name]
	if !is {
		return time.Time{}, false, nil
	}
	var seconds *float64
	// Beyond 2^43 a time.Time does not compare any more.
	if err := json.Unmarshal(raw, &seconds); err != nil || seconds == nil || math.Abs(*seconds) > 1<<43 {
		return time.Time{}, false, errors.New("a claim that must be a time is none")
	}
	whole, fraction := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), true, nil
}

// claimRules say which claims are accepted, and as whom.
type claimRules struct {
	issuer                       string
	audiences                    []string
	usernameClaim, groupsClaim   string
	usernamePrefix, groupsPrefix string
	requiredScopes               []string
}

// decideIdentity returns whom the payload of a token names at a time, its signature having been verified. The error wraps
// an *InvalidTokenError or an *InsufficientScopeError; it quotes nothing of the token.
func (r *claimRules) decideIdentity(payload []byte, now time.Time) (Identity, error) {
	c, err := decodeClaims(payload)
	if err != nil {
		return Identity{}, &InvalidTokenError{Reason: err.Error()}
	}
	if err := r.checkAddressee(c); err != nil {
		return Identity{}, &InvalidTokenError{Reason: err.Error()}
	}
	expires, err := checkTimes(c, now)
	if err != nil {
		return Identity{}, &InvalidTokenError{Reason: err.Error()}
	}
	subject, err := r.decodeSubject(c)
	if err != nil {
		return Identity{}, &InvalidTokenError{Reason: err.Error()}
	}
	groups, err := r.decodeGroups(c)
	if err != nil {
		return Identity{}, &InvalidTokenError{Reason: err.Error()}
	}
	if err := r.checkScopes(c); err != nil {
		return Identity{}, err
	}
	return Identity{Subject: subject, Groups: groups, Email: c.verifiedEmail(), OIDCClient: c.clientID(), Proof: ProofOIDC, Expires: expires}, nil
}

// maxEmail is how long an address may be (RFC 5321, 4.5.3.1.3).
const maxEmail = 254

// verifiedEmail returns the address of the user that the issuer says it verified, and nothing where it says no such thing.
func (c tokenClaims) verifiedEmail() string {
	address, err := c.decodeText("email")
	isAddress := err == nil && strings.Contains(address, "@") && len(address) <= maxEmail && !strings.ContainsFunc(address, unicode.IsControl)
	if !isAddress || !c.isEmailVerified() {
		return ""
	}
	return address
}

// maxClientID bounds the name of a client that is kept, in bytes.
const maxClientID = 255

// clientID returns the client that the token was issued to, and nothing where the issuer does not say.
func (c tokenClaims) clientID() string {
	for _, name := range []string{"azp", "client_id"} {
		client, err := c.decodeText(name)
		if err == nil && client != "" && len(client) <= maxClientID && !strings.ContainsFunc(client, unicode.IsControl) {
			return client
		}
	}
	return ""
}

func (c tokenClaims) isEmailVerified() bool {
	var verified bool
	return json.Unmarshal(c["email_verified"], &verified) == nil && verified
}

// checkAddressee sees to it that the token is of our issuer, and for us.
func (r *claimRules) checkAddressee(c tokenClaims) error {
	issuer, err := c.decodeText("iss")
	if err != nil || issuer != r.issuer {
		return errors.New("it is of another issuer")
	}
	audiences, err := c.decodeTexts("aud")
	if err != nil || !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(r.audiences, a) }) {
		return errors.New("it is for another audience")
	}
	return nil
}

// checkTimes returns when the token expires.
func checkTimes(c tokenClaims, now time.Time) (time.Time, error) {
	expires, is, err := c.decodeTime("exp")
	switch {
	case err != nil:
		return time.Time{}, err
	case !is:
		return time.Time{}, errors.New("it never expires")
	case !now.Before(expires.Add(clockSkew)):
		return time.Time{}, errors.New("it is expired")
	}
	begins, is, err := c.decodeTime("nbf")
	switch {
	case err != nil:
		return time.Time{}, err
	case is && now.Before(begins.Add(-clockSkew)):
		return time.Time{}, errors.New("it is not valid yet")
	}
	return expires, nil
}

func (r *claimRules) decodeSubject(c tokenClaims) (string, error) {
	name, err := c.decodeText(r.usernameClaim)
	switch {
	case err != nil:
		return "", err
	case name == "":
		return "", errors.New("it has no claim that names the user")
	}
	if r.usernameClaim == "email" && !c.isEmailVerified() {
		return "", errors.New("its e-mail is not verified")
	}
	subject := r.usernamePrefix + name
	switch {
	case strings.HasPrefix(subject, reservedPrefix):
		return "", fmt.Errorf("its user begins with %q", reservedPrefix)
	case strings.ContainsFunc(subject, unicode.IsControl):
		return "", errors.New("its user has control characters")
	}
	return subject, nil
}

func (r *claimRules) decodeGroups(c tokenClaims) ([]string, error) {
	var names []string
	if r.groupsClaim != "" {
		var err error
		if names, err = c.decodeTexts(r.groupsClaim); err != nil {
			return nil, err
		}
	}
	groups := make([]string, 0, len(names)+1)
	for _, name := range names {
		group := r.groupsPrefix + name
		if strings.HasPrefix(group, reservedPrefix) {
			return nil, fmt.Errorf("one of its groups begins with %q", reservedPrefix)
		}
		groups = append(groups, group)
	}
	return append(groups, authenticatedGroup), nil
}

// checkScopes reads `scope` (RFC 9068, words of a string) and `scp` (what some issuers have instead, words or a list).
func (r *claimRules) checkScopes(c tokenClaims) error {
	if len(r.requiredScopes) == 0 {
		return nil
	}
	var has []string
	for _, name := range []string{"scope", "scp"} {
		texts, err := c.decodeTexts(name)
		if err != nil {
			return &InvalidTokenError{Reason: err.Error()}
		}
		for _, text := range texts {
			has = append(has, strings.Fields(text)...)
		}
	}
	for _, scope := range r.requiredScopes {
		if !slices.Contains(has, scope) {
			return &InsufficientScopeError{Scopes: r.requiredScopes}
		}
	}
	return nil
}
