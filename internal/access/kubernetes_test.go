package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestVerify has a real API server review tokens of every kind.
func TestVerify(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account, gone := c.createAccount(t), c.createAccount(t)
	token := func(account testenv.Account, o testenv.TokenOptions) string { return c.requestToken(t, account, o) }
	right := token(account, testenv.TokenOptions{Audiences: []string{ours}})
	ofGone := token(gone, testenv.TokenOptions{Audiences: []string{ours}})
	require.NoError(t, c.DeleteAccount(t.Context(), gone))
	for name, tc := range map[string]struct {
		token string
		// want is the subject, or the beginning of why nobody is proven.
		want  string
		asked bool
	}{
		"none":                         {"", "the token is not valid: it is empty", false},
		"garbage":                      {"garbage", "the token is not valid: invalid bearer token", true},
		"bytes that no token has":      {"gar bage", "the token is not valid: it has characters that no bearer token has", false},
		"17 KiB":                       {strings.Repeat("a", 17<<10), "the token is not valid: it is longer than 16384 bytes", false},
		"16 KiB":                       {strings.Repeat("a", 16<<10), "the token is not valid: invalid bearer token", true},
		"right, without its signature": {right[:strings.LastIndex(right, ".")+1], "the token is not valid: ", true},
		"signed by nobody":             {makeToken(`{"iss":"https://kubernetes.default.svc","aud":["` + ours + `"],"sub":"` + account.Subject() + `"}`), "the token is not valid: ", true},
		"expired":                      {token(account, testenv.TokenOptions{Audiences: []string{ours}, Expires: time.Now().Add(-time.Hour)}), "the token is not valid: [invalid bearer token, service account token has expired]", true},
		"for the API server":           {token(account, testenv.TokenOptions{}), "the token is not valid: ", true},
		"for somebody else":            {token(account, testenv.TokenOptions{Audiences: []string{"https://elsewhere"}}), "the token is not valid: ", true},
		"for the API server and us":    {token(account, testenv.TokenOptions{Audiences: []string{"https://kubernetes.default.svc", ours}}), account.Subject(), true},
		"for another and us":           {token(account, testenv.TokenOptions{Audiences: []string{"https://elsewhere", ours}}), account.Subject(), true},
		"of an account that is gone":   {ofGone, "the token is not valid: ", true},
		"right":                        {right, account.Subject(), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.newAsker(t)
			for range 2 { // the second answer comes from the cache
				identity, err := a.Verify(t.Context(), tc.token)
				got := identity.Subject
				if err != nil {
					got = err.Error()
					if _, invalid := errors.AsType[*InvalidTokenError](err); !invalid {
						t.Errorf("the error is %T", err)
					}
				}
				t.Log(got)
				if (err == nil) != (tc.want == account.Subject()) || !strings.HasPrefix(got, tc.want) {
					t.Errorf("%q, want %q", got, tc.want)
				}
			}
			if asked := a.tokens.Load(); (asked == 1) != tc.asked {
				t.Errorf("the API server was asked %d times", asked)
			}
		})
	}
}

// TestVerify_Identity: all that the API server says of a caller is there, system:authenticated included.
func TestVerify_Identity(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	require.NoError(t, c.CreatePod(t.Context(), account, "agent-0"))
	expires := time.Now().Add(20 * time.Minute).Truncate(time.Second)
	got := c.newAsker(t).verify(t, c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}, Pod: "agent-0", Expires: expires}))
	want := Identity{
		Subject: account.Subject(), Proof: ProofKubernetes, Expires: expires,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + account.Namespace, "system:authenticated"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Identity{}, "UID", "Extra")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.UID == "" || got.Extra["authentication.kubernetes.io/pod-name"][0] != "agent-0" || len(got.Extra[credentialID]) != 1 {
		t.Errorf("UID %q, extra %v", got.UID, got.Extra)
	}
}

// TestVerify_Audiences: while moving, a token for the old audience and one for the new are both good.
func TestVerify_Audiences(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account, a := c.createAccount(t), c.newAsker(t, "https://old/mcp", "https://new/mcp")
	for audience, want := range map[string]bool{"https://old/mcp": true, "https://new/mcp": true, ours: false} {
		_, err := a.Verify(t.Context(), c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{audience}}))
		if (err == nil) != want {
			t.Errorf("%s: %v", audience, err)
		}
	}
}

