package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lectern-dev/lectern/internal/access/accesstest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const ourAudience = "http://lectern.lectern.svc/mcp"

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

func optionsOf(issuer *accesstest.Issuer) OIDCOptions {
	return OIDCOptions{
		IssuerURL: issuer.URL, CAFile: issuer.CAFile, UsernameClaim: "sub", GroupsClaim: "groups",
		UsernamePrefix: "-", GroupsPrefix: "-", SigningAlgorithms: signingAlgorithms,
	}
}

// newVerifier returns a verifier of the issuer's tokens whose clock stands still.
func newVerifier(t *testing.T, options OIDCOptions) (*oidcVerifier, *clock) {
	t.Helper()
	require.NoError(t, options.Validate())
	c := &clock{now: time.Now()}
	v := newOIDCVerifier(t.Context(), &options, []string{"https://lectern.example.org/mcp", ourAudience}, slog.New(slog.DiscardHandler), c.read)
	v.answers.timeout = wait.Patience // a busy machine is not an issuer that is silent
	return v, c
}

// describeAnswer is what Verify said, in a word and its reason.
func describeAnswer(err error) string {
	if invalid, is := errors.AsType[*InvalidTokenError](err); is {
		return "invalid: " + invalid.Reason
	}
	if scope, is := errors.AsType[*InsufficientScopeError](err); is {
		return "insufficient scope: " + strings.Join(scope.Scopes, " ")
	}
	switch {
	case errors.Is(err, ErrUnavailable):
		return "unavailable"
	case err != nil:
		return err.Error()
	}
	return "proven"
}

func at(offset time.Duration) int64 { return time.Now().Add(offset).Unix() }

