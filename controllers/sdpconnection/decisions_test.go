package sdpconnection

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestReadCredentials(t *testing.T) {
	t.Parallel()
	cloud := map[string]string{"client_id": "1000.C", "client_secret": "s3cr3t-canary"}
	with := func(values map[string]string, key, value string) map[string]string {
		all := map[string]string{key: value}
		for k, v := range values {
			if k != key {
				all[k] = v
			}
		}
		return all
	}
	for name, tc := range map[string]struct {
		kind    corev1.SecretType
		values  map[string]string
		edition v1alpha1.Edition
		want    string // of the message, nothing for what is right
	}{
		"of the cloud":       {v1alpha1.SDPCredentialsSecretType, cloud, v1alpha1.EditionCloud, ""},
		"with a line break":  {v1alpha1.SDPCredentialsSecretType, with(cloud, "client_secret", "s3cr3t-canary\n"), v1alpha1.EditionCloud, ""},
		"on premises":        {v1alpha1.SDPCredentialsSecretType, map[string]string{"api_key": "s3cr3t-canary"}, v1alpha1.EditionOnPremises, ""},
		"of another type":    {corev1.SecretTypeOpaque, cloud, v1alpha1.EditionCloud, "has type Opaque"},
		"without a secret":   {v1alpha1.SDPCredentialsSecretType, with(cloud, "client_secret", " "), v1alpha1.EditionCloud, "lacks client_secret, which edition Cloud wants; it has the keys client_id, client_secret (empty)"},
		"without anything":   {v1alpha1.SDPCredentialsSecretType, nil, v1alpha1.EditionCloud, "lacks client_id and client_secret, which edition Cloud wants; it has no key"},
		"of another edition": {v1alpha1.SDPCredentialsSecretType, cloud, v1alpha1.EditionOnPremises, "lacks api_key"},
		"of two lines":       {v1alpha1.SDPCredentialsSecretType, with(cloud, "client_secret", "s3cr3t-canary\nmore"), v1alpha1.EditionCloud, "key client_secret"},
		"of binary data":     {v1alpha1.SDPCredentialsSecretType, with(cloud, "client_secret", "s3cr3t-canary\x80"), v1alpha1.EditionCloud, "key client_secret"},
		"too long":           {v1alpha1.SDPCredentialsSecretType, with(cloud, "grant_code", strings.Repeat("s3cr3t-canary", 1000)), v1alpha1.EditionCloud, "key grant_code"},
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "oauth"}, Type: tc.kind, Data: map[string][]byte{}}
		for key, value := range tc.values {
			secret.Data[key] = []byte(value)
		}
		read, invalid := readCredentials(secret, tc.edition)
		switch {
		case tc.want == "" && invalid != nil:
			t.Errorf("%s: %s", name, invalid)
		case tc.want == "" && read.Client.Secret.Reveal() != "s3cr3t-canary" && read.APIKey.Reveal() != "s3cr3t-canary":
			t.Errorf("%s: reads %q", name, read.Client.Secret.Reveal())
		case tc.want != "" && (invalid == nil || !strings.Contains(invalid.message, tc.want)):
			t.Errorf("%s: %v, want %q", name, invalid, tc.want)
		case invalid != nil && strings.Contains(invalid.message, "canary"):
			t.Errorf("%s: the message has the secret: %s", name, invalid)
		}
	}
}