// TestVerify_Expiry: a proof counts for 30 s, and no longer than its token.
func TestVerify_Expiry(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	for name, tc := range map[string]struct {
		lifetime, until time.Duration
	}{
		"a token of an hour":    {time.Hour, 30 * time.Second},
		"a token of 29 seconds": {29 * time.Second, 29 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := c.newAsker(t)
			expires := time.Now().Add(tc.lifetime)
			a.stopped = time.Now() // a busy machine lets nothing expire
			token := c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}, Expires: expires})
			a.verify(t, token)
			a.advance(tc.until - 5*time.Second)
			a.verify(t, token)
			if got := a.countReviews(); got != "1 tokens, 0 rights" {
				t.Errorf("5 s before: %s", got)
			}
			a.advance(5 * time.Second)
			_, _ = a.Verify(t.Context(), token)
			if got := a.countReviews(); got != "1 tokens, 0 rights" {
				t.Errorf("then: %s", got)
			}
		})
	}
}

// TestReview: what is allowed is what RBAC says, by verb, namespace and name.
func TestReview(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	other := c.createAccount(t).Namespace
	c.grant(t, account, account.Namespace, "get", "list")
	named := testenv.Grant{Name: "named", Namespace: other, Account: account, Verbs: []string{"get"}, Objects: []string{"handover"}}
	require.NoError(t, c.Grant(t.Context(), named))
	a := c.newAsker(t)
	a.stopped = time.Now() // a busy machine lets nothing expire
	identity := a.verify(t, c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}}))
	for question, want := range map[Question]bool{
		{Verb: Get, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}:               true,
		{Verb: List, Resource: Prompts, Namespace: account.Namespace}:                                true,
		{Verb: Create, Resource: Prompts, Namespace: account.Namespace}:                              false,
		{Verb: Promote, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}:           false,
		{Verb: List, Resource: Prompts}:                                                              false,
		{Verb: Get, Resource: Prompts, Namespace: other, Name: "handover"}:                           true,
		{Verb: Get, Resource: Prompts, Namespace: other, Name: "other"}:                              false,
		{Verb: List, Resource: Prompts, Namespace: other}:                                            false,
		{Verb: Use, Resource: SDPConnections, Namespace: account.Namespace, Name: "desk"}:            false,
		{Verb: Get, Resource: Prompts, Namespace: "nowhere", Name: "x"}:                              false,
		{Verb: Get, Resource: Prompts, Namespace: account.Namespace, Name: strings.Repeat("a", 254)}: false,
	} {
		for range 2 {
			err := a.Review(t.Context(), identity, question)
			if (err == nil) != want || (err != nil && !errors.Is(err, ErrDenied)) {
				t.Errorf("%+v: %v", question, err)
			}
		}
	}
	if got := a.countReviews(); got != "1 tokens, 10 rights" {
		t.Errorf("22 questions took %s", got)
	}
	a.advance(10 * time.Second)
	_ = a.Review(t.Context(), identity, Question{Verb: List, Resource: Prompts})                        // denied before
	require.NoError(t, a.Review(t.Context(), identity, Question{List, Prompts, account.Namespace, ""})) // allowed before
	if got := a.countReviews(); got != "0 tokens, 1 rights" {
		t.Errorf("after 10 s: %s", got)
	}
	a.advance(20 * time.Second)
	require.NoError(t, a.Review(t.Context(), identity, Question{List, Prompts, account.Namespace, ""}))
	if got := a.countReviews(); got != "0 tokens, 1 rights" {
		t.Errorf("after 30 s: %s", got)
	}
}

// TestReview_Renews: whoever uses an allow in its last 10 s is answered at once, and by what Kubernetes says then from the next
// time on. It takes from the request's share of reviews.
func TestReview_Renews(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	c.grant(t, account, account.Namespace, "get")
	a := c.newAsker(t)
	a.stopped = time.Now() // a busy machine lets nothing expire
	identity := a.verify(t, c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}}))
	question := Question{Verb: Get, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}
	require.Eventually(t, func() error { return a.ReviewAgain(t.Context(), identity, question) })
	_ = a.countReviews()

	a.advance(15 * time.Second)
	require.NoError(t, a.Review(t.Context(), identity, question))
	a.advance(6 * time.Second)
	require.NoError(t, a.Review(WithReviewBudget(t.Context(), 0), identity, question))
	if got := a.countReviews(); got != "0 tokens, 0 rights" {
		t.Errorf("after 15 s, and after 21 s without a share of reviews, it took %s", got)
	}
	require.NoError(t, a.Review(WithReviewBudget(t.Context(), 1), identity, question))
	require.Until(t, "the allow is renewed", func() bool {
		kept, ok := a.answers.lookUp(a.keys.ofQuestion(t.Context(), a.keys.ofIdentity(&identity), &question))
		return ok && !a.answers.isAging(&kept)
	})
	a.advance(19 * time.Second) // 40 s after it was asked first
	require.NoError(t, a.Review(t.Context(), identity, question))
	if got := a.countReviews(); got != "0 tokens, 1 rights" {
		t.Errorf("40 s took %s", got)
	}
}