// TestOIDCVerifier verifies one token after another with one verifier, so that what was accepted before cannot help.
func TestOIDCVerifier(t *testing.T) {
	t.Parallel()
	issuer, other := accesstest.StartIssuer(t), accesstest.StartIssuer(t)
	options := optionsOf(issuer)
	v, _ := newVerifier(t, options)
	options.UsernameClaim = "email"
	byEmail, _ := newVerifier(t, options)
	options = optionsOf(issuer)
	options.RequiredScopes, options.UsernamePrefix, options.GroupsPrefix = []string{"prompts:read", "prompts:write"}, "oidc:", "oidc:"
	scoped, _ := newVerifier(t, options)

	anna := accesstest.Claims{"sub": "anna", "aud": ourAudience}
	with := func(more accesstest.Claims) string {
		claims := accesstest.Claims{"sub": "anna", "aud": ourAudience}
		maps.Copy(claims, more)
		return issuer.Token(t, claims)
	}
	good := issuer.Token(t, anna)
	header := func(members map[jose.HeaderKey]any) string {
		payload, err := json.Marshal(issuer.NewClaims(anna))
		require.NoError(t, err)
		return issuer.Sign(t, payload, members)
	}
	raw := func(format string) string {
		return issuer.Sign(t, fmt.Appendf(nil, format, issuer.URL, ourAudience, at(time.Hour)), nil)
	}
	attacker := other.PublicKeys().Keys[0]
	noAlgorithm := "invalid: it is not a JWT signed with one of --oidc-signing-algs"
	for name, tc := range map[string]struct {
		verifier *oidcVerifier
		token    string
		want     string
	}{
		"a good one":                          {v, good, "proven"},
		"several audiences":                   {v, with(accesstest.Claims{"aud": []string{"x", ourAudience}}), "proven"},
		"no token":                            {v, "", "invalid: it is empty"},
		"garbage":                             {v, "a.b.c", noAlgorithm},
		"JSON serialization":                  {v, `{"payload":"e30","signatures":[]}`, "invalid: it has characters that no bearer token has"},
		"white space inside":                  {v, good[:20] + "\n" + good[20:], "invalid: it has characters that no bearer token has"},
		"alg none":                            {v, accesstest.Unsigned(good, "none"), noAlgorithm},
		"alg None":                            {v, accesstest.Unsigned(good, "None"), noAlgorithm},
		"HS256 with the public key":           {v, issuer.SignByPublicKey(t, good), noAlgorithm},
		"PS256":                               {v, accesstest.ReplaceHeader(good, `{"alg":"PS256"}`), noAlgorithm},
		"another algorithm of the key's kind": {v, accesstest.ReplaceHeader(good, fmt.Sprintf(`{"alg":"RS512","kid":%q}`, issuer.PublicKeys().Keys[0].KeyID)), "invalid: the issuer has no such key"},
		"another signature":                   {v, strings.Join(append(strings.Split(good, ".")[:2], strings.Split(with(accesstest.Claims{"sub": "eve"}), ".")[2]), "."), "invalid: its signature is not the issuer's"},
		"another issuer's key":                {v, other.Token(t, accesstest.Claims{"iss": issuer.URL, "sub": "anna", "aud": ourAudience}), "invalid: the issuer has no such key"},
		"another issuer's key, our kid":       {v, other.Sign(t, fmt.Appendf(nil, `{"iss":%q}`, issuer.URL), map[jose.HeaderKey]any{"kid": issuer.PublicKeys().Keys[0].KeyID}), "invalid: its signature is not the issuer's"},
		"wrong issuer":                        {v, with(accesstest.Claims{"iss": other.URL}), "invalid: it is of another issuer"},
		"issuer with a slash more":            {v, with(accesstest.Claims{"iss": issuer.URL + "/"}), "invalid: it is of another issuer"},
		"no issuer":                           {v, with(accesstest.Claims{"iss": nil}), "invalid: it is of another issuer"},
		"wrong audience":                      {v, with(accesstest.Claims{"aud": "https://kubernetes.default.svc"}), "invalid: it is for another audience"},
		"audience that begins like ours":      {v, with(accesstest.Claims{"aud": ourAudience + "/support"}), "invalid: it is for another audience"},
		"no audience":                         {v, with(accesstest.Claims{"aud": nil}), "invalid: it is for another audience"},
		"empty audiences":                     {v, with(accesstest.Claims{"aud": []string{}}), "invalid: it is for another audience"},
		"audience of numbers":                 {v, with(accesstest.Claims{"aud": []any{1, ourAudience}}), "invalid: it is for another audience"},
		"expired":                             {v, with(accesstest.Claims{"exp": at(-2 * time.Minute)}), "invalid: it is expired"},
		"expired by our clock alone":          {v, with(accesstest.Claims{"exp": at(-30 * time.Second)}), "proven"},
		"never expires":                       {v, with(accesstest.Claims{"exp": nil}), "invalid: it never expires"},
		"exp is text":                         {v, with(accesstest.Claims{"exp": "tomorrow"}), "invalid: a claim that must be a time is none"},
		"exp is null":                         {v, raw(`{"iss":%q,"aud":%q,"nbf":%d,"sub":"anna","exp":null}`), "invalid: a claim that must be a time is none"},
		"exp beyond all time":                 {v, raw(`{"iss":%q,"aud":%q,"nbf":%d,"sub":"anna","exp":1e300}`), "invalid: a claim that must be a time is none"},
		"future nbf":                          {v, with(accesstest.Claims{"nbf": at(2 * time.Minute)}), "invalid: it is not valid yet"},
		"future nbf by our clock alone":       {v, with(accesstest.Claims{"nbf": at(30 * time.Second)}), "proven"},
		"past nbf":                            {v, with(accesstest.Claims{"nbf": at(-time.Hour)}), "proven"},
		"no user":                             {v, with(accesstest.Claims{"sub": nil}), "invalid: it has no claim that names the user"},
		"empty user":                          {v, with(accesstest.Claims{"sub": ""}), "invalid: it has no claim that names the user"},
		"user is a number":                    {v, with(accesstest.Claims{"sub": 7}), "invalid: a claim that must be a string is none"},
		"user system:admin":                   {v, with(accesstest.Claims{"sub": "system:admin"}), `invalid: its user begins with "system:"`},
		"user system:serviceaccount":          {v, with(accesstest.Claims{"sub": "system:serviceaccount:kube-system:x"}), `invalid: its user begins with "system:"`},
		"user with a line end":                {v, with(accesstest.Claims{"sub": "anna\nadmin"}), "invalid: its user has control characters"},
		"group system:masters":                {v, with(accesstest.Claims{"groups": []string{"staff", "system:masters"}}), `invalid: one of its groups begins with "system:"`},
		"group system:masters, not a list":    {v, with(accesstest.Claims{"groups": "system:masters"}), `invalid: one of its groups begins with "system:"`},
		"groups are numbers":                  {v, with(accesstest.Claims{"groups": []int{1}}), "invalid: a claim that must be a string or a list of strings is neither"},
		"a group is null":                     {v, with(accesstest.Claims{"groups": []any{"a", nil}}), "invalid: a claim that must be a string or a list of strings is neither"},
		"verified e-mail":                     {byEmail, with(accesstest.Claims{"email": "anna@example.org", "email_verified": true}), "proven"},
		"unverified e-mail":                   {byEmail, with(accesstest.Claims{"email": "anna@example.org", "email_verified": false}), "invalid: its e-mail is not verified"},
		"e-mail of unknown standing":          {byEmail, with(accesstest.Claims{"email": "anna@example.org"}), "invalid: its e-mail is not verified"},
		"e-mail verified as text":             {byEmail, with(accesstest.Claims{"email": "anna@example.org", "email_verified": "true"}), "invalid: its e-mail is not verified"},
		"all scopes":                          {scoped, with(accesstest.Claims{"scope": "openid prompts:write prompts:read"}), "proven"},
		"all scopes, as a list":               {scoped, with(accesstest.Claims{"scp": []string{"prompts:write", "prompts:read"}}), "proven"},
		"a scope is missing":                  {scoped, with(accesstest.Claims{"scope": "prompts:read"}), "insufficient scope: prompts:read prompts:write"},
		"no scope":                            {scoped, good, "insufficient scope: prompts:read prompts:write"},
		"system: after a prefix is a name":    {scoped, with(accesstest.Claims{"sub": "system:admin", "groups": []string{"system:masters"}, "scope": "prompts:read prompts:write"}), "proven"},
		"longer than 16 KiB":                  {v, with(accesstest.Claims{"pad": strings.Repeat("x", 13<<10)}), "invalid: it is longer than 16384 bytes"},
		"nearly 16 KiB":                       {v, with(accesstest.Claims{"pad": strings.Repeat("x", 11<<10)}), "proven"},
		"a claim twice":                       {v, raw(`{"iss":%q,"aud":%q,"exp":%d,"sub":"anna","sub":"eve"}`), "invalid: its payload is not a JSON object without repeated members"},
		"a claim in other case":               {v, raw(`{"iss":%q,"aud":%q,"exp":%d,"SUB":"anna"}`), "invalid: it has no claim that names the user"},
		"payload is a list":                   {v, issuer.Sign(t, []byte(`[]`), nil), "invalid: its payload is not a JSON object without repeated members"},
		"payload is null":                     {v, issuer.Sign(t, []byte(`null`), nil), "invalid: its payload is not a JSON object without repeated members"},
		"payload is nothing":                  {v, issuer.Sign(t, nil, nil), "invalid: its payload is not a JSON object without repeated members"},
		"header twice":                        {v, accesstest.ReplaceHeader(good, `{"alg":"RS256","alg":"none"}`), noAlgorithm},
		"crit":                                {v, header(map[jose.HeaderKey]any{"crit": []string{"exp"}, "exp": 1}), "invalid: its header has an extension that is not understood"},
		"crit b64":                            {v, header(map[jose.HeaderKey]any{"crit": []string{"b64"}, "b64": true}), "invalid: its header has an extension that is not understood"},
		"kid is a number":                     {v, accesstest.ReplaceHeader(good, `{"alg":"RS256","kid":7}`), noAlgorithm},
		"jwk of an attacker":                  {v, other.Sign(t, []byte(`{}`), map[jose.HeaderKey]any{"jwk": attacker}), "invalid: the issuer has no such key"},
		"jku and x5u of an attacker": {v, other.Sign(t, []byte(`{}`), map[jose.HeaderKey]any{
			"jku": other.URL + accesstest.KeysPath, "x5u": other.URL + "/cert",
		}), "invalid: the issuer has no such key"},
		"jku beside a good signature": {v, header(map[jose.HeaderKey]any{"jku": other.URL + accesstest.KeysPath}), "proven"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				_, err := tc.verifier.Verify(t.Context(), tc.token)
				if got := describeAnswer(err); got != tc.want {
					t.Errorf("%s, not %s", got, tc.want)
				}
			}
		})
	}
	if fetched := other.KeyFetches.Load(); fetched != 0 {
		t.Errorf("the attacker's keys were fetched %d times", fetched)
	}
}