func TestChooseLogin(t *testing.T) {
	t.Parallel()
	client := oauth.Client{ID: "c1", Secret: redact.NewSecret("s")}
	digest := func(code string) string {
		return connectionlogin.Credentials{Client: client, GrantCode: redact.NewSecret(code)}.CodeDigest()
	}
	kept := connectionlogin.Kept{ClientID: "c1", RefreshToken: redact.NewSecret("kept"), Code: digest("code"), Spent: []string{digest("code")}}
	keptOfOther := kept
	keptOfOther.ClientID = "c2"
	spentOnly := connectionlogin.Kept{Spent: []string{digest("code")}, Outcome: "it did not answer"}
	afterSecond := kept.WithSpent(digest("second"))
	for name, tc := range map[string]struct {
		refresh, code string
		managed       connectionlogin.Kept
		// want is refresh:, exchange:, or the reason; a * after it stands for a warning.
		want string
	}{
		"a refresh token":                           {"given", "", connectionlogin.Kept{}, "refresh:given"},
		"a refresh token beside a code":             {"given", "code", kept, "refresh:given"},
		"a new code":                                {"", "code", connectionlogin.Kept{}, "exchange:code"},
		"a code that was exchanged":                 {"", "code", kept, "refresh:kept"},
		"a code that was sent in vain":              {"", "code", spentOnly, v1alpha1.ReasonGrantCodeNeeded},
		"a second code":                             {"", "second", kept, "exchange:second"},
		"a second code that was sent in vain":       {"", "second", afterSecond, "refresh:kept*"},
		"the first code again after the second one": {"", "code", afterSecond, "refresh:kept"},
		"no code any more":                          {"", "", kept, "refresh:kept"},
		"no code, and another client":               {"", "", keptOfOther, v1alpha1.ReasonSecretInvalid},
		"nothing":                                   {"", "", connectionlogin.Kept{}, v1alpha1.ReasonSecretInvalid},
		"a spent code of another client's token":    {"", "code", keptOfOther, v1alpha1.ReasonGrantCodeNeeded},
	} {
		given := connectionlogin.Credentials{Client: client, RefreshToken: redact.NewSecret(tc.refresh), GrantCode: redact.NewSecret(tc.code)}
		chosen, failed := chooseLogin("oauth", given, tc.managed)
		got := "refresh:" + chosen.RefreshToken.Reveal()
		if failed != nil {
			got = failed.reason
		} else if !chosen.Exchange.IsZero() {
			got = "exchange:" + chosen.Exchange.Reveal()
		}
		if chosen.Warning != "" {
			got += "*"
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	_, failed := chooseLogin("oauth", connectionlogin.Credentials{Client: client, GrantCode: redact.NewSecret("code")}, spentOnly)
	if !strings.Contains(failed.message, "it did not answer") {
		t.Errorf("the reason is lost: %s", failed)
	}
}

func TestManagedCredentials_Spent(t *testing.T) {
	t.Parallel()
	var m connectionlogin.Kept
	for i := range connectionlogin.MaxSpentCodes + 3 {
		m = m.WithSpent(fmt.Sprint(i))
	}
	if len(m.Spent) != connectionlogin.MaxSpentCodes || !m.IsSpent("18") || m.IsSpent("2") {
		t.Errorf("keeps %v", m.Spent)
	}
	before := m
	if u := m.WithoutSpent("18", "no connection"); u.IsSpent("18") || !before.IsSpent("18") || u.Outcome != "no connection" {
		t.Errorf("%+v after %+v", u, before)
	}
	secret := &corev1.Secret{Data: managedData(m)}
	secret.Annotations = managedAnnotations(m)
	if diff := cmp.Diff(m.Spent, readManaged(secret).Spent); diff != "" {
		t.Error(diff)
	}
}

func TestOwnershipOf(t *testing.T) {
	t.Parallel()
	c := &v1alpha1.SDPConnection{ObjectMeta: metav1.ObjectMeta{Namespace: "support", Name: "helpdesk", UID: "u2"}}
	secret := func(managedBy, of string, owners ...metav1.OwnerReference) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{v1alpha1.ManagedByLabel: managedBy}, Annotations: map[string]string{connectionAnnotation: of}, OwnerReferences: owners,
		}}
	}
	owner := func(kind, name, uid string) metav1.OwnerReference {
		return metav1.OwnerReference{Kind: kind, Name: name, UID: types.UID(uid)}
	}
	for name, tc := range map[string]struct {
		secret *corev1.Secret
		want   ownership
	}{
		"absent":                     {nil, ownedByNobody},
		"this object's":              {secret(v1alpha1.ManagedByController, "support/helpdesk", owner("SDPConnection", "helpdesk", "u2")), ownedByConnection},
		"a predecessor's":            {secret(v1alpha1.ManagedByController, "support/helpdesk", owner("SDPConnection", "helpdesk", "u1")), ownedByPredecessor},
		"restored without its owner": {secret(v1alpha1.ManagedByController, "support/helpdesk"), ownedByPredecessor},
		"without our label":          {secret("Helm", "support/helpdesk", owner("SDPConnection", "helpdesk", "u2")), ownedByOthers},
		"of another connection":      {secret(v1alpha1.ManagedByController, "support/other", owner("SDPConnection", "other", "u1")), ownedByOthers},
		"claimed by its annotation":  {secret(v1alpha1.ManagedByController, "support/helpdesk", owner("Deployment", "helpdesk", "u1")), ownedByOthers},
	} {
		if got := ownershipOf(tc.secret, c); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

func TestDecideToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	fingerprint := store.FingerprintRefreshToken("c", "r")
	token := func(age time.Duration) *store.StoredToken {
		return &store.StoredToken{Fingerprint: fingerprint, SealedToken: store.SealedToken{
			Kind: store.AccessToken, IssuedAt: now.Add(-age), ExpiresAt: now.Add(time.Hour - age),
		}}
	}
	for name, tc := range map[string]struct {
		change func(*connectionlogin.TokenFacts)
		want   connectionlogin.TokenAction
	}{
		"a young one":                  {func(*connectionlogin.TokenFacts) {}, connectionlogin.UseCurrent},
		"none":                         {func(f *connectionlogin.TokenFacts) { f.Current = nil }, connectionlogin.ReplaceCurrent},
		"a moment before 80 %":         {func(f *connectionlogin.TokenFacts) { f.Current = token(48*time.Minute - time.Second) }, connectionlogin.UseCurrent},
		"at 80 %":                      {func(f *connectionlogin.TokenFacts) { f.Current = token(48 * time.Minute) }, connectionlogin.ReplaceCurrent},
		"of another refresh token":     {func(f *connectionlogin.TokenFacts) { f.Fingerprint = store.FingerprintRefreshToken("c", "other") }, connectionlogin.ReplaceCurrent},
		"of a seal key that is gone":   {func(f *connectionlogin.TokenFacts) { f.IsOpenable = false }, connectionlogin.ReplaceCurrent},
		"of a secret that is replaced": {func(f *connectionlogin.TokenFacts) { f.IsSecretNew = true }, connectionlogin.ReplaceCurrent},
		"a refused one":                {func(f *connectionlogin.TokenFacts) { f.IsRefused = true }, connectionlogin.CheckCurrent},
		"a refused one that is due":    {func(f *connectionlogin.TokenFacts) { f.IsRefused, f.Current = true, token(50*time.Minute) }, connectionlogin.ReplaceCurrent},
		"of a clock that is ahead":     {func(f *connectionlogin.TokenFacts) { f.Current = token(-time.Minute) }, connectionlogin.UseCurrent},
		"an API key of another object": {func(f *connectionlogin.TokenFacts) { f.Current.Kind = store.APIKey }, connectionlogin.ReplaceCurrent},
	} {
		facts := connectionlogin.TokenFacts{Now: now, Current: token(time.Minute), Fingerprint: fingerprint, IsOpenable: true}
		tc.change(&facts)
		if got := connectionlogin.DecideToken(facts); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// TestPauseAfterFailures: requests that fail for an hour are never more than eight in the window.
func TestPauseAfterFailures(t *testing.T) {
	t.Parallel()
	var at []time.Duration
	for now, failures := time.Duration(0), 1; now < time.Hour; failures++ {
		at = append(at, now)
		now += connectionlogin.PauseAfterFailures(failures)
	}
	for i := range at {
		within := 0
		for _, other := range at[i:] {
			if other-at[i] < store.TokenRequestWindow {
				within++
			}
		}
		if within > store.MaxTokenRequests {
			t.Errorf("%d requests from %s on", within, at[i])
		}
	}
}

func TestMissingScopes(t *testing.T) {
	t.Parallel()
	all := []v1alpha1.Toolset{v1alpha1.ToolsetRequests, v1alpha1.ToolsetLookups, v1alpha1.ToolsetProblemsAndChanges}
	for name, tc := range map[string]struct {
		mode    v1alpha1.AccessMode
		granted []string
		want    []string
	}{
		"all of it":         {v1alpha1.AccessModeReadWrite, []string{"SDPOnDemand.requests.ALL", "SDPOnDemand.setup.READ", "SDPOnDemand.problems.ALL", "SDPOnDemand.changes.READ"}, nil},
		"not said":          {v1alpha1.AccessModeReadOnly, nil, nil},
		"reading is enough": {v1alpha1.AccessModeReadOnly, []string{"SDPOnDemand.requests.READ", "SDPOnDemand.setup.READ", "SDPOnDemand.problems.READ", "SDPOnDemand.changes.READ"}, nil},
		"for writing it lacks": {v1alpha1.AccessModeReadWrite, []string{"SDPOnDemand.requests.READ", "SDPOnDemand.setup.READ", "SDPOnDemand.problems.READ", "SDPOnDemand.changes.READ"},
			[]string{"requests: SDPOnDemand.requests.CREATE, SDPOnDemand.requests.UPDATE", "problems-and-changes: SDPOnDemand.problems.CREATE"}},
		"another product's": {v1alpha1.AccessModeReadOnly, []string{"ZohoCRM.requests.ALL"},
			[]string{"requests: SDPOnDemand.requests.READ", "lookups: SDPOnDemand.setup.READ", "problems-and-changes: SDPOnDemand.problems.READ, SDPOnDemand.changes.READ"}},
	} {
		if diff := cmp.Diff(tc.want, missingScopes(all, tc.mode, tc.granted)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDueLookups(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	wanted := []sdp.LookupType{sdp.Priorities, sdp.Statuses, sdp.Sites, sdp.Groups}
	states := []store.LookupState{
		{Type: "priorities", RefreshedAt: now.Add(-7 * time.Hour)}, {Type: "statuses", RefreshedAt: now.Add(-5 * time.Hour)},
		{Type: "sites", RefreshedAt: now.Add(-8 * time.Hour)}, {Type: "vendors", RefreshedAt: now.Add(-90 * time.Hour)},
	}
	none := func(sdp.LookupType) bool { return false }
	for name, tc := range map[string]struct {
		skipped func(sdp.LookupType) bool
		want    []sdp.LookupType
	}{
		"never read before old, and the oldest first": {none, []sdp.LookupType{sdp.Groups, sdp.Sites, sdp.Priorities}},
		"without what cannot be read":                 {func(l sdp.LookupType) bool { return l == sdp.Groups }, []sdp.LookupType{sdp.Sites, sdp.Priorities}},
	} {
		if diff := cmp.Diff(tc.want, dueLookups(wanted, states, 6*time.Hour, now, tc.skipped)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(wanted, dueLookups(wanted, nil, time.Hour, now, none)); diff != "" {
		t.Errorf("none was read (-want +got):\n%s", diff)
	}
}

// TestConditionsOf: what a condition says follows from what was found out, and what was not looked at is not said.
func TestConditionsOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		found finding
		want  string
	}{
		"all is well": {finding{isCloud: true, isTokenKnown: true, hasToken: true, isProven: true, areRead: true},
			"CredentialsValid=True CredentialsAccepted, TokenFresh=True TokenRefreshed, LookupsFresh=True LookupsRefreshed"},
		"on premises": {finding{isTokenKnown: true, hasToken: true, isProven: true, areRead: true, isPending: true},
			"CredentialsValid=True CredentialsAccepted, TokenFresh=True APIKeySealed, LookupsFresh=False LookupsPending"},
		"scopes are missing": {finding{isCloud: true, isTokenKnown: true, hasToken: true, isProven: true, lacks: []string{"projects: x"}, areRead: true, unread: []string{"sites"}},
			"CredentialsValid=False ScopeMissing, TokenFresh=True TokenRefreshed, LookupsFresh=False LookupsFailed"},
		"a second code was spent": {finding{isCloud: true, isTokenKnown: true, hasToken: true, isProven: true, warning: "w", lacks: []string{"projects: x"}},
			"CredentialsValid=False GrantCodeNeeded, TokenFresh=True TokenRefreshed"},
		"the token is revoked and lives": {finding{isCloud: true, isTokenKnown: true, hasToken: true, failed: failBlocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonTokenRevoked, "m")},
			"CredentialsValid=False TokenRevoked, TokenFresh=True TokenRefreshed"},
		"the budget is spent": {finding{isCloud: true, failed: failWaiting(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonRefreshBudgetSpent, "m", 0)},
			"TokenFresh=False RefreshBudgetSpent"},
		"the accounts server is away": {finding{isCloud: true, failed: failRetrying(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonAccountsUnavailable, "m", 0)},
			"TokenFresh=Unknown AccountsUnavailable"},
		"the database is away": {finding{isCloud: true, failed: &failure{kind: status.KindRetry, reason: v1alpha1.ReasonStoreUnavailable}}, ""},
		"no namespace of ours": {finding{isCloud: true, isTokenKnown: true, failed: failBlocked("", v1alpha1.ReasonNamespaceNotAllowed, "m")},
			"TokenFresh=False TokenExpired"},
		"certificates are missing": {finding{isCloud: true, failed: failWaiting("", v1alpha1.ReasonCABundleMissing, "m", 0)}, ""},
		"the Secret is missing, and servers have a token": {
			finding{isCloud: true, isTokenKnown: true, hasToken: true, failed: failWaiting(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonSecretMissing, "m", 0)},
			"CredentialsValid=False SecretMissing, TokenFresh=True TokenRefreshed"},
		"a token that lives is refused": {
			finding{isCloud: true, isTokenKnown: true, hasToken: true, failed: failWaiting(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonRefreshBudgetSpent, "m", 0)},
			"TokenFresh=False RefreshBudgetSpent"},
	} {
		var said []string
		for _, c := range conditionsOf(tc.found) {
			said = append(said, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
		}
		if got := strings.Join(said, ", "); got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, tc.want)
		}
	}
}

// TestTokenFailure: what the accounts server says becomes a reason and a sentence that says what to do.
func TestTokenFailure(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[oauth.Outcome]struct {
		recorded store.TokenRequestOutcome
		reason   string
		kind     status.Kind
	}{
		oauth.InvalidClient:       {store.TokenDenied, v1alpha1.ReasonClientRefused, status.KindBlocked},
		oauth.InvalidClientSecret: {store.TokenDenied, v1alpha1.ReasonClientRefused, status.KindBlocked},
		oauth.InvalidCode:         {store.TokenDenied, v1alpha1.ReasonTokenRevoked, status.KindBlocked},
		oauth.InvalidScope:        {store.TokenDenied, v1alpha1.ReasonClientRefused, status.KindBlocked},
		oauth.Refused:             {store.TokenDenied, v1alpha1.ReasonClientRefused, status.KindBlocked},
		oauth.AccessDenied:        {store.TokenThrottled, v1alpha1.ReasonRefreshBudgetSpent, status.KindWaiting},
		oauth.Unavailable:         {store.TokenFailed, v1alpha1.ReasonAccountsUnavailable, status.KindRetry},
		oauth.Unanswered:          {store.TokenFailed, v1alpha1.ReasonAccountsUnavailable, status.KindRetry},
		oauth.NotSent:             {store.TokenFailed, v1alpha1.ReasonAccountsUnavailable, status.KindRetry},
	} {
		failed := tokenFailure(outcome, &oauth.Error{Outcome: outcome}, connectionlogin.Login{Client: oauth.Client{ID: "c"}})
		if got := recordedOutcome(outcome); got != want.recorded || failed.reason != want.reason || failed.kind != want.kind || failed.message == "" {
			t.Errorf("%s: %s, %s, %s: %s", outcome, got, failed.kind, failed.reason, failed)
		}
	}
}

// TestFailureOf: what a person can do about a refusal of the API server depends on whose it is, and only its own words are repeated.
func TestFailureOf(t *testing.T) {
	t.Parallel()
	secrets := corev1.Resource("secrets")
	terminating := apierrors.NewForbidden(secrets, "s", errors.New("because it is being terminated"))
	terminating.ErrStatus.Details.Causes = append(terminating.ErrStatus.Details.Causes, metav1.StatusCause{Type: corev1.NamespaceTerminatingCause})
	for name, tc := range map[string]struct {
		err    error
		kind   status.Kind
		reason string
	}{
		"a right is missing": {apierrors.NewForbidden(secrets, "s", errors.New(`User "u" cannot get resource "secrets" in API group "" in the namespace "n"`)),
			status.KindBlocked, v1alpha1.ReasonNamespaceNotAllowed},
		"a quota is used up":        {apierrors.NewForbidden(secrets, "s", errors.New("exceeded quota: canary")), status.KindRetry, v1alpha1.ReasonUnexpected},
		"a webhook refuses":         {apierrors.NewForbidden(secrets, "s", errors.New("admission webhook denied the request: canary")), status.KindRetry, v1alpha1.ReasonUnexpected},
		"the namespace is deleted":  {terminating, status.KindWaiting, v1alpha1.ReasonProgressing},
		"the database is away":      {store.ErrUnavailable, status.KindRetry, v1alpha1.ReasonStoreUnavailable},
		"something nobody expected": {errors.New("canary"), status.KindRetry, v1alpha1.ReasonUnexpected},
	} {
		failed := failureOf(fmt.Errorf("write Secret s: %w", tc.err))
		if failed.kind != tc.kind || failed.reason != tc.reason || strings.Contains(failed.message, "canary") {
			t.Errorf("%s: %s %s: %s", name, failed.kind, failed.reason, failed.message)
		}
	}
}