// TestReview_Authenticated: a review without system:authenticated denies what a binding to that group allows.
func TestReview_Authenticated(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	require.NoError(t, c.Grant(t.Context(), testenv.Grant{
		Name: "everybody", Namespace: account.Namespace, Group: "system:authenticated", Verbs: []string{"get"},
	}))
	a := c.newAsker(t)
	identity := a.verify(t, c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}}))
	question := Question{Verb: Get, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}
	require.Eventually(t, func() error { return a.ReviewAgain(t.Context(), identity, question) })
	identity.Groups = []string{"system:serviceaccounts", "system:serviceaccounts:" + account.Namespace}
	if err := a.ReviewAgain(t.Context(), identity, question); !errors.Is(err, ErrDenied) {
		t.Errorf("without the group: %v", err)
	}
}

// TestReview_MissingRole: a binding to a role that is not there is an error in evaluation, and still no outage.
func TestReview_MissingRole(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	_, err := c.plane.Kubectl(t.Context(), "create", "rolebinding", "dangling", "--namespace="+account.Namespace, "--role=missing",
		"--serviceaccount="+account.Namespace+":"+account.Name)
	require.NoError(t, err)
	a := c.newAsker(t)
	identity := a.verify(t, c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}}))
	question := Question{Verb: Get, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}
	require.Eventually(t, func() error {
		decision, err := a.Explain(t.Context(), identity, question)
		if err != nil || decision.Allowed || !strings.Contains(decision.Reason, `"missing" not found`) {
			return fmt.Errorf("%+v, %w", decision, err)
		}
		return nil
	})
	if err := a.Review(t.Context(), identity, question); !errors.Is(err, ErrDenied) {
		t.Error(err)
	}
}

// TestExplain names the binding that allows.
func TestExplain(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	g := c.grant(t, account, account.Namespace, "get")
	a := c.newAsker(t)
	identity := a.verify(t, c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}}))
	decision, err := a.Explain(t.Context(), identity, Question{Get, Prompts, account.Namespace, "handover"})
	require.NoError(t, err)
	want := Decision{Allowed: true, Reason: fmt.Sprintf(`RBAC: allowed by RoleBinding "%s/%s" of Role "%s" to ServiceAccount "agent/%s"`, g.Name, account.Namespace, g.Name, account.Namespace)}
	if diff := cmp.Diff(want, decision); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestReviewAll_Budget: a request has 64 new questions, and what it does not get is what it asked last.
func TestReviewAll_Budget(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	c.grant(t, account, account.Namespace, "list")
	a := c.newAsker(t)
	identity := a.verify(t, c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}}))
	questions := []Question{{List, Prompts, account.Namespace, ""}}
	for i := range 99 {
		questions = append(questions, Question{List, Prompts, fmt.Sprintf("absent-%d", i), ""})
	}
	count := func(ctx context.Context) string {
		var allowed, denied, spent int
		for i, err := range a.ReviewAll(ctx, identity, questions) {
			switch {
			case err == nil:
				allowed++
			case errors.Is(err, ErrDenied):
				denied++
			case errors.Is(err, ErrReviewsSpent):
				if i < allowed+denied {
					t.Errorf("question %d is undecided before a later one", i)
				}
				spent++
			default:
				t.Error(err)
			}
		}
		return fmt.Sprintf("%d allowed, %d denied, %d undecided; %s", allowed, denied, spent, a.countReviews())
	}
	a.countReviews()
	for _, want := range []string{
		"1 allowed, 63 denied, 36 undecided; 0 tokens, 64 rights",
		"1 allowed, 99 denied, 0 undecided; 0 tokens, 36 rights", // the next request goes on where it ended
		"1 allowed, 99 denied, 0 undecided; 0 tokens, 0 rights",
	} {
		if diff := cmp.Diff(want, count(WithReviewBudget(t.Context(), 64))); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	ctx := WithReviewBudget(t.Context(), 1)
	if err := a.ReviewAgain(ctx, identity, questions[0]); err != nil {
		t.Error(err)
	}
	if err := a.ReviewAgain(ctx, identity, questions[0]); !errors.Is(err, ErrReviewsSpent) {
		t.Errorf("one more than the budget: %v", err)
	}
}