func TestOIDCVerifier_Identity(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	options := optionsOf(issuer)
	options.UsernamePrefix, options.GroupsPrefix = "oidc:", "idp/"
	v, c := newVerifier(t, options)
	got, err := v.Verify(t.Context(), issuer.Token(t, accesstest.Claims{
		"sub": "anna", "aud": ourAudience, "groups": []string{"staff", "support"}, "exp": c.read().Add(time.Minute).Unix(),
		"email": "anna@example.org", "email_verified": true,
	}))
	require.NoError(t, err)
	want := Identity{
		Subject: "oidc:anna", Groups: []string{"idp/staff", "idp/support", "system:authenticated"}, Email: "anna@example.org", Proof: ProofOIDC,
		Expires: time.Unix(c.read().Add(time.Minute).Unix(), 0),
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestOIDCVerifier_Email: an address counts where the issuer says that it verified it, and never keeps anybody out.
func TestOIDCVerifier_Email(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	v, _ := newVerifier(t, optionsOf(issuer))
	for name, claims := range map[string]accesstest.Claims{
		"not verified": {"email": "anna@example.org", "email_verified": false}, "of unknown standing": {"email": "anna@example.org"},
		"verified as text": {"email": "anna@example.org", "email_verified": "true"}, "a number": {"email": 7, "email_verified": true},
		"no address": {"email": "anna", "email_verified": true}, "control characters": {"email": "anna@example.org\n", "email_verified": true},
		"too long": {"email": strings.Repeat("a", 250) + "@example.org", "email_verified": true},
	} {
		claims["sub"], claims["aud"] = "anna", ourAudience
		got, err := v.Verify(t.Context(), issuer.Token(t, claims))
		require.NoError(t, err)
		if got.Email != "" || got.Subject != "anna" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestOIDCVerifier_Algorithms(t *testing.T) {
	t.Parallel()
	for _, algorithm := range signingAlgorithms {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			issuer := accesstest.StartIssuer(t)
			issuer.AddKey(t, jose.SignatureAlgorithm(algorithm))
			claims := accesstest.Claims{"sub": "anna", "aud": ourAudience}
			v, _ := newVerifier(t, optionsOf(issuer))
			if _, err := v.Verify(t.Context(), issuer.Token(t, claims)); err != nil {
				t.Error(err)
			}
			narrow := optionsOf(issuer)
			if narrow.SigningAlgorithms = []string{"RS256"}; algorithm == "RS256" {
				narrow.SigningAlgorithms = []string{"ES256"}
			}
			v, _ = newVerifier(t, narrow)
			if _, err := v.Verify(t.Context(), issuer.Token(t, claims)); describeAnswer(err) != "invalid: it is not a JWT signed with one of --oidc-signing-algs" {
				t.Error(err)
			}
		})
	}
}

func TestOIDCVerifier_KeyRotated(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	v, c := newVerifier(t, optionsOf(issuer))
	claims := accesstest.Claims{"sub": "anna", "aud": ourAudience, "exp": at(2 * time.Hour)}
	verify := func(token, want string) {
		t.Helper()
		_, err := v.VerifyAgain(t.Context(), token)
		if got := describeAnswer(err); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	before := issuer.Token(t, claims)
	verify(before, "proven")
	issuer.AddKey(t, jose.ES256)
	after := issuer.Token(t, claims)
	verify(after, "invalid: the issuer has no such key") // within 10 s of the last fetch
	c.advance(minKeyFetchInterval)
	verify(after, "proven")
	verify(before, "proven")
	if fetches := issuer.KeyFetches.Load(); fetches != 2 {
		t.Errorf("%d fetches, not 2", fetches)
	}

	issuer.RemoveOldKeys()
	c.advance(freshKeys - time.Second)
	verify(before, "proven")
	c.advance(time.Second)
	verify(before, "proven") // and meanwhile the keys are fetched
	require.Until(t, "the old key is dropped", func() bool {
		_, err := v.VerifyAgain(t.Context(), before)
		return describeAnswer(err) == "invalid: the issuer has no such key"
	})
	verify(after, "proven")
	if fetches := issuer.KeyFetches.Load(); fetches != 3 {
		t.Errorf("%d fetches, not 3", fetches)
	}

	issuer.AddKey(t, jose.EdDSA)
	issuer.RemoveOldKeys()
	c.advance(staleKeys)
	verify(after, "invalid: the issuer has no such key") // at once: nobody asked for a while
}

// TestOIDCVerifier_MadeUpKeys shows who cannot make a server fetch: 1,000 callers at once, each with a key id of its own.
func TestOIDCVerifier_MadeUpKeys(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	v, c := newVerifier(t, optionsOf(issuer))
	good := issuer.Token(t, accesstest.Claims{"sub": "anna", "aud": ourAudience})
	attack := func() {
		var callers sync.WaitGroup
		for i := range 1000 {
			callers.Go(func() {
				token := accesstest.ReplaceHeader(good, fmt.Sprintf(`{"alg":"RS256","kid":"made-up-%d"}`, i))
				// Whoever waited long for the one fetch is told that nobody knows.
				_, err := v.Verify(t.Context(), token)
				if got := describeAnswer(err); got != "invalid: the issuer has no such key" && got != "unavailable" {
					t.Error(got)
				}
			})
		}
		callers.Wait()
	}
	for round, want := range []int64{1, 2, 3} {
		for range 2 {
			attack()
			c.advance(minKeyFetchInterval/2 - time.Millisecond)
			if _, err := v.Verify(t.Context(), good); err != nil {
				t.Error(err)
			}
		}
		if fetches := issuer.KeyFetches.Load(); fetches != want {
			t.Errorf("round %d: %d fetches, not %d", round, fetches, want)
		}
		c.advance(time.Second)
	}
	t.Logf("6,000 made-up key ids in 3 intervals of 10 s: %d fetches", issuer.KeyFetches.Load())
}

func TestOIDCVerifier_IssuerAway(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	v, c := newVerifier(t, optionsOf(issuer))
	claims := accesstest.Claims{"sub": "anna", "aud": ourAudience, "exp": at(48 * time.Hour)}
	verify := func(token, want string) {
		t.Helper()
		_, err := v.VerifyAgain(t.Context(), token)
		if got := describeAnswer(err); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
	before := issuer.Token(t, claims)

	issuer.SetAway(true)
	verify(before, "unavailable")
	verify(before, "unavailable") // and does not ask again so soon
	issuer.SetAway(false)
	c.advance(minKeyFetchInterval)
	verify(before, "proven")

	issuer.SetAway(true)
	issuer.AddKey(t, jose.RS256)
	after := issuer.Token(t, claims)
	c.advance(time.Hour)
	verify(before, "proven")
	require.Until(t, "the fetch failed", func() bool { return v.keys.lastFailure() != nil })
	verify(after, "unavailable")
	c.advance(22 * time.Hour)
	verify(before, "proven")
	verify(accesstest.ReplaceHeader(before, `{"alg":"RS256","kid":"made-up"}`), "unavailable")
	c.advance(time.Hour)
	verify(before, "unavailable") // nobody knows any more whether the key was stolen
	issuer.SetAway(false)
	c.advance(minKeyFetchInterval)
	verify(after, "proven")
	verify(before, "proven")
}

// TestOIDCVerifier_Kept looks at how long a proof counts, and that a refusal does not.
func TestOIDCVerifier_Kept(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	v, c := newVerifier(t, optionsOf(issuer))
	looked := func(token, want string) (times int) {
		t.Helper()
		before := v.answers.yes.Len() + v.answers.no.Len()
		_, err := v.Verify(t.Context(), token)
		if got := describeAnswer(err); got != want {
			t.Errorf("%s, not %s", got, want)
		}
		return v.answers.yes.Len() + v.answers.no.Len() - before
	}
	token := func(expires time.Duration) string {
		return issuer.Token(t, accesstest.Claims{"sub": "anna", "aud": ourAudience, "exp": c.read().Add(expires).Unix()})
	}
	long, short, over := token(time.Hour), token(10*time.Second), token(-30*time.Second)
	if kept := looked(long, "proven") + looked(short, "proven"); kept != 2 {
		t.Errorf("%d proofs are kept, not 2", kept)
	}
	if kept := looked(over, "proven") + looked(token(-time.Hour), "invalid: it is expired"); kept != 0 {
		t.Errorf("%d answers are kept that do not count any more", kept)
	}
	for _, key := range v.answers.yes.Keys() {
		kept, _ := v.answers.yes.Peek(key)
		if kept.expires.After(kept.value.identity.Expires) || kept.expires.After(c.read().Add(provenFor)) {
			t.Errorf("kept until %s: the token expires at %s, and it is %s", kept.expires, kept.value.identity.Expires, c.read())
		}
	}
	issuer.AddKey(t, jose.ES256)
	issuer.RemoveOldKeys()
	c.advance(freshKeys)
	looked(long, "proven") // and the keys are fetched meanwhile
	require.Until(t, "the old key is dropped", func() bool {
		_, err := v.VerifyAgain(t.Context(), long)
		return err != nil
	})
	looked(long, "proven") // what was found out lately counts
	c.advance(provenFor)
	looked(long, "invalid: the issuer has no such key")
}

func TestOIDCVerifier_CallerGoesAway(t *testing.T) {
	t.Parallel()
	issuer := accesstest.StartIssuer(t)
	asked, answered := make(chan struct{}), make(chan struct{})
	issuer.SetHandler(accesstest.DiscoveryPath, func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answered
		http.Error(w, "", http.StatusInternalServerError)
	})
	v, _ := newVerifier(t, optionsOf(issuer))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := v.Verify(ctx, issuer.Token(t, accesstest.Claims{"sub": "anna", "aud": ourAudience}))
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(answered)
}
